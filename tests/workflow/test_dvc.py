"""dvc.yaml agrees with the Snakefile, and DVC records what was trained with what."""

import re
from pathlib import Path, PurePath
from typing import Any

import pytest
import yaml

pytestmark = pytest.mark.workflow


@pytest.fixture
def stages(root: Path) -> dict[str, Any]:
    text = (root / "dvc.yaml").read_text(encoding="utf-8").replace("${scale}", "demo")
    content = yaml.safe_load(text)
    program = content["vars"][0]["snakemake"]
    for stage in content["stages"].values():
        stage["cmd"] = stage["cmd"].replace("${snakemake}", program)
    keys = content["stages"].pop("keys")
    assert names(keys["outs"]) == ["workflow/keys/demo"]
    stages: dict[str, Any] = content["stages"]
    return stages


def names(items: list[Any]) -> list[str]:
    return [next(iter(item)) if isinstance(item, dict) else item for item in items]


def outs(stage: dict[str, Any]) -> list[Any]:
    return [*stage.get("outs", []), *stage.get("metrics", []), *stage.get("plots", [])]


def rules_of(stage: dict[str, Any]) -> list[str]:
    return re.search(r"--allowed-rules (.*?) -- ", stage["cmd"])[1].split()


def under(path: str, roots: list[str]) -> bool:
    return any(PurePath(path).is_relative_to(root) for root in roots)


@pytest.fixture
def dag(quick) -> dict[str, tuple[set[str], set[str]]]:
    """Inputs and outputs of every rule of the demo."""
    text = quick.snakemake("--dry-run", "--forceall", "--detailed-summary", "--", "all")
    head, *rows = [line.split("\t") for line in text.splitlines() if "\t" in line]
    columns = [head.index(name) for name in ("rule", "input-file(s)", "output_file")]
    found: dict[str, tuple[set[str], set[str]]] = {}
    for row in rows:
        rule, inputs, output = (row[column] for column in columns)
        read, made = found.setdefault(rule, (set(), set()))
        read.update(path for path in inputs.split(",") if path and path != "-")
        made.add(output)
    return found


def test_every_rule_that_makes_something_is_in_exactly_one_stage(stages, dag):
    listed = [rule for stage in stages.values() for rule in rules_of(stage)]
    assert len(listed) == len(set(listed))
    assert set(dag) <= set(listed)


def test_outs_cover_what_the_rules_make_and_deps_what_they_take_from_others(stages, dag):
    for name, stage in stages.items():
        own = {path for rule in rules_of(stage) for path in dag.get(rule, (set(), set()))[1]}
        read = {path for rule in rules_of(stage) for path in dag.get(rule, (set(), set()))[0]}
        assert [path for path in own if not under(path, names(outs(stage)))] == [], name
        # A dry run has the files of jobs elsewhere, under the names that they will have.
        elsewhere = re.compile(r".*/vqathinker-\w+/")
        foreign = {elsewhere.sub("workflow/keys/demo/", path) for path in read - own}
        assert [path for path in foreign if not under(path, names(stage["deps"]))] == [], name


def test_interrupted_stages_go_on_and_kept_outputs_are_copies(stages, root):
    """With links DVC gives kept outputs new times, and Snakemake skips what follows."""
    for stage in stages.values():
        for out in outs(stage):
            assert next(iter(out.values()))["persist"] is True
    assert 'type = "reflink,copy"' in (root / ".dvc" / "config").read_text(encoding="utf-8")
