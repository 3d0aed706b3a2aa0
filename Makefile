# `make demo` and `make test` are all a newcomer needs; both install what they use into .venv.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip install --disable-pip-version-check -q --root-user-action=ignore --use-pep517
RUNTIME := $(VENV)/.runtime
INSTALLED := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help install demo up test check unit coverage integration bench schemas lock clean

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 20

install: $(INSTALLED) ## everything into .venv, for tests and benchmarks too

# What runs, by the lock file of the image: demo and up need no more.
$(RUNTIME): requirements-image.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "Rollcall needs Python 3.11 or newer (PYTHON=... names another)"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) is older than 3.11"; exit 1; }
	@echo "making $(VENV)..."
	@$(PYTHON) -m venv $(VENV) >/dev/null 2>&1 || { rm -rf $(VENV); $(MAKE) --no-print-directory venv-package && $(PYTHON) -m venv $(VENV); }
	@echo "installing the locked packages (a minute or two the first time)..."
	@$(PIP) --require-hashes -r requirements-image.lock
	@$(PIP) --no-deps -e .
	@$(BIN)/python -m local.kafka.make_image
	@touch $@

$(INSTALLED): $(RUNTIME) requirements.lock
	@echo "installing the locked packages of tests and benchmarks..."
	@$(PIP) --require-hashes -r requirements.lock
	@touch $@

.PHONY: venv-package
venv-package:
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "installing python3-venv..."; \
		{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv; } \
			> $(VENV).log 2>&1 || { cat $(VENV).log; rm $(VENV).log; exit 1; }; rm $(VENV).log; \
	else echo "Python's venv module is missing: install the package python3-venv, then try again"; exit 1; fi

demo: $(RUNTIME) ## play recorded FreeSWITCH nodes through the whole pipeline, with a live board
	@$(BIN)/rollcall demo

up: $(RUNTIME) ## the whole stack on this machine, until Ctrl-C
	@$(BIN)/rollcall up

test: check unit integration ## every check and every test

check: install ## lint, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: install ## fast, pure tests, and hostile bytes for every reader
	$(BIN)/pytest -n auto --maxprocesses 8 tests/unit tests/fuzz

coverage: install ## which lines the unit tests run: a table, and pages in .rollcall/coverage
	$(BIN)/pytest -q -n auto --maxprocesses 8 tests/unit tests/fuzz \
		--cov --cov-report=term --cov-report=html:.rollcall/coverage

integration: install ## real Kafka, chDB, Kamailio, HTTP, processes
	@.ci/sip-programs
	$(BIN)/pytest -n 3 --dist loadfile --durations=20 tests/integration

bench: install ## every benchmark, with the peers, into docs/performance.md (benchmarks/README.md)
	$(BIN)/python -m benchmarks --all --output .rollcall/benchmarks.json --page docs/performance.md

schemas: install ## publish the contract anew: schemas/published, schemas/sql, docs/events.md
	$(BIN)/python -m schemas.publish

lock: ## pin all dependencies anew (needs uv in .venv: pip install uv)
	$(BIN)/uv pip compile pyproject.toml --group dev --extra postgresql --python-version 3.11 \
		--generate-hashes --no-header -q -o requirements.lock
	$(BIN)/uv pip compile pyproject.toml --extra postgresql --python-version 3.11 \
		--python-platform x86_64-manylinux_2_36 -c requirements.lock \
		--generate-hashes --no-header -q -o requirements-image.lock

clean: ## remove the environment and all local data
	@rm -rf $(VENV) $(VENV).log .rollcall .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@rm -rf *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
	@echo "clean; the caches of Kafka's jars and of pip stay in ~/.cache/rollcall and ~/.cache/pip"
