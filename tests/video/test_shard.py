"""Shards: every kind of damage has its name, and the rest is decoded."""

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
from tests.video.misbehaviour import decode_unless_blocked
from tests.video.small_shards import LIMITS, SETTING, decode, rows_of

from vqathinker.errors import InputError
from vqathinker.phases.one_writer import HeldError, lock_of, only_writer
from vqathinker.video.damage import DisturbedJobError
from vqathinker.video.decode import decode_clip
from vqathinker.video.sampling import ClipSetting
from vqathinker.video.shard import decode_shard, shard_rows
from vqathinker.video.store import ClipStore
from vqathinker.video.workers import Limits

Patch = Callable[..., Path]
Cut = Callable[[Path], Path]


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
        cut(index_first): "cut_short",
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
    tensors = load_file(tmp_path / "0000.safetensors")
    assert tensors["indices"][2].tolist() == [0, 0, 1, 1, 1, 2]
    for row, path in enumerate((mp4, webm)):
        clip = decode_clip(path, ClipSetting(6, 32), 40, "pyav")
        np.testing.assert_array_equal(store.frames(path.name).numpy(), clip.frames)
        assert tensors["indices"][row].tolist() == clip.indices
        assert tensors["seconds"][row].tolist() == clip.seconds


def test_a_video_that_needs_too_much_memory_is_named_and_the_next_one_decoded(
    mp4: Path, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    wide = ("-f", "lavfi", "-i", "color=size=6000x6000:rate=1")
    large = make_clip("large.mov", "mjpeg", "-frames:v", "1", inputs=wide)
    rows = pd.concat([rows_of([large], 1), rows_of([mp4])])
    failures = decode(rows, tmp_path / "shard", Limits(timeout_s=3600, memory_mb=320))
    assert {name: failure.status for name, failure in failures.items()} == {
        large.name: "out_of_memory"
    }
    assert ClipStore([tmp_path / "shard"]).ids == [mp4.name]


def test_a_video_that_waits_for_something_outside_fails_the_job_and_is_decoded_later(
    mp4: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(mp4, tmp_path / "blocked.mp4")
    rows, out = rows_of([tmp_path / "blocked.mp4", mp4]), tmp_path / "out" / "shard"
    with monkeypatch.context() as patches:
        patches.setattr("vqathinker.video.shard.decode_into_row", decode_unless_blocked)
        with pytest.raises(DisturbedJobError, match=r"blocked\.mp4"):
            decode(rows, out, Limits(timeout_s=1, memory_mb=1500))
    assert not out.exists()
    assert decode(rows, out) == {}
    assert ClipStore([out]).ids == ["blocked.mp4", mp4.name]


def test_videos_that_are_gone_fail_the_job(mp4: Path, tmp_path: Path) -> None:
    rows, out = rows_of([mp4, tmp_path / "a.mp4", tmp_path / "b.mp4"]), tmp_path / "shard"
    with pytest.raises(DisturbedJobError, match=f"{tmp_path / 'a.mp4'}"):
        decode_shard(rows, tmp_path, SETTING, out, LIMITS)
    assert list(tmp_path.iterdir()) == []


def test_a_shard_is_made_by_one_process_at_a_time(mp4: Path, tmp_path: Path) -> None:
    out = tmp_path / "shard"
    with only_writer(out, lock_of(out), "writes"), pytest.raises(HeldError, match="shard"):
        decode(rows_of([mp4]), out)
    decode(rows_of([mp4]), out)
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


@pytest.mark.parametrize("written", ["rows", "shard"])
def test_a_file_size_limit_is_one_line_and_leaves_no_shard(
    written: str, mp4: Path, tmp_path: Path
) -> None:
    """`ulimit -f`, as a full disk."""
    rows_of([mp4]).to_parquet(tmp_path / "rows.parquet")
    (tmp_path / "program.py").write_text(UNDER_FILE_LIMIT)
    out = tmp_path / "out" / "shard"
    clip = ClipSetting(6, 32).clip_bytes
    limit = {"rows": clip // 2, "shard": clip}[written]
    command = [sys.executable, tmp_path / "program.py", str(limit), tmp_path / "rows.parquet", out]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.count("\n") == 1, done.stderr
    assert done.stdout.startswith(f"{out}: ")
    assert "File too large" in done.stdout
    assert [path for path in out.parent.iterdir() if not path.name.startswith(".")] == []


UNDER_FILE_LIMIT = """
import resource, sys
from pathlib import Path
import pandas as pd
from vqathinker.video.damage import DisturbedJobError
from vqathinker.video.shard import decode_shard
from vqathinker.video.workers import Limits

if __name__ == "__main__":
    limit, rows, out = sys.argv[1:]
    rows = pd.read_parquet(rows)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
    try:
        decode_shard(rows, Path(), "6x32", Path(out), Limits(3600, 1500))
    except DisturbedJobError as error:
        print(error)
"""


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


def test_outside_a_terminal_there_is_neither_a_bar_nor_decoder_noise(
    overwritten: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    decode(rows_of([overwritten]), tmp_path / "a")
    assert capfd.readouterr() == ("", "")


def test_a_shard_records_how_it_was_made(mp4: Path, tmp_path: Path) -> None:
    pytest.importorskip("decord", reason="decord is built for Linux on x86-64 only")
    for reader, versions in (("pyav", {"av", "torch"}), ("decord", {"av", "decord", "torch"})):
        out = tmp_path / reader
        decode_shard(rows_of([mp4]), Path(), SETTING, out, LIMITS, reader)
        made = ClipStore([out]).provenance[str(out)]
        assert made.pop("reader") == reader
        assert made.keys() == versions


def test_decord_that_is_not_installed_is_named(
    mp4: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no decord for ARM."""

    def version(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr("importlib.metadata.version", version)
    with pytest.raises(InputError, match=r"clips\.reader"):
        decode_shard(rows_of([mp4]), Path(), SETTING, tmp_path / "shard", LIMITS, "decord")


def test_shards_cover_the_manifest_in_order() -> None:
    manifest = pd.DataFrame({"video": list("abcde")})
    shards = ["".join(shard_rows(manifest, shard, 2)["video"]) for shard in range(3)]
    assert shards == ["ab", "cd", "e"]
    with pytest.raises(InputError, match="5 videos"):
        shard_rows(manifest, 3, 2)
