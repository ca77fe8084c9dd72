"""A checkpoint has its name only when it is whole; the last and the best by reward are kept."""

import json
import subprocess
import sys
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

# Saves a step a second time in a child process that ends at its nth system call, where no system
# call swaps two folders; prints n after each.
EACH_CALL = """
import os, sys
from pathlib import Path
from vqathinker import atomic
from vqathinker.training.checkpoints import finish_checkpoint, last_whole_checkpoint
n, out, run = int(sys.argv[1]), Path(sys.argv[2]), {"processes": "1"}
(out / "run.json").write_text('{"processes": "1"}')
folder = out / "checkpoints"
for again in (False, True):
    part = folder / ".unfinished"
    part.mkdir(parents=True)
    (part / "weights").write_text("new" if again else "old")
    if not again:
        finish_checkpoint(part, folder / "checkpoint-4", {})
if not os.fork():
    calls = iter(range(1, n + 1))
    def counted(call):
        def count(*args, **kwargs):
            if next(calls, None) == n:
                os._exit(0)
            return call(*args, **kwargs)
        return count
    for name in ("replace", "fsync", "unlink", "rmdir", "scandir", "open"):
        setattr(os, name, counted(getattr(os, name)))
    atomic._exchange = lambda one, other: False
    finish_checkpoint(part, folder / "checkpoint-4", {})
    os._exit(3 if next(calls, None) is None else 4)
ended = os.waitstatus_to_exitcode(os.wait()[1])
print(last_whole_checkpoint(out, run), *sorted(os.listdir(folder)))
sys.exit(ended)
"""

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


def test_what_a_killed_run_was_writing_is_thrown_away(out: Path) -> None:
    part = out / "checkpoints" / UNFINISHED / "checkpoint-12"
    part.mkdir(parents=True)
    (part / "model.safetensors").write_bytes(bytes(30))
    assert last_whole_checkpoint(out, RUN) == out / "checkpoints" / "checkpoint-10"
    assert UNFINISHED not in names(out)


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


def test_checkpoint_survives_a_kill_in_any_system_call(tmp_path: Path) -> None:
    n, ended = 0, 0
    while ended == 0:
        n += 1
        folder = tmp_path / str(n) / "checkpoints"
        folder.mkdir(parents=True)
        done = subprocess.run(
            [sys.executable, "-c", EACH_CALL, str(n), str(folder.parent)],
            check=False, capture_output=True, text=True,
        )  # fmt: skip
        ended = done.returncode
        assert done.stdout.split() == [str(folder / "checkpoint-4"), "checkpoint-4"], done.stderr
    assert ended == 4
    assert n > 8


def test_the_newest_whole_ones_are_kept(out: Path) -> None:
    (out / "checkpoints" / "checkpoint-4" / "optimizer.pt").unlink()
    prune_checkpoints(out / "checkpoints", 2)
    assert names(out) == {"checkpoint-2", "checkpoint-10"}


def test_a_run_prunes_its_checkpoints(tmp_path: Path, training_set: Any, settings_of: Any) -> None:
    training_set.start(settings_of(max_steps=3, save_every=1, keep=2), tmp_path)
    assert names(tmp_path) == {"checkpoint-2", "checkpoint-3"}
