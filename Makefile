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

CPP := $(wildcard $(foreach kind,cpp cu h,urnn/backends/*/*.$(kind) tests/urnn/*/*.$(kind)))
TIDY_CPU = clang-tidy --quiet urnn/backends/cpu/kernel.cpp -- -std=c++20 -DURNN_REAL=float
# The CUDA kernels as a host reads them: clang-tidy knows no NVRTC.
TIDY_CUDA = clang-tidy --quiet tests/urnn/cuda/host.cpp -- -std=c++20 -Iurnn/backends/cuda \
	-DURNN_N=16 -DURNN_ELEMENTS=4 -DURNN_REAL=float -DURNN_RELEASED=1

.DEFAULT_GOAL := help
RANGE ?= main
CALIBRATION_MINUTES ?= 40
OTAVA := .otava
.PHONY: help report reproduce test lint sanitize bench gate history calibrate clean

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

lint: $(READY) ## check style, formatting, types, imports, workflows and scripts
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/lint-imports
	$(VENV)/bin/mypy
	$(VENV)/bin/validate-pyproject pyproject.toml
	$(VENV)/bin/zizmor --offline --pedantic --quiet .github
	$(VENV)/bin/shellcheck .ci/*
	$(VENV)/bin/clang-format --dry-run --Werror $(CPP)
	@if command -v clang-tidy >/dev/null; then $(TIDY_CPU) && $(TIDY_CUDA); else \
	echo "clang-tidy is not installed: the compiler's warnings alone have checked the kernels"; fi
	@if command -v actionlint >/dev/null; then actionlint; else \
	echo "actionlint is not installed: zizmor and tests/ci alone have checked the workflows"; fi

sanitize: $(READY) ## the layer's tests with a kernel that watches every access to memory (5 minutes)
	.ci/sanitize $(RUN)

bench: $(READY) ## asv over the current commit; PROFILE=quick, ci or full (full: hours)
	$(RUN) -m bench run --profile $(PROFILE) --harness asv

gate: $(READY) ## did HEAD get slower than BASE? exit code 0: no, 1: yes, 2: not measured (10 minutes)
	$(RUN) -m bench gate --base $(BASE) --head $(HEAD)

history: $(READY) $(OTAVA)/ready ## measure the commits of RANGE that changed what is timed; reports/history and asv's site
	$(RUN) -m bench history --range $(RANGE)
	$(RUN) -m analysis history

calibrate: $(READY) ## measure the gate itself: its false alarms and what it catches (40 minutes)
	$(RUN) -m bench calibrate --minutes $(CALIBRATION_MINUTES)
	$(RUN) -m analysis calibration

clean: ## remove the environment and caches; results and reports stay
	rm -rf $(VENV) $(OTAVA) .asv/env .pytest_cache .ruff_cache .mypy_cache .hypothesis .import_linter_cache build dist *.egg-info

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version.split()[0] + "; name one with make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

# Apache Otava wants older versions of numpy and scipy than the suite, so it has an environment of its own.
$(OTAVA)/ready: otava.txt
	$(PYTHON) -m venv $(OTAVA)
	$(OTAVA)/bin/python -m pip install --quiet --disable-pip-version-check --requirement otava.txt
	@touch $@
