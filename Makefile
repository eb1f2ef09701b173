# Two commands are enough: `make report` and `make test`. Both first set up what they need, once.

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
RELATED ?= runs/related
# Of the 25 that `make related` may take; the rest is for drawing the report.
RELATED_MINUTES ?= 24
# Of the 30 that `make reproduce` may take; the rest is for measuring steps and drawing the report.
MINUTES ?= 27
CPP := $(wildcard $(foreach kind,cpp cu h,urnn/backends/*/*.$(kind) tests/urnn/*/*.$(kind)))
TIDY_CPU = clang-tidy --quiet urnn/backends/cpu/kernel.cpp -- -std=c++20 -DURNN_REAL=float
# The CUDA kernels as a host reads them: clang-tidy knows no NVRTC.
TIDY_CUDA = clang-tidy --quiet tests/urnn/cuda/host.cpp tests/urnn/cuda/host_device.cpp -- -std=c++20 -Iurnn/backends/cuda \
	-DURNN_N=16 -DURNN_ELEMENTS=4 -DURNN_RADICES=4,4 -DURNN_WIDE_ELEMENTS=2 -DURNN_WIDE_RADICES=2,2,2,2 \
	-DURNN_REAL=float -DURNN_STORED=Float16 -DURNN_RELEASED=1 -DURNN_SHARED_TABLES=0 \
	-DURNN_HELD_FORWARD=0 -DURNN_HELD_BACKWARD=0 -DURNN_SHARED_SUMS=0 -DURNN_SUMS_FEW=1
RANGE ?= main
CALIBRATION_MINUTES ?= 40
OTAVA := .otava
FLEET := .fleet
# What `make report` measures first: the cells of the quick profile that its headline rests on, in one pass.
FIRST := --models urnn,lstm --phase train,forward --hidden 64,128,256,1024 --length 100 --batch 32 --task copying \
    --passes 1
TESTS := $(RUN) -m pytest -n auto --dist loadfile -p no:benchmark

# The tests start hundreds of Python processes, each of which would compile every module again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help report related reproduce check test lint mutants sanitize bench gate history calibrate clean

help: ## show this
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/make \1\t\2/' | expand -t 16

report: $(READY) ## is the uRNN faster here? a first answer after a minute, the whole report after five
	@echo "Step 1 of 3: a first answer, from the uRNN and nn.LSTM at four sizes (a minute)."
	@$(RUN) -m bench run --profile quick $(FIRST) $(if $(FRESH),--fresh)
	@$(RUN) -m analysis report --output reports/latest
	@echo
	@echo "That is the first answer; the page above can be opened now, and the whole report follows."
	@echo "Step 2 of 3: every model, more sizes, each cell twice (three minutes). Ctrl-C is safe at any time: what is"
	@echo "measured is kept, and make report goes on from there."
	@$(RUN) -m bench run --profile quick
	@echo
	@echo "Step 3 of 3: a few cells again with asv, to hold one way of measuring against the other, then the report."
	@mkdir -p .asv
	@$(RUN) -m bench run --profile check --harness asv --existing >.asv/check.log 2>&1 || \
	{ cat .asv/check.log; echo "The report does without them."; }
	@echo
	@$(RUN) -m analysis report --output $(REPORT)
	@echo "Open that page in a browser. make report FRESH=1 measures everything again."

related: $(READY) ## study the related systems, write reports/related (25 minutes)
	$(RUN) -m bench related --minutes $(RELATED_MINUTES) --runs $(RELATED)
	$(RUN) -m analysis related $(RELATED) --output reports/related

reproduce: $(READY) ## compare models, train the paper's experiments, write reports/experiments (30 minutes)
	$(RUN) -m bench reproduce --minutes $(MINUTES) --runs $(RUNS) $(if $(FULL),--full)
	$(RUN) -m analysis experiments $(RUNS) --output $(EXPERIMENTS)

check: $(READY) lint ## run the linters and the quick tests (a minute)
	$(TESTS) -m "not slow"

test: $(READY) $(FLEET)/ready lint ## run the linters and all tests (fifteen minutes)
	$(TESTS)

lint: $(READY) ## check style, formatting, types, imports, workflows and scripts
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/lint-imports --no-logo
	$(VENV)/bin/mypy
	$(VENV)/bin/validate-pyproject pyproject.toml
	$(VENV)/bin/zizmor --offline --pedantic --quiet .github
	$(VENV)/bin/shellcheck .ci/*
	@echo clang-format of the kernels
	@$(VENV)/bin/clang-format --dry-run --Werror $(CPP)
	@if command -v clang-tidy >/dev/null; then $(TIDY_CPU) && $(TIDY_CUDA); else \
	echo "clang-tidy is not installed: the compiler's warnings alone have checked the kernels"; fi
	@if command -v actionlint >/dev/null; then actionlint; else \
	echo "actionlint is not installed: zizmor and tests/ci alone have checked the workflows"; fi

mutants: $(READY) ## plant thirty faults, one after the other, and see which ones the tests notice (2 minutes)
	$(RUN) tests/mutants/plant.py

sanitize: $(READY) ## run the layer's tests with a kernel that checks every memory access (5 minutes)
	.ci/sanitize $(RUN)

bench: $(READY) ## measure the current commit with asv; PROFILE=quick, ci or full (full takes hours)
	$(RUN) -m bench run --profile $(PROFILE) --harness asv

gate: $(READY) ## did HEAD get slower than BASE? 0: no, 1: yes, 2: not measured (12 minutes)
	$(RUN) -m bench gate --base $(BASE) --head $(HEAD)

history: $(READY) $(OTAVA)/ready ## measure every commit of RANGE that changed what is timed, for reports/history and asv's site
	$(RUN) -m bench history --range $(RANGE)
	$(RUN) -m analysis history

calibrate: $(READY) ## measure the gate itself: how often it is wrong, and what it catches (40 minutes)
	$(RUN) -m bench calibrate --minutes $(CALIBRATION_MINUTES)
	$(RUN) -m analysis calibration

clean: ## remove the environment and caches; results and reports stay
	rm -rf $(VENV) $(OTAVA) $(FLEET) .asv/env .pytest_cache .ruff_cache .mypy_cache .hypothesis .import_linter_cache build dist *.egg-info

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

# Dask spreads a sweep over machines and measures nothing, so it has an environment of its own, without torch.
$(FLEET)/ready: fleet.txt
	$(PYTHON) -m venv $(FLEET)
	$(FLEET)/bin/python -m pip install --quiet --disable-pip-version-check --requirement fleet.txt
	@touch $@
