# From a bare checkout with python3 (3.11 or newer) and make. Every target makes the
# virtual environment it needs; the stamp files in it say what is installed.

PYTHON ?= python3
VENV ?= .venv
WORKERS ?= 2
ARGS ?=

RUN := $(VENV)/bin/python -m
OLDEST := $(VENV)-oldest

.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help demo test test-oldest lint docs clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12
	@echo "Variables: PYTHON=$(PYTHON) VENV=$(VENV) WORKERS=$(WORKERS) ARGS='--folds 5' (demo)"

demo: $(VENV)/.installed-benchmarks ## ERM against mixup on data of scikit-learn: tables, a page with figures
	$(RUN) benchmarks demo $(ARGS)

# One thread a process: the workers share the cores, and so small a network gains
# nothing from a second thread.
test: lint ## format, lint, import contracts, types and the tests
	OMP_NUM_THREADS=1 $(RUN) pytest -n $(WORKERS)

# Warnings are no errors here: old versions warn of each other and of newer libraries.
test-oldest: $(OLDEST)/.installed ## the tests, with the oldest versions that are allowed
	OMP_NUM_THREADS=1 $(OLDEST)/bin/python -m pytest -W default -n $(WORKERS)

lint: $(VENV)/.installed-dev ## format, lint, import contracts and types
	$(RUN) ruff format --check
	$(RUN) ruff check
	$(VENV)/bin/lint-imports
	$(RUN) mypy

docs: $(VENV)/.installed-docs ## the documentation, in docs/_build/html
	rm -rf docs/_build docs/generated # pages of names that are no more
	OMP_NUM_THREADS=1 $(RUN) sphinx -W --keep-going -b html docs docs/_build/html

clean: ## remove the environment, caches and whatever was built
	rm -rf $(VENV) $(OLDEST) build dist docs/_build docs/auto_gallery docs/generated
	rm -rf docs/sg_execution_times.rst htmlcov .coverage .coverage.* .benchmarks
	rm -rf .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find sk_mixup benchmarks tests docs -name __pycache__ -prune -exec rm -rf {} +

$(VENV)/bin/python $(OLDEST)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "sk_mixup needs Python 3.11 or newer, and '$(PYTHON)' is not: name one, as in 'make PYTHON=python3.12 $(MAKECMDGOALS)'." >&2; \
	    exit 1; }
	$(PYTHON) -m venv $(@:/bin/python=)

$(VENV)/.installed-%: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(RUN) pip install --quiet --constraint constraints.txt --editable '.[$*]'
	@touch $@

$(OLDEST)/.installed: pyproject.toml constraints-oldest.txt | $(OLDEST)/bin/python
	$(OLDEST)/bin/python -m pip install --quiet --constraint constraints-oldest.txt --editable '.[test]'
	@touch $@
