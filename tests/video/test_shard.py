"""Shards: damaged videos get a status, the others are decoded, interrupted jobs resume."""

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.torch import load_file
from tests.video.failing_jobs import decode_unless_blocked

from vqathinker.errors import InputError
from vqathinker.video.damage import Failure, JobError
from vqathinker.video.decode import decode_clip
from vqathinker.video.sampling import ClipSetting
from vqathinker.video.shard import decode_shard, shard_rows
from vqathinker.video.store import ClipStore
from vqathinker.video.workers import Limits, run_in_workers

LIMITS = Limits(timeout_s=3600, memory_mb=1500)
SETTING = "6x32"


def rows_of(paths: list[Path], frames: int = 40) -> pd.DataFrame:
    """Manifest rows as if the files were intact videos."""
    rows = [{"video": p.name, "file": str(p), "status": "ok", "frames": frames} for p in paths]
    return pd.DataFrame(rows)


def decode(
    rows: pd.DataFrame, out: Path, limits: Limits = LIMITS, workers: int = 1
) -> dict[str, Failure]:
    return decode_shard(rows, Path(), SETTING, out, limits, workers=workers)


def test_damaged_videos_get_status_and_others_are_decoded(
    mp4: Path, webm: Path, three_frames: Path, index_first: Path, overwritten: Path,
    audio_only: Path, cut: Callable[[Path], Path], tmp_path: Path,
) -> None:  # fmt: skip
    (tmp_path / "empty.mp4").touch()
    os.mkfifo(tmp_path / "pipe.mp4")
    bad = {
        cut(index_first): "cut_short",
        cut(mp4): "no_index",
        tmp_path / "empty.mp4": "empty",
        overwritten: "corrupt",
        audio_only: "no_video_stream",
        tmp_path / "pipe.mp4": "not_a_file",
    }
    rows = pd.concat([rows_of([mp4, *bad, webm]), rows_of([three_frames], frames=3)])
    failures = decode(rows, tmp_path / "0000.safetensors", workers=2)
    assert {video: failure.status for video, failure in failures.items()} == {
        path.name: status for path, status in bad.items()
    }
    store = ClipStore([tmp_path / "0000.safetensors"])
    assert store.failures == failures
    assert store.ids == [mp4.name, webm.name, three_frames.name]
    tensors = load_file(tmp_path / "0000.safetensors")
    assert tensors["indices"][2].tolist() == [0, 0, 1, 1, 1, 2]
    for row, path in enumerate((mp4, webm)):
        clip = decode_clip(path, ClipSetting(6, 32), 40, "pyav")
        np.testing.assert_array_equal(store.frames(path.name).numpy(), clip.frames)
        assert tensors["indices"][row].tolist() == clip.indices
        assert tensors["seconds"][row].tolist() == clip.seconds


def test_out_of_memory_video_does_not_stop_shard(
    mp4: Path, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    wide = ("-f", "lavfi", "-i", "color=size=6000x6000:rate=1")
    large = make_clip("large.mov", "mjpeg", "-frames:v", "1", inputs=wide)
    rows = pd.concat([rows_of([large], 1), rows_of([mp4])])
    failures = decode(rows, tmp_path / "shard", Limits(timeout_s=3600, memory_mb=320))
    assert [(name, one.status) for name, one in failures.items()] == [(large.name, "out_of_memory")]
    assert ClipStore([tmp_path / "shard"]).ids == [mp4.name]


def test_stalled_video_fails_job_and_is_decoded_later(
    mp4: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(mp4, tmp_path / "blocked.mp4")
    rows, out = rows_of([tmp_path / "blocked.mp4", mp4]), tmp_path / "out" / "shard"
    with monkeypatch.context() as patches:
        patches.setattr("vqathinker.video.shard.decode_into_row", decode_unless_blocked)
        with pytest.raises(JobError, match=r"blocked\.mp4"):
            decode(rows, out, Limits(timeout_s=1, memory_mb=1500))
    assert not out.exists()
    assert decode(rows, out) == {}
    assert ClipStore([out]).ids == ["blocked.mp4", mp4.name]


def test_missing_videos_fail_job(mp4: Path, tmp_path: Path) -> None:
    rows, out = rows_of([mp4, tmp_path / "a.mp4", tmp_path / "b.mp4"]), tmp_path / "shard"
    with pytest.raises(JobError, match=f"{tmp_path / 'a.mp4'}"):
        decode_shard(rows, tmp_path, SETTING, out, LIMITS)
    assert list(tmp_path.iterdir()) == []


def test_unwritable_shard_keeps_progress(
    mp4: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    out = tmp_path / "shard"
    monkeypatch.setattr("vqathinker.video.shard.write_shard_file", full)
    with pytest.raises(JobError, match=f"{out}.*No space left"):
        decode(rows_of([mp4]), out)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".shard.journal", ".shard.rows"]


def test_rows_with_other_status_are_skipped(mp4: Path, tmp_path: Path) -> None:
    rows = rows_of([mp4, mp4, mp4])
    rows["video"] = ["good", "gone", "broken"]
    rows["status"] = ["ok", "missing", "corrupt"]
    assert decode(rows, tmp_path / "0000.safetensors") == {}
    assert ClipStore([tmp_path / "0000.safetensors"]).ids == ["good"]


def test_shard_without_clips_is_valid(
    overwritten: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "0000.safetensors"
    decode(rows_of([overwritten]), out)
    assert capfd.readouterr() == ("", "")  # neither progress bar nor decoder messages
    assert ClipStore([out]).ids == []
    assert list(ClipStore([out]).failures) == [overwritten.name]
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


def test_provenance_of_shard(mp4: Path, tmp_path: Path) -> None:
    pytest.importorskip("decord", reason="decord is built for Linux on x86-64 only")
    for reader, versions in (("pyav", {"av", "torch"}), ("decord", {"av", "decord", "torch"})):
        out = tmp_path / reader
        decode_shard(rows_of([mp4]), Path(), SETTING, out, LIMITS, reader)
        made = ClipStore([out]).provenance[str(out)]
        assert made.pop("reader") == reader
        assert made.keys() == versions


def test_missing_decord_raises(mp4: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """decord is not available for ARM."""

    def version(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr("importlib.metadata.version", version)
    with pytest.raises(InputError, match=r"clips\.reader"):
        decode_shard(rows_of([mp4]), Path(), SETTING, tmp_path / "shard", LIMITS, "decord")


def test_shards_cover_manifest_in_order() -> None:
    manifest = pd.DataFrame({"video": list("abcde")})
    shards = ["".join(shard_rows(manifest, shard, 2)["video"]) for shard in range(3)]
    assert shards == ["ab", "cd", "e"]
    with pytest.raises(InputError, match="5 videos"):
        shard_rows(manifest, 3, 2)


@pytest.fixture
def many(mp4: Path, webm: Path, overwritten: Path, tmp_path: Path) -> pd.DataFrame:
    """Thirty videos with distinct names, some of them damaged."""
    rows = rows_of([(mp4, webm, overwritten)[number % 3] for number in range(30)])
    return rows.assign(video=[f"{number}.mp4" for number in range(30)])


def test_bytes_do_not_depend_on_workers(many: pd.DataFrame, tmp_path: Path) -> None:
    decode(many, tmp_path / "one")
    decode(many, tmp_path / "two", workers=3)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


INTERRUPTED_PROGRAM = """
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


def test_killed_shard_resumes_to_same_bytes(
    many: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decode(many, tmp_path / "whole")
    out = tmp_path / "killed"
    many.to_parquet(tmp_path / "rows.parquet")
    (tmp_path / "program.py").write_text(INTERRUPTED_PROGRAM)
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
    """A shard that was interrupted after all 30 videos were decoded, before its assembly."""
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
    """Rows that a second run decodes."""
    again: list[int] = []

    def recorded(function, items, *others):
        again.extend(item[-1] for item in items)
        return run_in_workers(function, items, *others)

    monkeypatch.setattr("vqathinker.video.shard.run_in_workers", recorded)
    decode(rows, out, limits)
    return again


def test_only_damaged_progress_is_decoded_again(
    many: pd.DataFrame, half_done: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a line in the journal, and overwritten frames."""
    journal = half_done.with_name(".shard.journal")
    journal.write_text(journal.read_text()[:-30])
    with half_done.with_name(".shard.rows").open("r+b") as rows:
        rows.seek(4 * ClipSetting(6, 32).clip_bytes)
        rows.write(b"\0\1\2\3\4\5\6\7")
    assert decoded_again(many, half_done, monkeypatch) == [4, 29]
    assert len(ClipStore([half_done])) == 20


def test_changed_parameters_restart_job(
    many: pd.DataFrame, half_done: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Limits(timeout_s=3599, memory_mb=1500)
    assert decoded_again(many, half_done, monkeypatch, other) == list(range(30))


def test_replaced_video_is_decoded_again(
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
