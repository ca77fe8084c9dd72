"""Clips: the right frames, upright and square; damage is detected."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vqathinker.video.damage import DamagedVideo, JobError
from vqathinker.video.decode import Clip, decode_clip
from vqathinker.video.probe import probe
from vqathinker.video.readers import PyavReader
from vqathinker.video.sampling import ClipSetting, frame_indices
from vqathinker.video.views import resize


def decode(path: Path, frames: int = 6, size: int = 32, expected: int | None = None) -> Clip:
    known = probe(path).frames if expected is None else expected
    return decode_clip(path, ClipSetting(frames, size), known, "pyav")


def test_clip_is_square(mp4: Path, portrait: Path) -> None:
    for path in (mp4, portrait):
        clip = decode(path, 6, 48)
        assert clip.frames.shape == (6, 3, 48, 48)
        assert clip.frames.dtype == np.uint8
        assert clip.indices == frame_indices(40, 6)
        assert clip.seconds == pytest.approx([index / 20 for index in clip.indices])


@pytest.mark.parametrize("size", [16, 48, 200])
def test_resize_equals_pillow_bicubic_within_one_level(mp4: Path, size: int) -> None:
    with PyavReader(mp4) as video:
        (pixels,), _ = video.read([3], lambda _, frame: np.array(frame))
    expected = Image.fromarray(pixels).resize((size, size), Image.Resampling.BICUBIC)
    found = resize(pixels, size).transpose(1, 2, 0)
    difference = np.abs(found.astype(int) - np.asarray(expected))
    assert difference.max() <= 1
    assert difference.mean() < 0.01


def test_short_video_repeats_frames(three_frames: Path) -> None:
    clip = decode(three_frames)
    assert clip.indices == [0, 0, 1, 1, 1, 2]
    np.testing.assert_array_equal(clip.frames[0], clip.frames[1])
    assert (clip.frames[1] != clip.frames[2]).any()


def test_variable_rate_is_sampled_by_frame(variable_rate: Path) -> None:
    """The first 10 frames are 1/20 s apart, the last 5 are 6/20 s apart."""
    clip = decode(variable_rate, 15)
    assert clip.indices == frame_indices(15, 15)
    shown = [*range(10), 12, 18, 24, 30, 36]
    assert clip.seconds == pytest.approx([shown[index] / 20 for index in clip.indices], abs=1e-3)


def test_changed_video_is_not_recorded_as_damage(mp4: Path) -> None:
    with pytest.raises(JobError, match="40 frames"):
        decode(mp4, expected=41)


def test_overwritten_frames_are_damage(overwritten: Path) -> None:
    with pytest.raises(DamagedVideo) as caught:
        decode(overwritten, expected=40)
    assert caught.value.status == "corrupt"
