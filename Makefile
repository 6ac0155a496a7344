# One entry for newcomers and for CI. Every target works on a bare machine:
# Python 3.11, make and a C compiler; all else comes from requirements.lock.

PYTHON ?= python3
CORES  ?= all
BIN    := .venv/bin
UV     := $(BIN)/python -m uv
UV_VERSION := 0.13.8
# Where there is no GPU, requirements-cpu.lock spares the libraries of CUDA: make env LOCK=...
LOCK   ?= $(if $(filter Darwin,$(shell uname)),requirements-cpu.lock,requirements.lock)

export PATH := $(CURDIR)/$(BIN):$(PATH)

.DEFAULT_GOAL := help
.PHONY: help env slurm all demo test test-slurm test-faults check docs bench rehearse lock format clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /  \1\t/'

env: .venv/installed ## create .venv with the locked versions

# Bytecode is compiled here, once, because some machines forbid Python to write
# it later and torch would then take ten seconds to import, job after job.
.venv/installed: $(LOCK) pyproject.toml setup.py
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	$(UV) pip install --quiet --compile-bytecode -r $(LOCK) $(if $(findstring cpu,$(LOCK)),--torch-backend cpu)
	$(UV) pip install --quiet --no-deps --editable .
	touch $@

slurm: env ## add to .venv what sends jobs to a Slurm cluster
	$(UV) pip install --quiet --compile-bytecode -r requirements-slurm.lock

all: env ## every table for config/config.yaml, from raw dumps on
	snakemake --cores $(CORES) all

demo: env ## one small table, a minute after the environment
	snakemake --cores $(CORES) demo --configfile config/demo.yaml

test: env ## the whole test suite
	python -m pytest

test-slurm: slurm ## the workflow on a Slurm of this machine: apt-get install slurm-wlm munge
	python -m pytest -n0 tests/slurm

test-faults: env ## every fault against every promise; the table in results/faults/faults.md
	python -m tests.faults

check: env ## lint, format, types, import contracts
	ruff check .
	ruff format --check .
	snakefmt --check workflow
	mypy
	lint-imports
	snakemake --dry-run --quiet all

docs: env ## the documentation as a site, results/docs/index.html; no network to read it
	$(UV) pip install --quiet --compile-bytecode -r requirements-docs.lock
	NO_MKDOCS_2_WARNING=1 python -m mkdocs build

bench: env ## the benchmarks; results as json below results/bench
	python -m tests.bench

SHARE  ?= 0.01
FOLDER ?= results/dumps

rehearse: env ## cohort to cache at a share of MIMIC-IV's rows: SHARE=1 FOLDER=/a/large/disk
	python -m tests.rehearsal --share $(SHARE) --folder $(FOLDER)

# The other lock has the same versions, which it finds in its own file; for Linux and macOS.
COMPILE = $(UV) pip compile pyproject.toml --extra dev --extra autogluon --python-version 3.11 \
	  --no-emit-index-url --no-annotate --no-header
CUDA = $(shell grep -oE '^(cuda|nvidia|triton)[a-z0-9-]*' requirements.lock | grep -v nvidia-ml-py3)

lock: .venv/installed ## resolve pyproject.toml anew into both locks
	$(COMPILE) --upgrade --output-file requirements.lock
	cp requirements.lock requirements-cpu.lock
	$(COMPILE) --universal $(CUDA:%=--no-emit-package %) --output-file requirements-cpu.lock
	for extra in slurm docs; do $(UV) pip compile pyproject.toml --extra $$extra \
	  --constraint requirements.lock --python-version 3.11 --no-emit-index-url --no-annotate --no-header \
	  --quiet | grep -vxFf requirements.lock > requirements-$$extra.lock; done

format: env ## rewrite Python and Snakemake files in the house format
	ruff check --fix .
	ruff format .
	snakefmt workflow

clean: ## remove the environment and the caches, keep results/
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache *.egg-info
