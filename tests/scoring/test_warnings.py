"""Warnings about clips that differ from the training clips."""

import subprocess
from pathlib import Path

import pytest
from tests.scoring.conftest import RECORD, make_video

from vqathinker.scoring.sample import sample_clip
from vqathinker.scoring.trained_on import TrainedOn, clip_warnings
from vqathinker.video.ffmpeg import ffmpeg_binary
from vqathinker.video.sampling import ClipSetting

TRAINED_ON = TrainedOn.from_provenance(RECORD)
SIX = ClipSetting(6, 56)
PLAIN = "testsrc2=size=64x64:rate=8"


def warnings(
    path: Path, setting: ClipSetting = SIX, trained_on: TrainedOn = TRAINED_ON
) -> list[str]:
    return list(clip_warnings(sample_clip(path, setting), SIX, trained_on))


def test_a_clip_like_the_training_clips_gives_no_warning(videos: Path) -> None:
    assert warnings(videos / "0.mp4") == []


@pytest.mark.parametrize(
    ("picture", "seconds", "more", "begins", "value"),
    [
        (PLAIN, 0.5, (), "too short", "6"),
        ("testsrc2=size=640x360:rate=8", 1, (), "too large", "360 px"),
        ("testsrc2=size=64x32:rate=8", 1, (), "too small", "32 px"),
        (PLAIN, 4, (), "too long", "1 to 2 s"),
        ("testsrc2=size=64x64:rate=60", 1, (), "unusual frame rate", "60"),
        (PLAIN, 1, ("-c:v", "libx265", "-x265-params", "log-level=none:transfer=smpte2084",
                    "-color_trc", "smpte2084"), "HDR", ""),
    ],
)  # fmt: skip
def test_each_difference_gives_a_warning(
    tmp_path: Path, picture: str, seconds: float, more: tuple[str, ...], begins: str, value: str
) -> None:
    first, *_ = warnings(make_video(tmp_path / "clip.mp4", picture, seconds, *more))
    assert first.startswith(begins)
    assert value in first


def test_tiles_are_native_at_any_resolution(tmp_path: Path) -> None:
    clip = make_video(tmp_path / "clip.mp4", "testsrc2=size=640x360:rate=60", 4)
    tiles = ClipSetting(6, 56, 4)
    begins = [text.partition(":")[0] for text in
              clip_warnings(sample_clip(clip, tiles), tiles, TRAINED_ON)]  # fmt: skip
    assert begins == ["too long", "unusual frame rate"]


def test_rotation_and_another_number_of_frames_give_a_warning(tmp_path: Path, videos: Path) -> None:
    rotated = tmp_path / "rotated.mp4"
    command = [ffmpeg_binary(), "-loglevel", "error", "-display_rotation", "90"]
    subprocess.run([*command, "-i", str(videos / "0.mp4"), "-c", "copy", str(rotated)], check=True)
    [warning] = warnings(rotated)
    assert "degrees" in warning
    [warning] = warnings(videos / "0.mp4", ClipSetting(3, 56))
    assert warning.startswith("3 frames")


def test_usual_ranges_are_used_if_none_are_recorded(videos: Path) -> None:
    texts = warnings(videos / "0.mp4", trained_on=TrainedOn("mine"))
    begins = [text.partition(":")[0] for text in texts]
    assert begins == ["too small", "too short", "unusual frame rate"]
