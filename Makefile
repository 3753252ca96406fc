# What people and CI type; `make` alone lists it.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory --no-builtin-rules

PYTHON ?= python3
BIN := .tools/bin
VENV := .venv/.installed

.PHONY: help demo test unit lint types tools system-tools lock

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-6s  %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV) ## build, sign and verify an image on this machine, and see a tampered one fail
	@.venv/bin/attest demo

test: $(VENV) lint types ## everything that CI checks: lint, types, all tests (root runs BuildKit too)
	@.venv/bin/pytest --numprocesses=2 --dist=loadfile

unit: $(VENV) ## the tests that need neither tools nor root
	@.venv/bin/pytest --numprocesses=2 --dist=loadfile -m "not e2e"

lint: $(VENV) ## ruff: rules and format
	@.venv/bin/ruff check --quiet
	@.venv/bin/ruff format --check --quiet

types: $(VENV) ## mypy, strict
	@.venv/bin/mypy --no-error-summary

# --- Python -----------------------------------------------------------------------------------------------------------

define need_python
$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	echo "$(PYTHON) is missing or older than Python 3.11. Name a newer one: make PYTHON=python3.12 …" >&2; exit 1; }; \
$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	echo "$(PYTHON) cannot make virtual environments. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
endef

# The package itself is built by the hatchling of the lock, so that nothing comes in without a hash. The lock is complete,
# and pip must not resolve again: where an extra of something locked has a newer release, it asks for that and fails.
$(VENV): requirements.lock pyproject.toml
	@.venv/bin/python -m pip --version >/dev/null 2>&1 || { $(need_python); $(PYTHON) -m venv --clear .venv; }
	@echo "Installing requirements.lock into .venv" >&2
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

lock: $(VENV) ## renew requirements.lock: every dependency at its newest allowed version, with hashes
	.venv/bin/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --upgrade --generate-hashes \
		--no-emit-index-url --no-header --quiet --output-file requirements.lock

# --- The real parts for tests/e2e -------------------------------------------------------------------------------------

define need_go
command -v go >/dev/null || { \
	echo "Go is missing, it builds the tools of tests/tools. Install Go, or run the tests that need none: make unit" >&2; \
	exit 1; }
endef

# $(call tool,binary,folder of its go.mod,package[,module that keeps its version in version.Version])
define tool
TOOLS += $(BIN)/$(1)
$(BIN)/$(1): tests/tools/$(2)/go.mod tests/tools/$(2)/go.sum $(wildcard tests/tools/$(2)/*.go)
	@$$(need_go)
	@echo "Building $(1)" >&2
	@CGO_ENABLED=0 GOFLAGS= GOWORK=off go build -C tests/tools/$(2) -trimpath -buildvcs=false -o $(CURDIR)/$$@ \
		-ldflags "-s -w$(if $(4), -X $(4)/version.Version=$$$$(go list -C tests/tools/$(2) -m -f '{{.Version}}' $(4)))" $(3)
	@touch $$@
endef
$(eval $(call tool,crane,crane,github.com/google/go-containerregistry/cmd/crane))
$(eval $(call tool,referrers-registry,referrers,.))
$(eval $(call tool,registry,distribution,github.com/distribution/distribution/v3/cmd/registry))
$(eval $(call tool,buildkitd,buildkit,github.com/moby/buildkit/cmd/buildkitd,github.com/moby/buildkit))
$(eval $(call tool,buildctl,buildkit,github.com/moby/buildkit/cmd/buildctl,github.com/moby/buildkit))
$(eval $(call tool,buildx,buildx,github.com/docker/buildx/cmd/buildx,github.com/docker/buildx))
$(eval $(call tool,cosign,cosign,github.com/sigstore/cosign/v3/cmd/cosign))
$(eval $(call tool,dockerfile-frontend,buildkit,github.com/moby/buildkit/frontend/dockerfile/cmd/dockerfile-frontend))
$(eval $(call tool,fulcio,fulcio,github.com/sigstore/fulcio))
$(eval $(call tool,rekor-server,rekor,github.com/sigstore/rekor-tiles/v2/cmd/rekor-server/posix))
$(eval $(call tool,sarif-validate,sarif,.))
$(eval $(call tool,timestamp-server,timestamp,github.com/sigstore/timestamp-authority/v2/cmd/timestamp-server))

tools: $(TOOLS) system-tools ## build BuildKit, two registries, crane, cosign, a Sigstore and a SARIF validator for the tests

system-tools:
	@tests/tools/system-packages

# In CI a missing tool is a failure; elsewhere the tests that need it skip and name it.
ifneq (,$(filter true,$(CI))$(shell command -v go))
test: tools
else
test: missing-tools
endif

.PHONY: missing-tools
missing-tools: system-tools
	@absent="$(notdir $(filter-out $(wildcard $(TOOLS)),$(TOOLS)))"; [ -z "$$absent" ] || \
		echo "Go is missing, so the tests that need $${absent// /, } will be skipped" >&2
