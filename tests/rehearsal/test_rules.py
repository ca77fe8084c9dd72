"""The graph of jobs at paper scale and that of its rehearsal have the same rules, equally often."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.rehearsal.project import TASK_SETS, copy_sources
from tests.rehearsal.scale import scale_of, with_rehearsals
from tests.rehearsal.sets import counts

pytestmark = pytest.mark.workflow


@pytest.fixture
def project(tmp_path: Path, config: dict[str, Any]) -> Path:
    """A copy in which everything is at hand or brought, and a set is one shard at any scale."""
    copy_sources(tmp_path)
    for name in TASK_SETS:
        (tmp_path / "data" / name).mkdir(parents=True)
        (tmp_path / "data" / name / "source.json").write_text("{}", encoding="utf-8")
    scales: dict[str, Any] = with_rehearsals(config, counts())["scales"]
    for scale in scales.values():
        scale["clips"]["shard_size"] = 100_000
        scale.setdefault("download", {})["fetch"] = "all"
    params = yaml.safe_dump({**config, "scales": scales}, sort_keys=False)
    (tmp_path / "params.yaml").write_text(params, encoding="utf-8")
    return tmp_path


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


@pytest.mark.parametrize(("scale", "runs"), [("paper", 20), ("single-gpu", 19)])
def test_every_rule_of_a_scale_runs_in_its_rehearsal_as_often(
    project: Path, scale: str, runs: int
) -> None:
    real, rehearsal = jobs(project, scale), dict(jobs(project, scale_of(scale)))
    assert real["predict"] == 10 * runs
    assert rehearsal.pop("judge") == 3 * runs  # a stand-in; the scale itself names none
    assert rehearsal == real
