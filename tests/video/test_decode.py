"""Clips: the right frames, upright and square, and damage that is noticed."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vqathinker.video.damage import DamagedVideo, DisturbedJobError
from vqathinker.video.decode import Clip, decode_clip, resize
from vqathinker.video.probe import probe
from vqathinker.video.readers import PyavReader
from vqathinker.video.sampling import ClipSetting, frame_indices

ENDLESS = ("-f", "lavfi", "-i", "testsrc2=size=32x32:rate=20")


def decode(path: Path, frames: int = 6, size: int = 32, promised: int | None = None) -> Clip:
    known = probe(path).frames if promised is None else promised
    return decode_clip(path, ClipSetting(frames, size), known, "pyav")


def test_a_clip_is_square_whatever_the_video(mp4: Path, portrait: Path) -> None:
    for path in (mp4, portrait):
        clip = decode(path, 6, 48)
        assert clip.frames.shape == (6, 3, 48, 48)
        assert clip.frames.dtype == np.uint8
        assert clip.indices == frame_indices(40, 6)
        assert clip.seconds == pytest.approx([index / 20 for index in clip.indices])


@pytest.mark.parametrize("size", [16, 48, 200])
def test_resizing_is_pillow_s_bicubic_within_one_level(mp4: Path, size: int) -> None:
    with PyavReader(mp4) as video:
        (pixels,), _ = video.read([3], np.array)
    expected = Image.fromarray(pixels).resize((size, size), Image.Resampling.BICUBIC)
    found = resize(pixels, size).transpose(1, 2, 0)
    difference = np.abs(found.astype(int) - np.asarray(expected))
    assert difference.max() <= 1
    assert difference.mean() < 0.01


def test_a_short_video_repeats_frames(three_frames: Path) -> None:
    clip = decode(three_frames)
    assert clip.indices == [0, 0, 1, 1, 1, 2]
    np.testing.assert_array_equal(clip.frames[0], clip.frames[1])
    assert (clip.frames[1] != clip.frames[2]).any()


def test_varying_rates_are_sampled_by_frame_and_timed_by_the_clock(variable_rate: Path) -> None:
    """Its first 10 frames follow each other by 1/20 s, the last 5 by 6/20 s."""
    clip = decode(variable_rate, 15)
    assert clip.indices == frame_indices(15, 15)
    shown = [*range(10), 12, 18, 24, 30, 36]
    assert clip.seconds == pytest.approx([shown[index] / 20 for index in clip.indices], abs=1e-3)


def test_indices_of_real_videos_are_the_authors(root: Path, make_clip: Callable[..., Path]) -> None:
    """Golden: frames.json, from `get_index` of the authors' code at ee47a40."""
    golden = json.loads((root / "tests" / "goldens" / "frames.json").read_text())
    cases = [case for case in golden if case["num_frames"] <= 30]
    assert cases
    for case in cases:
        frames, segments = case["num_frames"], case["num_segments"]
        path = make_clip(
            f"{frames}_{segments}.mp4", "h264", "-frames:v", str(frames), inputs=ENDLESS
        )
        assert decode(path, segments).indices == case["indices"]


def test_a_video_that_is_not_the_one_of_the_manifest_is_no_damage(mp4: Path) -> None:
    with pytest.raises(DisturbedJobError, match="40 frames"):
        decode(mp4, promised=41)


def test_rubbish_in_the_place_of_pictures_is_damage(overwritten: Path) -> None:
    with pytest.raises(DamagedVideo) as caught:
        decode(overwritten, promised=40)
    assert caught.value.status == "corrupt"
