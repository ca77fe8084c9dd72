"""Another workflow takes the rules as a module, from a checkout or from a git repository."""

import subprocess

import pytest
import yaml
from tests.programs import program_or_skip
from tests.workflow.test_snakefile import planned

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
def other(request, quick):
    """A folder in the project with a workflow of its own that imports the project's."""
    where = repr(str(quick.folder / "workflow" / "Snakefile"))
    if request.param == "a git repository":
        git = [program_or_skip("git"), "-c", "user.name=a", "-c", "user.email=a@b"]
        for words in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-qm", "a"]):
            subprocess.run([*git, *words], cwd=quick.folder, check=True)
        where = f"gitfile({str(quick.folder)!r}, path='workflow/Snakefile', ref='main')"
    folder = quick.folder / "other"
    folder.mkdir()
    (folder / "Snakefile").write_text(OTHER.format(where), encoding="utf-8")
    return folder


def test_the_rules_of_a_module_are_planned_in_the_folder_of_the_other_workflow(quick, other):
    jobs = planned(quick.run(*RUN, "--dry-run"))
    assert jobs["mine"] == jobs["vqathinker_write_tables"] == jobs["vqathinker_train"] == 1
    assert jobs["vqathinker_fetch"] == 4
    assert (other / "workflow" / "stamps" / "demo" / "metrics.yaml").is_file()
    assert not (quick.folder / "workflow" / "stamps").exists()
    if (quick.folder / ".git").exists():
        return
    # No stamp comes back: the hooks that say that jobs ran under it are not run for a module.
    quick.run(*RUN, "--dry-run", "--config", "seed=5", "training={epsilon: 1e-1}")
    stamp = (other / "workflow" / "stamps" / "demo" / "training-sft.yaml").read_text("utf-8")
    assert yaml.safe_load(stamp)["params"]["runs"]["sft"]["training"]["epsilon"] == 0.1
    assert not list((other / "workflow" / "stamps" / "demo").glob("*.before"))
