"""Random videos give the same frames as ffmpeg.

`make test RANDOM_VIDEOS=5000`, or the variable below, tests more of them.
"""

import os
from pathlib import Path

import pytest
from tests.video.ffmpeg_reference import ffmpeg_frames, require_same_as_ffmpeg
from tests.video.random_videos import draw_recipe, make_video

from vqathinker.video.damage import DamagedVideo
from vqathinker.video.probe import probe

COUNT = int(os.environ.get("VQATHINKER_RANDOM_VIDEOS", "80"))
# Regressions: a cut that leaves no frame, two frames with the same time, a cut open group.
REGRESSIONS = (1316, 2838, 3007, 3771)


@pytest.mark.parametrize("number", sorted({*range(COUNT), *REGRESSIONS}))
def test_random_video_equals_ffmpeg(number: int, tmp_path: Path) -> None:
    recipe = draw_recipe(number)
    path = make_video(recipe, tmp_path)
    reference = ffmpeg_frames(path)
    if reference.frames:
        # For MPEG-1, ffmpeg takes the first time from the container, the others from the decoder.
        has_times = recipe.container != "avi" or "mpeg1video" not in recipe.encode
        require_same_as_ffmpeg(path, reference, has_times)
    else:  # the cut has removed all frames
        with pytest.raises(DamagedVideo):
            probe(path)
