"""Jobs run the code of their checkout, even if another one is installed."""

import os
import sys

import pytest
from tests.workflow.conftest import STAND_IN
from tests.workflow.test_module import OTHER, RUN

pytestmark = pytest.mark.workflow

# Records which package it would import, then runs the stand-in.
PROGRAM = """#!/bin/sh
"{python}" -c "import vqathinker; print(vqathinker.__file__)" >> "{packages}"
exec "{python}" "{stand_in}" "$@"
"""
RECEIPT = "data/demo_train/source.json"


@pytest.fixture
def imported(project, tmp_path):
    """imported(*command) runs a command and returns the packages that its jobs imported."""
    programs, packages = tmp_path / "programs", tmp_path / "packages.txt"
    programs.mkdir()
    program = programs / "vqathinker"
    text = PROGRAM.format(python=sys.executable, packages=packages, stand_in=STAND_IN)
    program.write_text(text, encoding="utf-8")
    program.chmod(0o755)
    project.environment["PATH"] = os.pathsep.join([str(programs), project.environment["PATH"]])

    def run(*command):
        project.run(*command)
        return {*packages.read_text(encoding="utf-8").splitlines()}

    return run


def test_jobs_run_the_code_of_their_checkout(project, imported):
    project.environment["PYTHONPATH"] = "/elsewhere"
    own = project.folder / "src" / "vqathinker" / "__init__.py"
    assert imported("snakemake", "--cores", "1", "--", RECEIPT) == {str(own)}


def test_jobs_of_a_module_keep_the_shell_prefix_of_the_importing_workflow(project, imported):
    folder = project.folder / "other"
    folder.mkdir()
    text = OTHER.format(repr(str(project.folder / "workflow" / "Snakefile")))
    prefix = "shell.prefix('set -eu; export BRACES={{}}; touch prefixed; ')\n"
    (folder / "Snakefile").write_text(prefix + text, encoding="utf-8")
    own = project.folder / "src" / "vqathinker" / "__init__.py"
    assert imported(*RUN, "--", RECEIPT) == {str(own)}
    assert (folder / "prefixed").exists()
