"""A checkout runs its own code, whichever one is installed in the environment."""

import os
import sys

import pytest
from tests.workflow.conftest import STAND_IN
from tests.workflow.test_module import OTHER, RUN

pytestmark = pytest.mark.workflow

# Notes which package it would run, then does what the stand-in does.
PROGRAM = """#!/bin/sh
"{python}" -c "import vqathinker; print(vqathinker.__file__)" >> "{seen}"
exec "{python}" "{stand_in}" "$@"
"""
RECEIPT = "data/demo_train/source.json"


@pytest.fixture
def imported(quick, tmp_path):
    """Runs a command and returns the packages that its jobs imported."""
    programs, seen = tmp_path / "programs", tmp_path / "seen.txt"
    programs.mkdir()
    program = programs / "vqathinker"
    text = PROGRAM.format(python=sys.executable, seen=seen, stand_in=STAND_IN)
    program.write_text(text, encoding="utf-8")
    program.chmod(0o755)
    quick.environment["PATH"] = os.pathsep.join([str(programs), quick.environment["PATH"]])

    def run(*command):
        quick.run(*command)
        return {*seen.read_text(encoding="utf-8").splitlines()}

    return run


def test_jobs_run_the_code_of_their_checkout(quick, imported):
    quick.environment["PYTHONPATH"] = "/elsewhere"
    own = quick.folder / "src" / "vqathinker" / "__init__.py"
    assert imported("snakemake", "--cores", "1", "--", RECEIPT) == {str(own)}


def test_jobs_of_a_module_keep_the_shell_prefix_of_the_importing_workflow(quick, imported):
    folder = quick.folder / "other"
    folder.mkdir()
    text = OTHER.format(repr(str(quick.folder / "workflow" / "Snakefile")))
    prefix = "shell.prefix('set -eu; export BRACES={{}}; touch prefixed; ')\n"
    (folder / "Snakefile").write_text(prefix + text, encoding="utf-8")
    own = quick.folder / "src" / "vqathinker" / "__init__.py"
    assert imported(*RUN, "--", RECEIPT) == {str(own)}
    assert (folder / "prefixed").exists()
