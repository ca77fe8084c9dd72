"""The parts of a clip cover it, and each contains the frames on screen at that time."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from tests.scoring.conftest import make_video

from vqathinker.scoring.batch import score_over_time
from vqathinker.scoring.loaded_policy import LoadedPolicy
from vqathinker.scoring.sample import SampledClip, sample_clip, sample_parts
from vqathinker.video.readers import PyavReader
from vqathinker.video.sampling import ClipSetting

SIX = ClipSetting(6, 56)
Parts = list[tuple[float, float, SampledClip]]
MOTION = "testsrc2=size=64x64:rate=20"


def parts_of(path: Path, window_s: float = 2) -> Parts:
    return list(sample_parts(path, SIX, window_s))


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Motion until 3 s, then one picture until 13 s, then motion until 16 s."""
    options = ("-vf", "select='lt(t,3)+gte(t,13)'", "-fps_mode", "passthrough")
    path = tmp_path_factory.mktemp("held") / "held.mkv"
    return make_video(path, f"{MOTION}:duration=16", 16, *options, "-enc_time_base", "1/1000")


def test_parts_without_new_frames_show_the_held_picture(held: Path) -> None:
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


@pytest.mark.parametrize(
    ("name", "seconds", "options", "window_s"),
    [
        ("even.mp4", 3, (), 0.7),
        ("one.mkv", 0.05, (), 0.5),
        ("offset.mkv", 3, ("-output_ts_offset", "3"), 1),
        ("last.mkv", 3, ("-vf", "select='lt(n,3)+eq(n,59)'", "-fps_mode", "vfr"), 0.5),
        ("sound.mp4", 3, ("-f", "lavfi", "-i", "sine=duration=3"), 1),
    ],
)  # fmt: skip
def test_parts_cover_the_clip(
    name: str, seconds: float, options: tuple[str, ...], window_s: float, tmp_path: Path
) -> None:
    path = make_video(tmp_path / name, f"{MOTION}:duration={seconds}", seconds, *options)
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


def test_a_single_part_has_the_score_of_the_clip(
    policy: LoadedPolicy, held: Path, videos: Path
) -> None:
    for path in (held, videos / "0.mp4"):
        [(_, _, part)] = parts_of(path, 100)
        whole = sample_clip(path, SIX)
        assert part.indices == whole.indices
        assert np.array_equal(part.pixels, whole.pixels)
        [scored] = score_over_time(policy, path, window_s=100)
        assert scored.result == policy.score(path)
