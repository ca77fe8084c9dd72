"""Nothing differs between a scale and its rehearsal but sizes, hosts and steps, each by name."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from filelock import FileLock
from tests.rehearsal.project import prepare
from tests.rehearsal.scale import (
    KINDS,
    allowed,
    differences,
    leaves,
    overlay,
    scale_of,
    with_rehearsals,
)
from tests.rehearsal.sets import counts

from vqathinker.params import require_valid
from vqathinker.phases.parameters import resolve

# What overlay.yaml may change at all: a rehearsal of other rewards or prompts would be none.
MAY_CHANGE = {
    "sizes": {
        "clips.shard_size",
        "clips.test_setting",
        "clips.train_setting",
        "data.counts",
        "evaluation.max_new_tokens",
        "metrics.intervals.resamples",
        "preference.videos",
        "report.resamples",
        "training.gradient_accumulation",
        "training.max_new_tokens",
    },
    "hosts": {
        "data.cards",
        "download.fetch",
        "judge",
        "metrics.allow_incomplete",
        "report.title",
        "resources",
        "threads",
        "training.launch",
    },
    "steps": {"training.max_steps", "training.save_every"},
}
REHEARSED = ("paper", "single-gpu")


@pytest.fixture(scope="module")
def scales(root: Path) -> dict[str, Any]:
    """params.yaml with the scales that rehearse others."""
    config = yaml.safe_load((root / "params.yaml").read_text(encoding="utf-8"))
    return with_rehearsals(config, counts())


@pytest.fixture(scope="module")
def resolved(scales: dict[str, Any]) -> dict[str, dict[str, Any]]:
    names = [*REHEARSED, *map(scale_of, REHEARSED)]
    return {name: resolve({**scales, "scale": name}) for name in names}


@pytest.mark.parametrize("scale", REHEARSED)
def test_the_overlay_changes_sizes_hosts_and_steps_alone(scale: str) -> None:
    told = {
        kind: {
            key
            for key in leaves(tree)
            if not any(key == may or key.startswith(f"{may}.") for may in MAY_CHANGE[kind])
        }
        for kind, tree in overlay(scale, counts()).items()
    }
    assert told == {kind: set() for kind in KINDS}


@pytest.mark.parametrize("scale", REHEARSED)
def test_every_difference_of_resolved_parameters_is_one_that_the_overlay_names(
    scale: str, resolved: dict[str, dict[str, Any]]
) -> None:
    real, rehearsal = resolved[scale], resolved[scale_of(scale)]
    may = allowed(scale, real["runs"], counts())
    found = list(differences(real, rehearsal))
    assert [key for key in found if key not in may and not key.startswith("judge")] == []
    assert {"training.max_steps", "runs.grpo.training.max_steps", "data.counts.vdpve"} <= set(found)


@pytest.mark.parametrize("scale", REHEARSED)
def test_every_run_set_task_and_base_policy_is_rehearsed(
    scale: str, resolved: dict[str, dict[str, Any]]
) -> None:
    real, rehearsal = resolved[scale], resolved[scale_of(scale)]
    assert list(real["runs"]) == list(rehearsal["runs"])
    assert real["understanding"] == rehearsal["understanding"]
    assert real["data"]["counts"].keys() == rehearsal["data"]["counts"].keys()
    for name, row in real["runs"].items():
        assert row["base"] == rehearsal["runs"][name]["base"]
        assert row["rewards"] == rehearsal["runs"][name]["rewards"]


@pytest.mark.parametrize("scale", REHEARSED)
def test_its_parameters_are_valid(
    scale: str, scales: dict[str, Any], resolved: dict[str, dict[str, Any]]
) -> None:
    require_valid(resolved[scale_of(scale)], {**scales, "scale": scale_of(scale)})


def test_two_rehearsals_do_not_share_a_folder(tmp_path: Path) -> None:
    with FileLock(tmp_path / ".lock"), pytest.raises(SystemExit, match="a rehearsal is at work in"):
        prepare(tmp_path)
    assert [path.name for path in tmp_path.iterdir() if path.name != ".lock"] == []
