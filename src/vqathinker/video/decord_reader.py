"""The authors' reader, decord: another way to the same frames, and a check on the default one.

It counts frames as they are shown, turns them upright, and agrees with PyAV bit for bit on 8-bit
video; on 10-bit video they round differently. Measured: decord gives frames up to three later than
asked for where groups of pictures are open, repeats frames in silence where a file is cut short or
an edit list hides frames, knows no AV1, and conceals some damaged pictures without a sign. What
PyAV finds wrong with the packets is therefore an error here too.
"""

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import decord

from vqathinker.video.damage import DamagedVideo
from vqathinker.video.pyav_reader import FrameTransform, Pixels, PyavReader

__all__ = ["DecordReader"]

decord.logging.set_level(decord.logging.QUIET)

_DECORD_ERRORS = (decord.DECORDError, RuntimeError)


class DecordReader:
    """Reads with decord.

    Attributes:
        frames: frames that decord counts, the same number that the container shows.
    """

    def __init__(self, path: Path) -> None:
        """Open the file. Raises DamagedVideo, also where decord counts other frames than PyAV."""
        self._path = path
        with PyavReader(path) as pyav:
            shown_frames = pyav.frames
        try:
            self._video: Any = decord.VideoReader(str(path), num_threads=1)
        except _DECORD_ERRORS as error:
            raise DamagedVideo(path, "no_decoder", "decord cannot open it") from error
        self.frames = len(self._video)
        if self.frames != shown_frames:
            reason = f"decord counts {self.frames} frames, the container {shown_frames}"
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
            start_times = self._video.get_frame_timestamp([0, *indices])[:, 0]
        except _DECORD_ERRORS as error:
            raise DamagedVideo(self._path, "corrupt", "decord cannot decode it") from error
        seconds = [float(time - start_times[0]) for time in start_times[1:]]
        return [transform(frame) for frame in pixels], seconds
