"""Shards: every kind of damage has its name, and the rest is decoded."""

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.video.small_shards import LIMITS, SETTING, decode, rows_of

from vqathinker.video.damage import Failure
from vqathinker.video.decode import decode_clip
from vqathinker.video.disturbance import DisturbedJobError
from vqathinker.video.limits import Limits
from vqathinker.video.sampling import ClipSetting
from vqathinker.video.shard import decode_shard, shard_rows
from vqathinker.video.shard_lock import writing_alone
from vqathinker.video.store import ClipStore
from vqathinker.video.workers import run_in_workers

# Workers find functions by the name of their module.
sys.path.insert(0, str(Path(__file__).parent))
from misbehaviour import ClockThatJumps, decode_unless_blocked

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


def test_a_video_that_waits_for_something_outside_fails_the_job_and_is_decoded_later(
    mp4: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One whose reader blocks; its time is up when it is known to."""
    shutil.copy(mp4, tmp_path / "blocked.mp4")
    rows, out = rows_of([tmp_path / "blocked.mp4", mp4]), tmp_path / "out" / "shard"
    with monkeypatch.context() as patches:
        clock = ClockThatJumps(tmp_path / "blocked.sign")
        by_clock = partial(run_in_workers, clock=clock)
        patches.setattr("vqathinker.video.shard.run_in_workers", by_clock)
        patches.setattr("vqathinker.video.shard.decode_into_row", decode_unless_blocked)
        with pytest.raises(DisturbedJobError, match=r"blocked\.mp4 on .* clips\.timeout_s"):
            decode(rows, out, Limits(timeout_s=0.1, memory_mb=1500))
    assert not out.exists()
    assert decode(rows, out) == {}
    assert ClipStore([out]).ids == ["blocked.mp4", mp4.name]


def test_videos_that_are_gone_fail_the_job_and_name_folder_and_machine(
    mp4: Path, tmp_path: Path
) -> None:
    rows, out = rows_of([mp4, tmp_path / "a.mp4", tmp_path / "b.mp4"]), tmp_path / "shard"
    with pytest.raises(DisturbedJobError) as caught:
        decode_shard(rows, tmp_path, SETTING, out, LIMITS)
    words = f"{tmp_path} on {platform.node()}: 2 of 3 videos of this shard are gone"
    assert str(caught.value).startswith(words)
    assert str(tmp_path / "a.mp4") in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_shard_is_made_by_one_process_at_a_time(mp4: Path, tmp_path: Path) -> None:
    out = tmp_path / "shard"
    with (
        writing_alone(out, 0),
        pytest.raises(DisturbedJobError, match=f"{out}: another process makes this shard"),
    ):
        decode(rows_of([mp4]), out)
    decode(rows_of([mp4]), out)
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


@pytest.mark.parametrize("written", ["rows", "shard"])
def test_a_file_size_limit_is_one_line_and_leaves_no_shard(
    written: str, mp4: Path, tmp_path: Path
) -> None:
    """`ulimit -f`; a full disk is the same to whoever writes."""
    rows_of([mp4]).to_parquet(tmp_path / "rows.parquet")
    (tmp_path / "program.py").write_text(UNDER_FILE_LIMIT)
    out = tmp_path / "out" / "shard"
    clip = ClipSetting(6, 32).clip_bytes
    limit = {"rows": clip // 2, "shard": clip}[written]
    command = [sys.executable, tmp_path / "program.py", str(limit), tmp_path / "rows.parquet", out]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.count("\n") == 1, done.stderr
    assert done.stdout.startswith(f"{out}: cannot be written (File too large); ")
    assert "`ulimit -f`" in done.stdout
    assert [path for path in out.parent.iterdir() if not path.name.startswith(".")] == []


UNDER_FILE_LIMIT = """
import resource, sys
from pathlib import Path
import pandas as pd
from vqathinker.video.disturbance import DisturbedJobError
from vqathinker.video.limits import Limits
from vqathinker.video.shard import decode_shard

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


def test_shards_cover_the_manifest_in_order() -> None:
    manifest = pd.DataFrame({"video": list("abcde")})
    shards = ["".join(shard_rows(manifest, shard, 2)["video"]) for shard in range(3)]
    assert shards == ["ab", "cd", "e"]


@pytest.mark.parametrize("shard", [3, -1])
def test_a_shard_beyond_the_manifest_is_refused(shard: int) -> None:
    with pytest.raises(ValueError, match="5 videos in shards of 2 make 3"):
        shard_rows(pd.DataFrame({"video": list("abcde")}), shard, 2)
