"""Videos made at random: what this project takes out of them is what ffmpeg shows.

`make test RANDOM_VIDEOS=5000`, or that variable as below, compares more of them.
"""

import os
from pathlib import Path

import pytest
from tests.video.random_videos import draw_recipe, make_video
from tests.video.shown_by_ffmpeg import require_what_ffmpeg_shows, shown_by_ffmpeg

from vqathinker.video.damage import DamagedVideo
from vqathinker.video.probe import probe

COUNT = int(os.environ.get("VQATHINKER_RANDOM_VIDEOS", "80"))
# These once disagreed: a cut that leaves nothing, two frames for one time, a cut open group.
FOUND = (1316, 2838, 3007, 3771)


@pytest.mark.parametrize("number", sorted({*range(COUNT), *FOUND}))
def test_what_is_taken_out_is_what_ffmpeg_shows(number: int, tmp_path: Path) -> None:
    recipe = draw_recipe(number)
    path = make_video(recipe, tmp_path)
    shown = shown_by_ffmpeg(path)
    if shown.frames:
        # ffmpeg takes the first time of MPEG-1 from the container, and all others from the decoder.
        has_times = recipe.container != "avi" or "mpeg1video" not in recipe.encode
        require_what_ffmpeg_shows(path, shown, has_times)
    else:  # the cut left nothing
        with pytest.raises(DamagedVideo):
            probe(path)
