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
from vqathinker.video.pyav_reader import Pixels, PyavReader, Shrink

__all__ = ["DecordReader"]

decord.logging.set_level(decord.logging.QUIET)

_ERRORS = (decord.DECORDError, RuntimeError)


class DecordReader:
    """Reads with decord.

    Attributes:
        frames: frames that decord counts, the same number that the container shows.
    """

    def __init__(self, path: Path) -> None:
        """Open the file. Raises DamagedVideo, also where decord counts other frames than PyAV."""
        self._path = path
        with PyavReader(path) as packets:
            shown = packets.frames
        try:
            self._video: Any = decord.VideoReader(str(path), num_threads=1)
        except _ERRORS as error:
            raise DamagedVideo(path, "no_decoder", "decord cannot open it") from error
        self.frames = len(self._video)
        if self.frames != shown:
            reason = f"decord counts {self.frames} frames, the container {shown}"
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

    def read(self, indices: Sequence[int], shrink: Shrink) -> tuple[list[Pixels], list[float]]:
        """Frames at `indices`, each (H,W,3) RGB passed through `shrink`, and their seconds.

        Raises:
            DamagedVideo: corrupt.
        """
        try:
            pixels: Pixels = self._video.get_batch(list(indices)).asnumpy()
            starts = self._video.get_frame_timestamp([0, *indices])[:, 0]
        except _ERRORS as error:
            raise DamagedVideo(self._path, "corrupt", "decord cannot decode it") from error
        return [shrink(frame) for frame in pixels], [float(s - starts[0]) for s in starts[1:]]
