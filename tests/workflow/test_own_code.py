"""A checkout runs its own code, whichever one the environment has installed."""

import os
import subprocess
import sys

import pytest
from tests.workflow.conftest import STAND_IN
from tests.workflow.test_module import OTHER, RUN

pytestmark = pytest.mark.workflow

# Writes down which package it would run, then pretends as the stand-in does.
PROGRAM = """#!/bin/sh
"{python}" -c "import vqathinker; print(vqathinker.__file__)" >> "{seen}"
exec "{python}" "{stand_in}" "$@"
"""
RECEIPT = "data/demo_train/source.json"


@pytest.fixture
def imported(quick, tmp_path):
    """Lists the package that each job of a run in the project has imported."""
    programs, seen = tmp_path / "programs", tmp_path / "seen.txt"
    programs.mkdir()
    program = programs / "vqathinker"
    text = PROGRAM.format(python=sys.executable, seen=seen, stand_in=STAND_IN)
    program.write_text(text, encoding="utf-8")
    program.chmod(0o755)
    quick.environment["PATH"] = os.pathsep.join([str(programs), quick.environment["PATH"]])

    def listed(*command):
        quick.run(*command)
        return {*seen.read_text(encoding="utf-8").splitlines()}

    return listed


@pytest.mark.parametrize("inherited", [None, "/elsewhere"])
def test_jobs_run_the_code_of_their_checkout(quick, imported, inherited):
    quick.environment.pop("PYTHONPATH", None)
    quick.environment |= {} if inherited is None else {"PYTHONPATH": inherited}
    own = quick.folder / "src" / "vqathinker" / "__init__.py"
    assert imported("snakemake", "--cores", "1", "--", RECEIPT) == {str(own)}


def test_jobs_of_a_module_run_the_code_of_its_checkout_under_the_prefix_of_the_other(
    quick, imported
):
    folder = quick.folder / "other"
    folder.mkdir()
    text = OTHER.format(repr(str(quick.folder / "workflow" / "Snakefile")))
    prefix = "shell.prefix('set -eu; export BRACES={{}}; touch prefixed; ')\n"
    (folder / "Snakefile").write_text(prefix + text, encoding="utf-8")
    own = quick.folder / "src" / "vqathinker" / "__init__.py"
    assert imported(*RUN, "--", RECEIPT) == {str(own)}
    assert (folder / "prefixed").exists()


def test_make_runs_the_code_of_its_checkout(root, tmp_path):
    code = "import vqathinker; print(vqathinker.__file__)"
    (tmp_path / "src" / "vqathinker").mkdir(parents=True)
    own = tmp_path / "src" / "vqathinker" / "__init__.py"
    own.touch()
    rule = f"where: ; @{sys.executable} -c '{code}'"
    command = ["make", "-s", "-f", root / "Makefile", f"--eval={rule}", "where"]
    done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == str(own)


def test_command_typed_in_another_checkout_warns(quick, root):
    quick.environment["PYTHONPATH"] = str(root / "src")
    command = (sys.executable, "-m", "vqathinker", "schema")
    assert str(root / "src" / "vqathinker") in quick.run(*command)
    quick.environment["PYTHONPATH"] = str(quick.folder / "src")
    assert "Warning" not in quick.run(*command)
