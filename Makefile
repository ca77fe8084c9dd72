# Front door for people: everything happens inside this folder, in .venv and .cache.

PYTHON ?= python3
CORES ?= all
SCALE ?= demo

VENV := .venv
READY := $(VENV)/.ready
TOOLS := $(VENV)/.tools
CACHE := $(CURDIR)/.cache

export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
# The code of this checkout, even where $(VENV) is a link to that of another one.
export PYTHONPATH := $(CURDIR)/src$(if $(PYTHONPATH),:$(PYTHONPATH))
export XDG_CACHE_HOME := $(CACHE)
export PIP_CACHE_DIR := $(CACHE)/pip
export HF_HOME := $(CACHE)/huggingface
export TORCH_HOME := $(CACHE)/torch
export TORCHINDUCTOR_CACHE_DIR := $(CACHE)/torchinductor
export MPLCONFIGDIR := $(CACHE)/matplotlib
export DVC_SITE_CACHE_DIR := $(CACHE)/dvc

# Tests and jobs run side by side; one thread each keeps them out of each other's way.
export OMP_NUM_THREADS ?= 1

SNAKEMAKE := snakemake --cores $(CORES)

.DEFAULT_GOAL := help
.PHONY: help demo ablations run rehearsal repro test chaos test-doors lint audit schema docs clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

demo: $(READY) ## the whole pipeline at demo scale on the CPU: data, training, evaluation, report
	$(SNAKEMAKE) --config scale=demo --prioritize models/base/demo
	@vqathinker summary results/demo

ablations: $(READY) ## demo, and its ablation runs and other seeds beside it
	$(SNAKEMAKE) --config scale=demo -- ablations
	@vqathinker summary results/demo/ablations

run: $(READY) ## the pipeline at another scale: make run SCALE=paper
	$(SNAKEMAKE) --config scale=$(SCALE)

# What it makes: make rehearsal TARGETS=ablations; other frames, LoRA: REHEARSAL=rehearsal-single-gpu;
# as jobs of a SLURM started here: DOOR=--slurm
TARGETS ?= all
REHEARSAL ?= rehearsal

rehearsal: $(READY) ## the workflow of scale paper on small stand-ins for videos and policies, here
	python -m tests.rehearsal --folder "$(CACHE)/rehearsal" --scale $(REHEARSAL) $(DOOR) $(TARGETS)

repro: $(READY) ## the same pipeline through DVC, which versions data and models
	dvc repro

# Videos made at random that are compared with ffmpeg: make test RANDOM_VIDEOS=5000
RANDOM_VIDEOS ?= 200
export VQATHINKER_RANDOM_VIDEOS := $(RANDOM_VIDEOS)

test: lint ## every check: lint, then the tests, a file at a time on each of two cores
	pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder --basetemp="$(CACHE)/pytest"

chaos: $(TOOLS) ## kill the tiny pipeline at every kill point, and compare what comes of it
	VQATHINKER_CHAOS=1 pytest -o faulthandler_timeout=0 -rP --numprocesses 0 --basetemp="$(CACHE)/chaos" tests/workflow/test_chaos.py

test-doors: $(TOOLS) ## in minutes: a real conda, as root a real SLURM (.ci/packages.txt); README and tutorials typed
	VQATHINKER_DOORS=1 pytest -o faulthandler_timeout=0 --numprocesses 0 --basetemp="$(CACHE)/pytest-doors" tests/workflow/real

lint: $(TOOLS) ## style, types and the workflow's own checks, without running anything
	ruff check .
	ruff format --check .
	mypy
	snakefmt --check Snakefile workflow
	snakemake --lint

audit: $(TOOLS) ## known weaknesses of the pinned packages; fails where the network does not tell
	pip-audit --strict --disable-pip --no-deps --progress-spinner off --requirement constraints.txt

schema: $(READY) ## write workflow/schemas/params.schema.yaml after a change of src/vqathinker/params
	vqathinker schema > workflow/schemas/params.schema.yaml

docs: $(TOOLS) ## the documentation as a site, build/site/index.html; made pages are made anew
	python -m docs.making.references
	NO_MKDOCS_2_WARNING=1 python -m mkdocs build
	@echo 'Open build/site/index.html; to search in it: python -m http.server --bind 127.0.0.1 --directory build/site'

clean: ## remove what the pipeline made; .venv and .cache stay
	rm -rf data clips models results/*/ predictions logs workflow/keys .snakemake

INSTALL := $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check \
  --constraint constraints.txt --editable

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "$(PYTHON) is $$($(PYTHON) -V 2>&1); expected Python 3.11 or newer: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) ".[all]"
	@touch $@

# What no run of the pipeline needs: checks, the site's generator, the page to try a policy on.
$(TOOLS): $(READY)
	$(INSTALL) ".[all,serve,docs,dev]"
	@touch $@
