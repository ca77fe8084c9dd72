"""Another workflow imports the rules as a module, from a folder or from a git repository."""

import json
import subprocess

import pytest
from tests.programs import program_or_skip
from tests.workflow.test_snakefile import planned_jobs

pytestmark = pytest.mark.workflow

OTHER = """
configfile: "../params.yaml"

module vqathinker:
    snakefile: {}
    config: config

use rule * from vqathinker as vqathinker_*

rule mine:
    default_target: True
    input: rules.vqathinker_tables.input
    output: "mine.txt"
    shell: "cat {{input}}/* > {{output}}"
"""
RUN = ("snakemake", "--cores", "2", "--snakefile", "other/Snakefile", "--directory", "other")


@pytest.fixture(params=["a folder", "a git repository"])
def other(request, project):
    """A folder with another workflow, which imports the one of the project."""
    where = repr(str(project.folder / "workflow" / "Snakefile"))
    if request.param == "a git repository":
        git = [program_or_skip("git"), "-c", "user.name=a", "-c", "user.email=a@b"]
        for words in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-qm", "a"]):
            subprocess.run([*git, *words], cwd=project.folder, check=True)
        where = f"gitfile({str(project.folder)!r}, path='workflow/Snakefile', ref='main')"
    folder = project.folder / "other"
    folder.mkdir()
    (folder / "Snakefile").write_text(OTHER.format(where), encoding="utf-8")
    return folder


def test_rules_of_a_module_use_the_folder_of_the_importing_workflow(project, other):
    jobs = planned_jobs(project.run(*RUN, "--dry-run"))
    assert jobs["mine"] == jobs["vqathinker_write_tables"] == jobs["vqathinker_train"] == 1
    assert jobs["vqathinker_fetch"] == 4
    assert not (other / "workflow").exists()
    if (project.folder / ".git").exists():
        return
    changed = ("--config", "seed=5", "training={epsilon: 1e-1}")
    project.run(*RUN, *changed, "--", "vqathinker_keys")
    assert not (project.folder / "workflow" / "keys").exists()
    key = json.loads((other / "workflow" / "keys" / "demo" / "train" / "sft.json").read_text())
    assert key["params"]["runs"]["sft"]["training"]["epsilon"] == 0.1
