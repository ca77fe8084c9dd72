#!/usr/bin/env bash
# Snakemake runs this in the new environment, from the project's root: it adds the project itself.
set -euo pipefail
python -m pip install --no-deps --editable .
