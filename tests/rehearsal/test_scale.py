"""The rehearsal of a scale has the same runs, data sets, questions and jobs as the scale."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.rehearsal.project import TASK_SETS
from tests.rehearsal.scale import REHEARSED, scale_of, with_rehearsals
from tests.workflow.conftest import copy_sources

from vqathinker.params import require_valid
from vqathinker.phases.parameters import resolve

pytestmark = pytest.mark.workflow


@pytest.mark.parametrize("scale", REHEARSED)
def test_a_rehearsal_has_every_run_set_task_and_base_of_its_scale(
    config: dict[str, Any], scale: str
) -> None:
    scales = with_rehearsals(config)
    real, rehearsal = (resolve({**scales, "scale": name}) for name in (scale, scale_of(scale)))
    require_valid(rehearsal, {**scales, "scale": scale_of(scale)})
    assert list(real["runs"]) == list(rehearsal["runs"])
    assert real["understanding"] == rehearsal["understanding"]
    assert real["data"]["counts"].keys() == rehearsal["data"]["counts"].keys()
    for name, row in real["runs"].items():
        assert row["base"] == rehearsal["runs"][name]["base"]
        assert row["rewards"] == rehearsal["runs"][name]["rewards"]


@pytest.fixture
def project(tmp_path: Path, root: Path, config: dict[str, Any]) -> Path:
    """A copy in which each set exists or can be fetched, and is one shard at any scale."""
    folder = copy_sources(root, tmp_path / "project")
    for name in TASK_SETS:
        (folder / "data" / name).mkdir(parents=True)
        (folder / "data" / name / "source.json").write_text("{}", encoding="utf-8")
    params = with_rehearsals(config)
    for scale in params["scales"].values():
        scale["clips"]["shard_size"] = 100_000
        scale.setdefault("download", {})["fetch"] = "all"
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")
    return folder


def jobs(project: Path, scale: str) -> Mapping[str, int]:
    """How often each rule would run for every table of a scale."""
    command = ["snakemake", "-n", "--cores", "1", "--config", f"scale={scale}", "--", "ablations"]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        command, check=False, cwd=project, env=os.environ | {"PATH": path}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    found = re.findall(r"^([a-z_]+) +(\d+)$", done.stdout, re.MULTILINE)
    return {name: int(count) for name, count in found if name != "total"}


@pytest.mark.parametrize("scale", REHEARSED)
def test_every_rule_of_a_scale_runs_in_its_rehearsal_as_often(project: Path, scale: str) -> None:
    real, rehearsal = jobs(project, scale), dict(jobs(project, scale_of(scale)))
    runs = real["predict"] // 10  # benchmarks
    assert rehearsal.pop("judge") == len(TASK_SETS) * runs  # only rehearsals have a judge
    assert rehearsal == real
