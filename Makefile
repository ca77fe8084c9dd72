# Main commands. Everything stays in this folder: packages in .venv, caches in .cache.

PYTHON ?= python3
CORES ?= all
SCALE ?= demo

VENV := .venv
READY := $(VENV)/.ready
TOOLS := $(VENV)/.tools
CACHE := $(CURDIR)/.cache

export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
# Programs run the code of this checkout, even if $(VENV) links to that of another one.
export PYTHONPATH := $(CURDIR)/src$(if $(PYTHONPATH),:$(PYTHONPATH))
export XDG_CACHE_HOME := $(CACHE)
export PIP_CACHE_DIR := $(CACHE)/pip
export HF_HOME := $(CACHE)/huggingface
export TORCH_HOME := $(CACHE)/torch
export TORCHINDUCTOR_CACHE_DIR := $(CACHE)/torchinductor
export MPLCONFIGDIR := $(CACHE)/matplotlib
export DVC_SITE_CACHE_DIR := $(CACHE)/dvc

# Tests and jobs run in parallel, so each gets one thread.
export OMP_NUM_THREADS ?= 1

SNAKEMAKE := snakemake --cores $(CORES)

.DEFAULT_GOAL := help
.PHONY: help demo ablations real run rehearsal repro test chaos test-integration lint audit schema docs clean

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 26

demo: $(READY) ## run the demo on the CPU: data, training, evaluation, report
	$(SNAKEMAKE) --config scale=demo --prioritize models/base/demo
	@vqathinker summary results/demo

ablations: $(READY) ## run the demo with its ablations and additional seeds
	$(SNAKEMAKE) --config scale=demo -- ablations
	@vqathinker summary results/demo/ablations

# make real VIDEOS=FOLDER: with videos/ and manifest.csv (docs/results.md)
VIDEOS ?=

real: $(READY) ## evaluate the demo's policies on real videos: make real VIDEOS=FOLDER
	@sh workflow/real.sh "$(VIDEOS)" --cores $(CORES)

run: $(READY) ## run another scale: make run SCALE=paper
	$(SNAKEMAKE) --config scale=$(SCALE)

# make rehearsal TARGETS=ablations: these targets; REHEARSAL=rehearsal-single-gpu: scale single-gpu;
# SLURM=1: as jobs of a SLURM cluster that is started on this machine (needs root)
TARGETS ?= all
REHEARSAL ?= rehearsal

rehearsal: $(READY) ## run scale paper with small stand-ins for videos and policies
	python -m tests.rehearsal --folder "$(CACHE)/rehearsal" --scale $(REHEARSAL) $(if $(SLURM),--slurm) $(TARGETS)

repro: $(READY) ## run the demo through DVC, which versions data and models
	dvc repro

# Random videos whose frames are compared with those of ffmpeg: make test RANDOM_VIDEOS=5000
RANDOM_VIDEOS ?= 200
export VQATHINKER_RANDOM_VIDEOS := $(RANDOM_VIDEOS)

test: lint ## run lint, then all tests on two cores
	pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder --basetemp="$(CACHE)/pytest"

chaos: $(TOOLS) ## kill the tiny pipeline at many points and compare its results
	VQATHINKER_CHAOS=1 pytest -o faulthandler_timeout=0 -rP --numprocesses 0 --basetemp="$(CACHE)/chaos" tests/workflow/test_chaos.py

test-integration: $(TOOLS) ## test with real conda, with real SLURM (as root), and the commands of the docs
	VQATHINKER_INTEGRATION=1 pytest -o faulthandler_timeout=0 --numprocesses 0 --basetemp="$(CACHE)/pytest-integration" tests/workflow/integration

lint: $(TOOLS) ## check style, types, wording and the workflow
	ruff check .
	ruff format --check .
	mypy
	snakefmt --check Snakefile workflow
	snakemake --lint
	codespell src docs workflow config cards params.yaml *.md
	python -m docs.making.wording

audit: $(TOOLS) ## look for known vulnerabilities of the pinned packages (needs the network)
	pip-audit --strict --disable-pip --no-deps --progress-spinner off --requirement constraints.txt

schema: $(READY) ## write workflow/schemas/params.schema.yaml after a change in src/vqathinker/params
	vqathinker schema > workflow/schemas/params.schema.yaml

docs: $(TOOLS) ## generate the reference pages and build the site, build/site/index.html
	python -m docs.making.references
	NO_MKDOCS_2_WARNING=1 python -m mkdocs build
	@echo 'Open build/site/index.html. To use its search: python -m http.server --bind 127.0.0.1 --directory build/site'

clean: ## remove all outputs of the pipeline; keep .venv and .cache
	rm -rf data clips models results/*/ predictions logs workflow/keys .snakemake

INSTALL := $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check \
  --constraint constraints.txt --editable

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "$(PYTHON) is $$($(PYTHON) -V 2>&1); expected Python 3.11 or newer: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) ".[all]"
	@touch $@

# For development only: linters, tests, the documentation site, the web page.
$(TOOLS): $(READY)
	$(INSTALL) ".[all,serve,docs,dev]"
	@touch $@
