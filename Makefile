# The same verbs for people and for CI. Everything that is installed goes into .venv and .intermodal.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
UV := $(BIN)/uv
export UV_COMPILE_BYTECODE := 1
export MYPYPATH := src
unexport PYTHONDONTWRITEBYTECODE
INSTALLED := .venv/.installed
DEMO_HOME := .intermodal/demo

.PHONY: up demo down status test check bench docs clean setup lock programs

up: setup  ## Three clouds, MLflow, gateway and Dagster; then train and deploy flight_delay.
	@$(BIN)/intermodal up

demo: setup  ## The whole story, unattended, in a home of its own; what it started stays up to be looked at.
	@echo "Stopping what 'make up' started: the demo needs its ports. 'make up' starts it again, with its state."
	@$(BIN)/intermodal down
	@INTERMODAL_HOME=$(DEMO_HOME) $(BIN)/intermodal down >/dev/null
	@rm -rf $(DEMO_HOME)
	@INTERMODAL_HOME=$(DEMO_HOME) $(BIN)/intermodal demo
	@echo "Stop it: INTERMODAL_HOME=$(DEMO_HOME) make down"

down: setup  ## Stop everything that `up` started.
	@$(BIN)/intermodal down

status: setup
	@$(BIN)/intermodal status

test: setup programs .intermodal/tools/.installed .intermodal/torch/.tried  ## The whole suite, on loopback only.
	@$(BIN)/python -m pytest -n 4 --dist loadfile

check: setup  ## Style, types, who may import whom, specs, definitions.
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy --strict -p intermodal.platform -p intermodal.resources
	@$(BIN)/mypy -p intermodal.assets -p intermodal.sensors -p intermodal.serving -p intermodal.sandbox -p intermodal.cli -m intermodal.definitions
	@$(BIN)/lint-imports
	@VIRTUAL_ENV="$(CURDIR)/.venv" DAGSTER_HOME="$(CURDIR)/tests/dagster-home" $(BIN)/dg check defs

bench: setup programs  ## Measure, and write docs/benchmarks.md; PART="serving drift" measures only these.
	@$(BIN)/python -m tests.bench $(PART)

docs: setup  ## The documentation site, strictly, into site/; read it with `python3 -m http.server -d site`.
	@PYTHONPATH="$(CURDIR)" NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo "Read it: python3 -m http.server --bind 127.0.0.1 --directory site 8000"

clean: ## Forget everything: environment, state, caches.
	@if [ -x $(BIN)/intermodal ]; then $(BIN)/intermodal down; fi
	rm -rf .venv .intermodal .pytest_cache .mypy_cache .ruff_cache .hypothesis dist build site

setup: $(INSTALLED) .intermodal/node/.installed .intermodal/tools/.tried

$(INSTALLED): requirements/dev.txt pyproject.toml
	@echo "Installing Python packages into .venv (about a minute the first time) ..."
	@test -x $(UV) || { $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; set PYTHON=<path>."; exit 1; }; \
		$(PYTHON) -m venv .venv && $(BIN)/python -m pip install -q --require-hashes -r requirements/uv.txt; }
	@$(UV) pip sync -q --python $(BIN)/python --require-hashes requirements/uv.txt requirements/dev.txt
	@$(UV) pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .
	@$(BIN)/python -c 'import ctypes; ctypes.CDLL("libgomp.so.1")' 2>/dev/null \
		|| apt-get install -y -qq libgomp1 >/dev/null 2>&1 \
		|| { echo "libgomp1 is missing; without it LightGBM models are neither trained nor served."; \
			echo "Install it: apt-get install libgomp1"; exit 1; }
	@touch $@

.intermodal/node/.installed: $(INSTALLED) sandbox/azure/package-lock.json
	@$(BIN)/python -m intermodal.sandbox.azure.azurite install
	@touch $@

# The sandbox's image registries. Without apt everything else works, and the registries answer with this reason.
.intermodal/tools/.tried: $(INSTALLED) sandbox/images/program.py
	@mkdir -p $(@D)
	@$(BIN)/python -m intermodal.sandbox.images.program install || true
	@touch $@

# PyTorch for CPUs, for tests. PyPI has the one for CUDA only, so this works where pip is pointed at another index or
# folder; elsewhere its tests are skipped with this log.
.intermodal/torch/.tried: requirements/torch.txt
	@mkdir -p $(@D)
	@$(BIN)/python -m pip install -q --no-deps --target $(@D) -r requirements/torch.txt >$(@D)/log 2>&1 \
		|| echo "PyTorch for CPUs is not here, so its tests will be skipped; the reason is in $(@D)/log"
	@touch $@

.intermodal/tools/.installed: .intermodal/tools/.tried
	@$(BIN)/python -m intermodal.sandbox.images.program install
	@touch $@

# Tests ask a real Prometheus. Where this may install it, its daemons stay off: programs are started by who needs them.
NEEDED := prometheus promtool amtool alertmanager pushgateway
programs:
	@absent() { for name in $(NEEDED); do command -v $$name >/dev/null || command -v prometheus-$$name >/dev/null \
		|| echo $$name; done; }; \
	install() { apt-get install -y -qq --no-install-recommends prometheus prometheus-alertmanager prometheus-pushgateway; }; \
	quiet() { test -e /usr/sbin/policy-rc.d && return; \
		printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d; chmod 755 /usr/sbin/policy-rc.d; \
		trap 'rm -f /usr/sbin/policy-rc.d' EXIT; }; \
	if [ -n "$$(absent)" ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "Installing Prometheus, Alertmanager and Pushgateway ..."; quiet; export DEBIAN_FRONTEND=noninteractive; \
		{ install || { apt-get update -qq && install; }; } >/dev/null 2>&1; fi; \
	if [ -n "$$(absent)" ]; then echo "The tests need these programs, which are not here:" $$(absent); \
		echo "Install them: apt-get install prometheus prometheus-alertmanager prometheus-pushgateway"; exit 1; fi

lock:  ## Pin every package again, with hashes and without the address of any registry.
	$(UV) pip compile -q --python-version 3.11 --all-extras pyproject.toml --generate-hashes --no-header \
		--no-emit-index-url -o requirements/dev.txt
	echo uv | $(UV) pip compile -q --python-version 3.11 - --generate-hashes --no-header --no-emit-index-url \
		-o requirements/uv.txt
	$(BIN)/python -m deploy.docker.lock
