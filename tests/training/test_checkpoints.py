"""Checkpoints: damage, runs that changed, pruning."""

import json
from pathlib import Path
from typing import Any

import pytest

from vqathinker.training.checkpoints import (
    FINGERPRINT_FILE,
    UNFINISHED,
    checkpoint_to_resume,
    finish_checkpoint,
    prune_checkpoints,
)

RUN = {"settings": "abc", "policy": "def", "processes": "1"}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """The folder of a run with checkpoints after 2, 4 and 10 steps."""
    (tmp_path / FINGERPRINT_FILE).write_text(json.dumps(RUN))
    for step in (2, 4, 10):
        add_checkpoint(tmp_path, step)
    return tmp_path


def add_checkpoint(out: Path, step: int) -> Path:
    part, final = out / "checkpoints" / UNFINISHED, out / "checkpoints" / f"checkpoint-{step}"
    part.mkdir(parents=True)
    for name in ("model.safetensors", "optimizer.pt", "trainer_state.json"):
        (part / name).write_bytes(bytes(100))
    finish_checkpoint(part, final, {"run": "grpo"})
    return final


def names(out: Path) -> set[str]:
    return {path.name for path in (out / "checkpoints").iterdir()}


@pytest.mark.parametrize("size", [None, 50])
def test_damaged_checkpoint_is_removed_and_the_previous_one_used(
    out: Path, size: int | None, caplog: pytest.LogCaptureFixture
) -> None:
    weights = out / "checkpoints" / "checkpoint-10" / "model.safetensors"
    weights.unlink() if size is None else weights.write_bytes(bytes(size))
    assert checkpoint_to_resume(out, RUN) == out / "checkpoints" / "checkpoint-4"
    assert "checkpoint-10" in caplog.text
    assert names(out) == {"checkpoint-2", "checkpoint-4"}


def test_checkpoints_of_another_run_are_moved_away(
    out: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for number in (1, 2):
        other = RUN | {"settings": f"changed {number}"}
        assert checkpoint_to_resume(out, other) is None
        assert not (out / "checkpoints").exists()
        assert (out / f"checkpoints.before-{number}" / "checkpoint-4" / "optimizer.pt").is_file()
        assert f"checkpoints.before-{number}" in caplog.text
        assert json.loads((out / FINGERPRINT_FILE).read_text()) == other
        add_checkpoint(out, 4)


def test_newest_intact_checkpoints_are_kept(out: Path) -> None:
    (out / "checkpoints" / "checkpoint-4" / "optimizer.pt").unlink()
    prune_checkpoints(out / "checkpoints", 2)
    assert names(out) == {"checkpoint-2", "checkpoint-10"}


def test_run_prunes_checkpoints(tmp_path: Path, training_set: Any, settings_of: Any) -> None:
    training_set.start(settings_of(max_steps=3, save_every=1, keep=2), tmp_path)
    assert names(tmp_path) == {"checkpoint-2", "checkpoint-3"}
