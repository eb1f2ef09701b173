# Two commands are enough: `make report` and `make test`. Both set up what they need first, once.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
READY := $(VENV)/ready
PROFILE ?= full
REPORT ?= reports/latest
BASE ?= main
HEAD ?= HEAD
RUNS ?= runs
EXPERIMENTS ?= reports/experiments
# Of the 30 that `make reproduce` may take; the rest is for measuring steps and drawing the report.
MINUTES ?= 27

.DEFAULT_GOAL := help
.PHONY: help report reproduce test lint bench gate clean

help: ## show this
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/make \1\t\2/' | expand -t 16

report: $(READY) ## measure the quick profile on this machine and write reports/latest (5 minutes)
	$(RUN) -m bench run --profile quick $(if $(FRESH),--fresh)
	-@$(RUN) -m bench run --profile check --harness asv --existing
	$(RUN) -m analysis report --output $(REPORT)

reproduce: $(READY) ## train the paper's experiments and write reports/experiments (30 minutes)
	$(RUN) -m bench reproduce --minutes $(MINUTES) --runs $(RUNS) $(if $(FULL),--full)
	$(RUN) -m analysis experiments $(RUNS) --output $(EXPERIMENTS)

test: $(READY) lint ## run the linters and the tests
	$(RUN) -m pytest -n auto --dist loadfile -p no:benchmark

lint: $(READY) ## check style and formatting
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

bench: $(READY) ## asv over the current commit; PROFILE=quick, ci or full (full: hours)
	$(RUN) -m bench run --profile $(PROFILE) --harness asv

gate: $(READY) ## did HEAD get slower than BASE? exit code 0: no, 1: yes, 2: not measured (10 minutes)
	$(RUN) -m bench gate --base $(BASE) --head $(HEAD)

clean: ## remove the environment and caches; results and reports stay
	rm -rf $(VENV) .asv/env .pytest_cache .ruff_cache .hypothesis build *.egg-info

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version.split()[0] + "; name one with make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[suite]'
	@touch $@
