"""A shard that was stopped goes on where it was, and ends in the same bytes."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.video.small_shards import LIMITS, SETTING, decode, rows_of

from vqathinker.video.decode import decode_clip
from vqathinker.video.sampling import ClipSetting
from vqathinker.video.store import ClipStore
from vqathinker.video.workers import Limits, run_in_workers


@pytest.fixture
def many(mp4: Path, webm: Path, overwritten: Path, tmp_path: Path) -> pd.DataFrame:
    """Thirty videos, some of them damaged, under names of their own."""
    rows = rows_of([(mp4, webm, overwritten)[number % 3] for number in range(30)])
    return rows.assign(video=[f"{number}.mp4" for number in range(30)])


def test_the_bytes_do_not_depend_on_the_workers(many: pd.DataFrame, tmp_path: Path) -> None:
    decode(many, tmp_path / "one")
    decode(many, tmp_path / "two", workers=3)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


STOPS_HALF_WAY = """
import signal, sys
from pathlib import Path
import pandas as pd
from vqathinker.journal import Journal
from vqathinker.video import shard
from vqathinker.video.workers import Limits

def add_and_stop(self, entry, add=Journal.add):
    add(self, entry)
    if len(self.entries) == 7:
        print("7 are done", flush=True)
        signal.pause()

if __name__ == "__main__":
    rows, out, setting = sys.argv[1:]
    Journal.add = add_and_stop
    shard.decode_shard(pd.read_parquet(rows), Path(), setting, Path(out), Limits(3600, 1500))
"""


def test_a_shard_killed_half_way_goes_on_and_ends_in_the_same_bytes(
    many: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decode(many, tmp_path / "whole")
    out = tmp_path / "killed"
    many.to_parquet(tmp_path / "rows.parquet")
    (tmp_path / "program.py").write_text(STOPS_HALF_WAY)
    command = [sys.executable, tmp_path / "program.py", tmp_path / "rows.parquet", out, SETTING]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "7 are done\n"
        process.kill()
    assert not out.exists()
    assert decoded_again(many, out, monkeypatch) == list(range(7, 30))
    assert out.read_bytes() == (tmp_path / "whole").read_bytes()
    assert not (tmp_path / ".killed.journal").exists()
    assert not (tmp_path / ".killed.rows").exists()


@pytest.fixture
def half_done(many: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A shard that stopped when its 30 videos were decoded, before it was assembled."""
    out = tmp_path / "shard"
    stop_before_assembly(many, out, monkeypatch)
    return out


def stop_before_assembly(rows: pd.DataFrame, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("vqathinker.video.shard.write_shard_file", stop)
        with pytest.raises(KeyboardInterrupt):
            decode(rows, out)
    assert not out.exists()


def decoded_again(
    rows: pd.DataFrame, out: Path, monkeypatch: pytest.MonkeyPatch, limits: Limits = LIMITS
) -> list[int]:
    """Rows that a second try decodes."""
    again: list[int] = []

    def noted(function, items, *others):
        again.extend(item[-1] for item in items)
        return run_in_workers(function, items, *others)

    monkeypatch.setattr("vqathinker.video.shard.run_in_workers", noted)
    decode(rows, out, limits)
    return again


def test_only_what_is_not_whole_is_decoded_again(
    many: pd.DataFrame, half_done: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a line of the journal, and frames that are not what was written."""
    journal = half_done.with_name(".shard.journal")
    journal.write_text(journal.read_text()[:-30])
    with half_done.with_name(".shard.rows").open("r+b") as rows:
        rows.seek(4 * ClipSetting(6, 32).clip_bytes)
        rows.write(b"\0\1\2\3\4\5\6\7")
    assert decoded_again(many, half_done, monkeypatch) == [4, 29]
    assert len(ClipStore([half_done])) == 20


def test_another_job_begins_anew(
    many: pd.DataFrame, half_done: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Limits(timeout_s=3599, memory_mb=1500)
    assert decoded_again(many, half_done, monkeypatch, other) == list(range(30))


def test_a_video_that_was_replaced_is_decoded_again(
    mp4: Path, webm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [tmp_path / "a.mp4", tmp_path / "b.mp4"]
    for path in paths:
        path.write_bytes(mp4.read_bytes())
    out = tmp_path / "shard"
    stop_before_assembly(rows_of(paths), out, monkeypatch)
    paths[1].write_bytes(webm.read_bytes())
    assert decoded_again(rows_of(paths), out, monkeypatch) == [1]
    clip = decode_clip(webm, ClipSetting(6, 32), 40, "pyav")
    np.testing.assert_array_equal(ClipStore([out]).frames("b.mp4").numpy(), clip.frames)
