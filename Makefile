PYTHON ?= python3
BIN := .venv/bin

# Other people's programs, most for `make e2e` alone: each in a folder that names its version.
DOCKER_REGISTRY := .cache/docker-registry-2.8.2/docker-registry
ETCD := .cache/etcd-3.4/etcd
REDIS := .cache/redis-server-7.0/redis-server
SKOPEO := .cache/skopeo-1.9/skopeo
ZSH := .cache/zsh-5.9/zsh
FISH := .cache/fish-3.6/fish
CHROMIUM := .cache/chromium/chromium
CRANE := .cache/crane-0.22.1/crane
DISTRIBUTION := .cache/distribution-3.1.2/registry
TOXIPROXY := .cache/toxiproxy-2.12.0/server
KUSTOMIZE := .cache/kustomize-5.8.1/kustomize
KUSTOMIZE_4 := .cache/kustomize-4.5.7/kustomize
KPT := .cache/kpt-1.0.0-beta.61/kpt
ACTIONLINT := .cache/actionlint-1.7.12/actionlint
KUBE_APISERVER := .cache/kube-apiserver-1.36.3/kube-apiserver
KUBECTL := .cache/kubectl-1.36.3/kubectl
KUBECTL_NFD := .cache/kubectl-nfd-0.18.3/kubectl-nfd
ARGOCD := .cache/argocd-3.2.0/argocd
ARGOCD_CRDS := $(dir $(ARGOCD))crds
ARGOCD_REPO_SERVER := $(dir $(ARGOCD))repo-server
# What the tests find in their environment, under these names.
PROGRAMS := ETCD REDIS SKOPEO ZSH FISH CHROMIUM CRANE DISTRIBUTION TOXIPROXY KUSTOMIZE KUSTOMIZE_4 KPT ACTIONLINT \
  KUBE_APISERVER KUBECTL KUBECTL_NFD ARGOCD ARGOCD_CRDS ARGOCD_REPO_SERVER

.DEFAULT_GOAL := help
.PHONY: help demo test cover check e2e bench pyz format clean

help: ## show this list
	@sed -n 's/^\([a-z0-9]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

demo: .venv/runs ## show what gitops-doca is for with fixtures/demo, in seconds and without network
	@$(BIN)/python tools/demo.py

test: .venv/project $(DOCKER_REGISTRY) ## run all tests but e2e, with Debian's docker-registry on loopback
	$(BIN)/pytest -m "not e2e" -n auto --maxprocesses 4 --dist loadgroup

# The time limits of some tests do not hold while coverage traces them: whether tests pass, `make test` says.
cover: .venv/project $(DOCKER_REGISTRY) ## measure the branch coverage of the tests that need no real server, in one process
	-$(BIN)/coverage run -m pytest -m "not e2e and not service"
	$(BIN)/coverage report
	$(BIN)/coverage report --include 'gitops_doca/core/*' --fail-under 90 >/dev/null

check: .venv/project ## formatter, linters, types, layers, spelling
	$(BIN)/ruff format --check . && $(BIN)/ruff check .
	$(BIN)/mypy && $(BIN)/lint-imports && $(BIN)/codespell
	$(BIN)/shellcheck .ci/run tools/*.sh deploy/*/*.sh

e2e: .venv/project $(DOCKER_REGISTRY) $(foreach name,$(PROGRAMS),$($(name))) ## run the tests with real servers and other people's programs
	$(foreach name,$(PROGRAMS),$(name)=$(abspath $($(name)))) $(BIN)/pytest -m e2e -n auto --maxprocesses 4 --dist loadgroup

bench: .venv/project ## print the table of speed and memory budgets
	ARGOCD=$(abspath $(wildcard $(ARGOCD))) $(BIN)/python tools/bench.py

pyz: .venv/project ## build dist/gitops-doca.pyz, which runs by itself; dist/gitops-doca-krm is a link to it
	$(BIN)/python tools/pyz.py dist/gitops-doca.pyz
	ln -sf gitops-doca.pyz dist/gitops-doca-krm

format: .venv/project ## format, and fix what the linter can
	$(BIN)/ruff format . && $(BIN)/ruff check --fix .

clean: ## remove everything that make made
	rm -rf .venv .cache .*_cache .hypothesis .coverage htmlcov dist

# What runs, and so goes into the pyz, is checked by its hashes.
define INSTALL_WHAT_RUNS
$(PYTHON) -m venv --clear .venv
$(BIN)/pip install --quiet --disable-pip-version-check --only-binary :all: --require-hashes -r requirements.txt
touch .venv/runs
endef

.venv/runs: requirements.txt
	$(INSTALL_WHAT_RUNS)

.venv/requirements: requirements-dev.txt requirements.txt
	$(INSTALL_WHAT_RUNS)
	$(BIN)/pip install --quiet --disable-pip-version-check -r $< && touch $@

.venv/project: .venv/requirements pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	$(BIN)/pip --disable-pip-version-check check && touch $@

$(DOCKER_REGISTRY): PACKAGE := docker-registry docker-registry 2.8.2
$(ETCD): PACKAGE := etcd-server etcd 3.4
$(REDIS): PACKAGE := redis-server redis-server 7.0
$(SKOPEO): PACKAGE := skopeo skopeo 1.9
$(ZSH): PACKAGE := zsh zsh 5.9
$(FISH): PACKAGE := fish fish 3.6

$(DOCKER_REGISTRY) $(ETCD) $(REDIS) $(SKOPEO) $(ZSH) $(FISH):
	tools/fetch_debian.sh $(PACKAGE)

$(CHROMIUM):
	tools/find_chromium.sh $@

$(CRANE): MODULE := github.com/google/go-containerregistry/cmd/crane@v0.22.1
$(DISTRIBUTION): MODULE := github.com/distribution/distribution/v3/cmd/registry@v3.1.2
$(TOXIPROXY): MODULE := github.com/Shopify/toxiproxy/v2/cmd/server@v2.12.0
$(KUSTOMIZE): MODULE := sigs.k8s.io/kustomize/kustomize/v5@v5.8.1
$(KUSTOMIZE_4): MODULE := sigs.k8s.io/kustomize/kustomize/v4@v4.5.7
$(ACTIONLINT): MODULE := github.com/rhysd/actionlint/cmd/actionlint@v1.7.12

# Two may build the same at once: each program is moved into place when it is whole.
$(CRANE) $(DISTRIBUTION) $(TOXIPROXY) $(KUSTOMIZE) $(KUSTOMIZE_4) $(ACTIONLINT):
	mkdir -p $@.$$$$ && GOBIN=$(abspath $@.)$$$$ GOFLAGS= go install $(MODULE) && mv $@.$$$$/$(@F) $@ && rmdir $@.$$$$

$(KUBE_APISERVER) $(KUBECTL): STAMP := k8s.io/component-base/version.gitVersion=v1.36.3
$(KUBE_APISERVER): PACKAGE := kubernetes k8s.io/kubernetes/cmd/kube-apiserver
$(KUBECTL): PACKAGE := kubernetes k8s.io/kubernetes/cmd/kubectl
$(KPT): STAMP := main.version=1.0.0-beta.61
$(KPT): PACKAGE := kpt .
$(KUBECTL_NFD): STAMP := sigs.k8s.io/node-feature-discovery/pkg/version.version=v0.18.3
$(KUBECTL_NFD): PACKAGE := nfd sigs.k8s.io/node-feature-discovery/cmd/kubectl-nfd
$(ARGOCD): STAMP := github.com/argoproj/argo-cd/v3/common.version=3.2.0
$(ARGOCD): PACKAGE := argocd github.com/argoproj/argo-cd/v3/cmd

$(KUBE_APISERVER) $(KUBECTL) $(KPT) $(KUBECTL_NFD) $(ARGOCD):
	GOFLAGS= go build -C tools/go/$(firstword $(PACKAGE)) -trimpath -ldflags "-s -w -X $(STAMP)" \
	  -o $(abspath $@.)$$$$ $(lastword $(PACKAGE)) && mv $@.$$$$ $@

# A cluster needs Argo CD's own resource definitions, and our component its repo-server: its module holds both.
$(ARGOCD_CRDS): MANIFESTS := crds
$(ARGOCD_REPO_SERVER): MANIFESTS := base/repo-server
$(ARGOCD_CRDS) $(ARGOCD_REPO_SERVER): $(ARGOCD)
	cp -rT --no-preserve=mode "$$(GOFLAGS= go list -C tools/go/argocd -m -f '{{.Dir}}' github.com/argoproj/argo-cd/v3)/manifests/$(MANIFESTS)" $@
