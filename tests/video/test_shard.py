"""Shards: every kind of damage has its name, the rest is decoded, and what was done is kept."""

import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vqathinker.video.damage import Failure
from vqathinker.video.decode import decode_clip
from vqathinker.video.limits import Limits
from vqathinker.video.sampling import ClipSetting
from vqathinker.video.shard import decode_shard, shard_rows
from vqathinker.video.store import ClipStore
from vqathinker.video.workers import run_in_workers

# Workers find functions by the name of their module.
sys.path.insert(0, str(Path(__file__).parent))
from misbehaviour import ClockThatJumps, decode_unless_blocked

Patch = Callable[..., Path]
Cut = Callable[[Path], Path]

LIMITS = Limits(timeout_s=3600, memory_mb=1500)
SETTING = "6x32"


def rows_of(paths: list[Path], frames: int = 40) -> pd.DataFrame:
    """Manifest rows, as if the files had been whole videos when the manifest was made."""
    rows = [{"video": p.name, "file": str(p), "status": "ok", "frames": frames} for p in paths]
    return pd.DataFrame(rows)


def decode(
    rows: pd.DataFrame, out: Path, limits: Limits = LIMITS, workers: int = 1
) -> dict[str, Failure]:
    return decode_shard(rows, Path(), SETTING, out, limits, workers=workers)


@pytest.fixture
def bad_files(
    mp4: Path, index_first: Path, overwritten: Path, audio_only: Path, huge: Path, cut: Cut,
    patched: Patch, tmp_path: Path,
) -> dict[Path, str]:  # fmt: skip
    """Every kind of bad file, and its name."""
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "garbage.mp4").write_bytes(np.random.default_rng(0).bytes(20_000))
    (tmp_path / "text.mp4").write_text("dear diary, this is no video\n" * 40)
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "folder.mp4").mkdir()
    codec = mp4.read_bytes().index(b"avc1\0")
    sizes = mp4.read_bytes().index(b"stsz")
    return {
        cut(index_first): "corrupt",
        cut(mp4): "no_index",
        tmp_path / "empty.mp4": "empty",
        tmp_path / "garbage.mp4": "no_container",
        overwritten: "corrupt",
        audio_only: "no_video_stream",
        patched(mp4, "odd.mp4", codec, b"zzzz"): "no_decoder",
        patched(mp4, "lie.mp4", sizes + 12, (20).to_bytes(4, "big")): "cut_short",
        tmp_path / "text.mp4": "no_container",
        huge: "too_large",
        tmp_path / "pipe.mp4": "not_a_file",
        tmp_path / "folder.mp4": "not_a_file",
        tmp_path / "gone.mp4": "unreadable",
    }


def test_every_kind_of_bad_file_has_its_name_and_the_good_ones_are_decoded(
    bad_files: dict[Path, str], mp4: Path, webm: Path, three_frames: Path, tmp_path: Path
) -> None:
    rows = rows_of([mp4, *bad_files, webm])
    rows = pd.concat([rows, rows_of([three_frames], frames=3)])
    failures = decode(rows, tmp_path / "0000.safetensors", workers=2)
    assert {video: failure.status for video, failure in failures.items()} == {
        path.name: status for path, status in bad_files.items()
    }
    store = ClipStore([tmp_path / "0000.safetensors"])
    assert store.failures == failures
    assert store.ids == [mp4.name, webm.name, three_frames.name]
    assert store.indices(three_frames.name) == [0, 0, 1, 1, 1, 2]
    for path in (mp4, webm):
        clip = decode_clip(path, ClipSetting(6, 32), 40, "pyav")
        np.testing.assert_array_equal(store.frames(path.name).numpy(), clip.frames)
        assert store.indices(path.name) == clip.indices
        assert store.seconds(path.name) == clip.seconds


def test_a_video_that_needs_too_much_memory_is_named_and_the_next_one_decoded(
    mp4: Path, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    wide = ("-f", "lavfi", "-i", "color=size=6000x6000:rate=1")
    large = make_clip("large.mov", "mjpeg", "-frames:v", "1", inputs=wide)
    rows = pd.concat([rows_of([large], 1), rows_of([mp4])])
    failures = decode(rows, tmp_path / "shard", Limits(timeout_s=3600, memory_mb=320))
    reason = "needed more than 320 MiB of memory"
    assert failures == {large.name: Failure("out_of_memory", reason)}
    assert ClipStore([tmp_path / "shard"]).ids == [mp4.name]


def test_a_video_that_takes_too_long_is_named_and_the_next_one_decoded(
    mp4: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One whose reader blocks; its time is up when it is known to."""
    clock = ClockThatJumps(tmp_path / "blocked.sign")
    by_clock = partial(run_in_workers, clock=clock)
    monkeypatch.setattr("vqathinker.video.shard.run_in_workers", by_clock)
    monkeypatch.setattr("vqathinker.video.shard.decode_into_row", decode_unless_blocked)
    rows = rows_of([tmp_path / "blocked.mp4", mp4])
    failures = decode(rows, tmp_path / "shard", Limits(timeout_s=0.1, memory_mb=1500))
    assert failures == {"blocked.mp4": Failure("timeout", "took longer than 0.1 s")}
    assert ClipStore([tmp_path / "shard"]).ids == [mp4.name]


def test_rows_without_a_usable_video_are_passed_over(mp4: Path, tmp_path: Path) -> None:
    rows = rows_of([mp4, mp4, mp4])
    rows["video"] = ["good", "gone", "broken"]
    rows["status"] = ["ok", "missing", "corrupt"]
    assert decode(rows, tmp_path / "0000.safetensors") == {}
    assert ClipStore([tmp_path / "0000.safetensors"]).ids == ["good"]


def test_a_shard_in_which_nothing_can_be_decoded_is_still_a_shard(
    overwritten: Path, tmp_path: Path
) -> None:
    out = tmp_path / "0000.safetensors"
    decode(rows_of([overwritten]), out)
    assert ClipStore([out]).ids == []
    assert list(ClipStore([out]).failures) == [overwritten.name]
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


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
from vqathinker.video import shard
from vqathinker.video.limits import Limits

class StoppingJournal(shard.Journal):
    def add(self, entry):
        super().add(entry)
        if len(self.entries) == 7:
            print("7 are through", flush=True)
            signal.pause()

if __name__ == "__main__":
    rows, out, setting = sys.argv[1:]
    shard.Journal = StoppingJournal
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
        assert process.stdout.readline() == "7 are through\n"
        process.kill()
    assert not out.exists()
    assert decoded_again(many, out, monkeypatch) == list(range(7, 30))
    assert out.read_bytes() == (tmp_path / "whole").read_bytes()
    assert not (tmp_path / ".killed.journal").exists()
    assert not (tmp_path / ".killed.rows").exists()


@pytest.fixture
def half_done(many: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A shard that stopped when its 30 videos were through, just before it was put together."""
    out = tmp_path / "shard"
    with monkeypatch.context() as patch:
        patch.setattr("vqathinker.video.shard.write_shard_file", stop)
        with pytest.raises(KeyboardInterrupt):
            decode(many, out)
    assert not out.exists()
    return out


def stop(*_: object) -> None:
    raise KeyboardInterrupt


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


def test_what_is_through_is_not_decoded_again(
    many: pd.DataFrame, half_done: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert decoded_again(many, half_done, monkeypatch) == []
    assert len(ClipStore([half_done])) == 20


def test_half_a_line_of_the_journal_counts_for_nothing(
    many: pd.DataFrame, half_done: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = half_done.with_name(".shard.journal")
    journal.write_text(journal.read_text()[:-30])
    assert decoded_again(many, half_done, monkeypatch) == [29]


def test_a_row_that_is_not_what_was_written_is_decoded_again(
    many: pd.DataFrame, half_done: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with half_done.with_name(".shard.rows").open("r+b") as rows:
        rows.seek(4 * ClipSetting(6, 32).clip_bytes)
        rows.write(b"\0\1\2\3\4\5\6\7")
    assert decoded_again(many, half_done, monkeypatch) == [4]


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
    with monkeypatch.context() as patch:
        patch.setattr("vqathinker.video.shard.write_shard_file", stop)
        with pytest.raises(KeyboardInterrupt):
            decode(rows_of(paths), out)
    paths[1].write_bytes(webm.read_bytes())
    assert decoded_again(rows_of(paths), out, monkeypatch) == [1]
    clip = decode_clip(webm, ClipSetting(6, 32), 40, "pyav")
    np.testing.assert_array_equal(ClipStore([out]).frames("b.mp4").numpy(), clip.frames)


def test_outside_a_terminal_there_is_neither_a_bar_nor_decoder_noise(
    overwritten: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    decode(rows_of([overwritten]), tmp_path / "a")
    assert capfd.readouterr() == ("", "")


def test_shards_cover_the_manifest_in_order() -> None:
    manifest = pd.DataFrame({"video": list("abcde")})
    shards = ["".join(shard_rows(manifest, shard, 2)["video"]) for shard in range(3)]
    assert shards == ["ab", "cd", "e"]


@pytest.mark.parametrize("shard", [3, -1])
def test_a_shard_beyond_the_manifest_is_refused(shard: int) -> None:
    with pytest.raises(ValueError, match="5 videos in shards of 2 make 3"):
        shard_rows(pd.DataFrame({"video": list("abcde")}), shard, 2)
