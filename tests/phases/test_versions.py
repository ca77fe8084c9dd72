"""A changed pin makes out of date what imports the package, and says so."""

import re
import shutil
import sys
from pathlib import Path

import pytest
import yaml

from vqathinker.phases.hashing import imports_of_phase
from vqathinker.phases.parameters import SECTIONS, resolve
from vqathinker.phases.stamps import (
    describe_out_of_date,
    settle_stamps,
    stamp_path,
    write_stamps,
)
from vqathinker.phases.versions import ENVIRONMENTS, versions_of

SILENT = {"filelock", "pydantic", "pydantic_core", "rich", "tqdm", "typer", "typing_extensions"}
MEASURED = {"metrics", "absent", "judging", "report", "training"}  # training measures its answers


@pytest.fixture
def project(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The pinned versions of a project, and its sources, in which stamps may be written."""
    shutil.copytree(root / "envs", tmp_path / "envs")
    shutil.copy(root / "constraints.txt", tmp_path)
    (tmp_path / "src").symlink_to(root / "src")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def pin(project: Path, package: str, version: str) -> None:
    """Another version, in the constraints and in every environment."""
    for file in (project / "constraints.txt", *(project / "envs").glob("*.yaml")):
        text = file.read_text(encoding="utf-8")
        file.write_text(re.sub(rf"(?m)\b{package}==[\w.]+", f"{package}=={version}", text))


def out_of_date(project: Path, params: dict) -> set[str]:
    """Kinds of phases whose stamp is another one than when jobs last ran."""
    write_stamps(params, project / "src")
    found = stamp_path("demo", "x").parent.glob("*.before")
    return {before.stem.partition("-")[0] for before in found}


def test_a_changed_pin_reaches_what_imports_the_package_and_nothing_else(project, config):
    params = resolve(config)
    write_stamps(params, project / "src")
    settle_stamps("demo")
    assert describe_out_of_date("demo") == []
    for package, phases in (
        ("scipy", MEASURED),
        ("trl", {"training"}),
        ("av", {"clips", "data"}),
        ("imageio-ffmpeg", {"data"}),
        ("matplotlib", {"report"}),
        ("tqdm", set()),  # shows how far it is
        ("snakemake", set()),
    ):
        pin(project, package, "99.1")
        assert out_of_date(project, params) == phases, package
        settle_stamps("demo")


def test_what_conda_brings_counts_for_every_phase_of_that_environment(project, config):
    params = resolve(config)
    write_stamps(params, project / "src")
    settle_stamps("demo")
    env = project / "envs" / "video.yaml"
    env.write_text(env.read_text(encoding="utf-8").replace("python =3.11", "python =3.12"))
    assert out_of_date(project, params) == {"data", "clips"}
    assert describe_out_of_date("demo") == [
        "Out of date: clips, data, for version of python was =3.11, is =3.12"
    ]


def test_a_pin_in_one_of_the_files_alone_is_a_change_too(project, config):
    write_stamps(resolve(config), project / "src")
    settle_stamps("demo")
    file = project / "constraints.txt"
    file.write_text(file.read_text(encoding="utf-8").replace("scipy==1.17.1", "scipy==99.1"))
    write_stamps(resolve(config), project / "src")
    told = describe_out_of_date("demo")
    assert any(line.endswith("for version of scipy was 1.17.1, is 99.1 or 1.17.1") for line in told)
    assert out_of_date(project, resolve(config)) == MEASURED


def test_it_is_said_which_phases_are_out_of_date_and_why(project, config):
    write_stamps(resolve(config), project / "src")
    settle_stamps("demo")
    pin(project, "matplotlib", "99.1")
    config["training"]["epsilon"] = 0.5
    write_stamps(resolve(config), project / "src")
    told = describe_out_of_date("demo")
    assert any(
        re.fullmatch(
            r"Out of date: training-\S+, training-\S+, training-\S+ and \d+ more, for "
            r"training\.epsilon was 0\.2, is 0\.5",
            line,
        )
        for line in told
    )
    assert any(line.startswith("Out of date: report, for runs.") for line in told)
    settle_stamps("demo")
    assert describe_out_of_date("demo") == []


def test_a_stamp_from_before_versions_were_recorded_is_another_one(project, config):
    write_stamps(resolve(config), project / "src")
    settle_stamps("demo")
    path = stamp_path("demo", "metrics")
    stamp = yaml.safe_load(path.read_text(encoding="utf-8"))
    del stamp["versions"]
    path.write_text(yaml.safe_dump(stamp), encoding="utf-8")
    assert out_of_date(project, resolve(config)) == {"metrics"}
    assert describe_out_of_date("demo") == [
        "Out of date: metrics, for versions of packages were not recorded"
    ]


def test_without_a_checkout_around_the_package_no_version_is_recorded(project, config):
    shutil.rmtree(project / "envs")
    (project / "constraints.txt").unlink()
    write_stamps(resolve(config), project / "src")
    assert "versions" not in yaml.safe_load(stamp_path("demo", "metrics").read_text())


@pytest.mark.parametrize("phase", [*SECTIONS, "base", "training"])
def test_every_package_that_a_phase_imports_is_pinned_in_its_environment(project, phase):
    imports = imports_of_phase(phase, project / "src")
    everywhere = versions_of(phase, imports, project)
    (project / "constraints.txt").unlink()
    assert everywhere.keys() == versions_of(phase, imports, project).keys()
    third = imports - sys.stdlib_module_names - {"vqathinker"}
    assert len(everywhere) >= len(third - SILENT)


def test_an_environment_is_that_of_the_rules_that_read_the_stamp(root):
    text = "".join(path.read_text() for path in (root / "workflow" / "rules").glob("*.smk"))
    rules = [rule for rule in text.split("\nrule ") if "stamp=" in rule]
    found = [
        (re.search(r'stamp=LAYOUT\.stamp\("([a-z]+)', rule)[1], re.search(r"(\w+)\.yaml", rule)[1])
        for rule in rules
    ]
    assert {phase for phase, _ in found} == {*SECTIONS, "base", "training"}
    assert {phase: ENVIRONMENTS.get(phase, "policy") for phase, _ in found} == dict(found)
