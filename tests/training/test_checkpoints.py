"""A checkpoint has its name only when it is whole; the last and the best by reward are kept."""

import json
from pathlib import Path
from typing import Any

import pytest

from vqathinker.training.checkpoints import (
    FINGERPRINT,
    UNFINISHED,
    finish_checkpoint,
    last_whole_checkpoint,
    prune_checkpoints,
)

RUN = {"settings": "abc", "policy": "def", "processes": "1"}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """The folder of a run with checkpoints after 2, 4 and 10 steps."""
    (tmp_path / FINGERPRINT).write_text(json.dumps(RUN))
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


@pytest.mark.parametrize("left", [None, 50])
def test_a_damaged_one_is_removed_and_the_one_before_is_taken(
    out: Path, left: int | None, caplog: pytest.LogCaptureFixture
) -> None:
    weights = out / "checkpoints" / "checkpoint-10" / "model.safetensors"
    weights.unlink() if left is None else weights.write_bytes(bytes(left))
    assert last_whole_checkpoint(out, RUN) == out / "checkpoints" / "checkpoint-4"
    assert "checkpoint-10" in caplog.text
    assert names(out) == {"checkpoint-2", "checkpoint-4"}


def test_checkpoints_of_another_run_are_put_aside_and_this_one_is_noted(
    out: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for number in (1, 2):
        other = RUN | {"settings": f"changed {number}"}
        assert last_whole_checkpoint(out, other) is None
        assert not (out / "checkpoints").exists()
        assert (out / f"checkpoints.before-{number}" / "checkpoint-4" / "optimizer.pt").is_file()
        assert f"checkpoints.before-{number}" in caplog.text
        assert json.loads((out / FINGERPRINT).read_text()) == other
        add_checkpoint(out, 4)


def test_the_newest_whole_ones_are_kept(out: Path) -> None:
    (out / "checkpoints" / "checkpoint-4" / "optimizer.pt").unlink()
    prune_checkpoints(out / "checkpoints", 2)
    assert names(out) == {"checkpoint-2", "checkpoint-10"}


def test_a_run_prunes_its_checkpoints(tmp_path: Path, training_set: Any, settings_of: Any) -> None:
    training_set.start(settings_of(max_steps=3, save_every=1, keep=2), tmp_path)
    assert names(tmp_path) == {"checkpoint-2", "checkpoint-3"}
