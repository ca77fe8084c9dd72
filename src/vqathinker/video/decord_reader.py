"""The authors' reader, decord: another way to the same frames, and a check on the default one.

It agrees with PyAV bit for bit on 8-bit video; on 10-bit video they round differently. Measured:
decord gives frames up to three later than asked for where groups of pictures are open, repeats
frames in silence where a file is cut short or an edit list hides frames, mirrors nothing, knows no
AV1, and conceals some damaged pictures without a sign. What PyAV finds wrong is therefore an error
here too, and where decord would show something else, it is not asked.
"""

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import decord

from vqathinker.video.container import open_video
from vqathinker.video.damage import DamagedVideo
from vqathinker.video.orientation import Pixels, orientation_of
from vqathinker.video.pyav_reader import FrameTransform, PyavReader

__all__ = ["DecordReader"]

decord.logging.set_level(decord.logging.QUIET)

_DECORD_ERRORS = (decord.DECORDError, RuntimeError)


class DecordReader:
    """Reads with decord.

    Attributes:
        frames: frames that decord counts, which are those that the video shows.
    """

    def __init__(self, path: Path) -> None:
        """Open the file. Raises DamagedVideo, also where decord counts other frames than PyAV."""
        self._path = path
        with PyavReader(path) as pyav:
            self._timeline = pyav.timeline
        _require_what_decord_shows(path)
        try:
            self._video: Any = decord.VideoReader(str(path), num_threads=1)
        except _DECORD_ERRORS as error:
            raise DamagedVideo(path, "no_decoder", "decord cannot open it") from error
        self.frames = len(self._video)
        if self.frames != self._timeline.frames:
            reason = f"decord counts {self.frames} frames, {self._timeline.frames} are shown"
            raise DamagedVideo(path, "wrong_count", reason)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        del self._video

    def read(
        self, indices: Sequence[int], transform: FrameTransform
    ) -> tuple[list[Pixels], list[float]]:
        """Frames at `indices`, each (H,W,3) RGB passed through `transform`, and their seconds.

        Raises:
            DamagedVideo: corrupt.
        """
        try:
            pixels: Pixels = self._video.get_batch(list(indices)).asnumpy()
        except _DECORD_ERRORS as error:
            raise DamagedVideo(self._path, "corrupt", "decord cannot decode it") from error
        seconds = [self._timeline.seconds[index] for index in indices]
        return [transform(frame) for frame in pixels], seconds


def _require_what_decord_shows(path: Path) -> None:
    """Raises DamagedVideo where decord would take another stream or another orientation."""
    with open_video(path) as (container, stream):
        if stream != container.streams.best("video"):
            reason = "decord takes another of its video streams than players do"
            raise DamagedVideo(path, "no_decoder", reason)
        first = next(container.decode(stream), None)
    if first is not None and orientation_of(first).mirrors:
        raise DamagedVideo(path, "no_decoder", "decord does not mirror it, as its header asks")
