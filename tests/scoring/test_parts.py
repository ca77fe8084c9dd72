"""The parts of a clip cover it, and each shows what is on screen then."""

import subprocess
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from tests.scoring.conftest import make_video

from vqathinker.scoring.batch import score_over_time
from vqathinker.scoring.loaded import LoadedPolicy
from vqathinker.scoring.sample import SampledClip, sample_clip, sample_windows
from vqathinker.video.ffmpeg import ffmpeg_binary
from vqathinker.video.readers import PyavReader
from vqathinker.video.sampling import ClipSetting

SIX = ClipSetting(6, 56)
Parts = list[tuple[float, float, SampledClip]]
MOVES = "testsrc2=size=64x64:rate=20"
SOUND = ("-f", "lavfi", "-i", "sine=duration=9")


def parts_of(path: Path, window_s: float = 2) -> Parts:
    return list(sample_windows(path, SIX, window_s))


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Motion until 3 s, then one picture until 13 s, then motion until 16 s."""
    keeps = ("-vf", "select='lt(t,3)+gte(t,13)'", "-fps_mode", "passthrough")
    path = tmp_path_factory.mktemp("held") / "held.mkv"
    return make_video(path, f"{MOVES}:duration=16", 16, *keeps, "-enc_time_base", "1/1000")


def test_a_picture_that_is_held_is_what_its_parts_show(held: Path) -> None:
    parts = parts_of(held)
    assert [round(end) for _, end, _ in parts] == [2, 4, 6, 8, 10, 12, 14, 16]
    with PyavReader(held) as reader:
        seconds = reader.timeline.seconds
    last = max(index for index, second in enumerate(seconds) if second < 3)
    for start, end, part in parts[2:6]:
        assert set(part.indices) == {last}, (start, end)
        assert part.pixels[0].any()
        assert "stands still" in part.facts.note
    _, _, into_motion = parts[6]
    assert into_motion.indices[0] == last
    assert into_motion.indices[-1] > last
    assert not [part for _, _, part in (*parts[:2], *parts[6:]) if part.facts.note]
    assert all((part.pixels == parts[2][2].pixels).all() for _, _, part in parts[3:6])


def _of(name: str, *more: str, seconds: float = 3, inputs: tuple[str, ...] = ()) -> Callable:
    def make(folder: Path) -> Path:
        path = folder / name
        picture = f"{MOVES}:duration={seconds}"
        begin = [ffmpeg_binary(), "-loglevel", "error", *inputs, "-f", "lavfi", "-i", picture]
        end = ["-shortest", "-pix_fmt", "yuv420p", *more, str(path)]
        subprocess.run([*begin, *end], check=True)
        return path

    return make


@pytest.mark.parametrize(
    ("make", "window_s"),
    [
        (_of("even.mp4"), 0.7),
        (_of("one.mkv", seconds=0.05), 0.5),
        (_of("offset.mkv", "-output_ts_offset", "3"), 1),
        (_of("last.mkv", "-vf", "select='lt(n,3)+eq(n,59)'", "-fps_mode", "vfr"), 0.5),
        (_of("sound.mp4", inputs=SOUND), 1),
    ],
)  # fmt: skip
def test_the_parts_cover_the_clip(make: Callable, window_s: float, tmp_path: Path) -> None:
    path = make(tmp_path)
    whole = sample_clip(path, SIX)
    parts = parts_of(path, window_s)
    assert len(parts) == max(1, round(whole.facts.duration_s / window_s))
    assert parts[0][0] == 0
    assert parts[-1][1] == pytest.approx(whole.facts.duration_s, abs=1e-5)
    assert all(before[1] == after[0] for before, after in pairwise(parts))
    for _, end, part in parts:
        assert part.pixels.shape == (6, 56, 56, 3)
        assert all(second < end for second in part.seconds)
        assert list(part.indices) == sorted(part.indices)


def test_one_part_is_the_clip_as_it_is_scored_by_itself(
    policy: LoadedPolicy, held: Path, videos: Path
) -> None:
    for path in (held, videos / "0.mp4"):
        [(_, _, part)] = parts_of(path, 100)
        whole = sample_clip(path, SIX)
        assert part.indices == whole.indices
        assert np.array_equal(part.pixels, whole.pixels)
        [told] = score_over_time(policy, path, window_s=100)
        assert told.result == policy.score(path)
