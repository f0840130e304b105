PYTHON ?= python3
BIN := .venv/bin
# Other people's programs, for `make e2e`: each in a folder that names its version.
CRANE := .cache/crane-0.22.1/crane
DISTRIBUTION := .cache/distribution-3.1.2/registry
TOXIPROXY := .cache/toxiproxy-2.12.0/server

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

e2e: .venv/project $(CRANE) $(DISTRIBUTION) $(TOXIPROXY) ## run the service tests on another registry too, with crane and toxiproxy
	tools/fetch_docker_registry.sh
	CRANE=$(abspath $(CRANE)) DISTRIBUTION=$(abspath $(DISTRIBUTION)) TOXIPROXY=$(abspath $(TOXIPROXY)) \
	  $(BIN)/pytest -m e2e -n auto --maxprocesses 4 --dist loadgroup

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

$(CRANE): MODULE := github.com/google/go-containerregistry/cmd/crane@v0.22.1
$(DISTRIBUTION): MODULE := github.com/distribution/distribution/v3/cmd/registry@v3.1.2
$(TOXIPROXY): MODULE := github.com/Shopify/toxiproxy/v2/cmd/server@v2.12.0

$(CRANE) $(DISTRIBUTION) $(TOXIPROXY):
	GOBIN=$(abspath $(@D)) GOFLAGS= go install $(MODULE)
