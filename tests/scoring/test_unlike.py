"""A clip that is unlike what the policy has seen is scored, and it is said in what."""

import subprocess
from pathlib import Path

import pytest
from tests.scoring.conftest import RECORD, make_video

from vqathinker.scoring.sample import sample_clip
from vqathinker.scoring.trained_on import TrainedOn, what_is_unlike
from vqathinker.video.ffmpeg import ffmpeg_binary
from vqathinker.video.sampling import ClipSetting

SEEN = TrainedOn.of(RECORD)
SIX = ClipSetting(6, 56)
PLAIN = "testsrc2=size=64x64:rate=8"


def said(path: Path, setting: ClipSetting = SIX, seen: TrainedOn = SEEN) -> list[str]:
    return list(what_is_unlike(sample_clip(path, setting), SIX, seen))


def test_a_clip_like_the_training_clips_has_no_warning(videos: Path) -> None:
    assert said(videos / "0.mp4") == []


@pytest.mark.parametrize(
    ("picture", "seconds", "more", "begins"),
    [
        (PLAIN, 0.5, (), "too short: it has fewer frames than the 6"),
        ("testsrc2=size=640x360:rate=8", 1, (), "too large: 360 px at its shorter side; the tr"),
        ("testsrc2=size=64x32:rate=8", 1, (), "too small: 32 px at its shorter side; the trai"),
        (PLAIN, 4, (), "too long: 4 s; the training clips had 1 to 2 s: --where"),
        ("testsrc2=size=64x64:rate=60", 1, (), "odd frame rate: 60 frames per second"),
        (PLAIN, 1, ("-c:v", "libx265", "-x265-params", "log-level=none:transfer=smpte2084",
                    "-color_trc", "smpte2084"), "HDR: its colours are read as if"),
    ],
)  # fmt: skip
def test_each_difference_is_told(
    tmp_path: Path, picture: str, seconds: float, more: tuple[str, ...], begins: str
) -> None:
    told = said(make_video(tmp_path / "clip.mp4", picture, seconds, *more))
    assert told
    assert told[0].startswith(begins)


def test_a_turned_clip_is_told_and_so_is_another_number_of_frames(
    tmp_path: Path, videos: Path
) -> None:
    turned = tmp_path / "turned.mp4"
    command = [ffmpeg_binary(), "-loglevel", "error", "-display_rotation", "90"]
    subprocess.run([*command, "-i", str(videos / "0.mp4"), "-c", "copy", str(turned)], check=True)
    assert [text.split(":")[0] for text in said(turned)] == ["turned"]
    assert said(videos / "0.mp4", ClipSetting(3, 56)) == [
        "3 frames were looked at; the policy is used to 6"
    ]


def test_a_policy_that_does_not_know_its_clips_is_held_to_what_is_usual(videos: Path) -> None:
    told = said(videos / "0.mp4", seen=TrainedOn("mine"))
    assert [text.partition(":")[0] for text in told] == ["too small", "too short", "odd frame rate"]
    assert "usual are 240 to 4320 px" in told[0]


def test_an_older_record_tells_the_set_s_name_alone() -> None:
    known = TrainedOn.of({"data": "data/lsvq_train/manifest.parquet"})
    assert known == TrainedOn(set="lsvq_train")
    assert TrainedOn.of({}).set is None
    assert known.percentile(3.0) is None
