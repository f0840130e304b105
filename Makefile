PYTHON ?= python3
BIN := .venv/bin
CRANE := .cache/crane-0.22.1/crane

.DEFAULT_GOAL := help
.PHONY: help demo test check e2e bench format clean

help: ## show this list
	@sed -n 's/^\([a-z0-9]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

demo: .venv/project ## print the manifests of fixtures/demo, from its lock and without network
	@$(BIN)/gitops-doca generate fixtures/demo

test: .venv/project ## run all tests but e2e, with Debian's docker-registry on loopback
	tools/fetch_docker_registry.sh
	$(BIN)/pytest -m "not e2e" -n auto --maxprocesses 4 --dist loadgroup

check: .venv/project ## formatter, linter, types, layers, spelling
	$(BIN)/ruff format --check . && $(BIN)/ruff check .
	$(BIN)/mypy && $(BIN)/lint-imports && $(BIN)/codespell

e2e: .venv/project $(CRANE) ## compare with crane on the same registry
	CRANE=$(abspath $(CRANE)) $(BIN)/pytest -m e2e

bench: .venv/project ## print the table of speed and memory budgets
	$(BIN)/python tools/bench.py

format: .venv/project ## format and mend what the linter can
	$(BIN)/ruff format . && $(BIN)/ruff check --fix .

clean: ## remove everything that make made
	rm -rf .venv .cache .*_cache .hypothesis .coverage htmlcov dist

.venv/requirements: requirements-dev.txt
	$(PYTHON) -m venv --clear .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -r $< && touch $@

.venv/project: .venv/requirements pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	$(BIN)/pip --disable-pip-version-check check && touch $@

$(CRANE):
	GOBIN=$(abspath $(@D)) GOFLAGS= go install github.com/google/go-containerregistry/cmd/crane@v0.22.1
