"""A worker's task for a shard: decode one video into its place in the file of rows."""

import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from vqathinker.video.disturbance import DisturbedJobError, undisturbed
from vqathinker.video.sampling import ClipSetting

if TYPE_CHECKING:
    from vqathinker.params import ReaderName

__all__ = ["DecodedRow", "decode_into_row"]

DecodedRow = tuple[list[int], list[float], int]


def decode_into_row(
    file: str,
    shape: ClipSetting,
    expected_frames: int,
    reader: "ReaderName",
    rows_path: Path,
    row: int,
) -> DecodedRow:
    """Decode the video `file` and write its clip as clip number `row` of the file `rows_path`.

    Returns indices and seconds of the frames, and the CRC-32 of the clip.

    Raises:
        DamagedVideo: as `decode_clip`.
        Disturbance: the file is gone, not readable, or not the one of the manifest.
        DisturbedJobError: the clip cannot be written.
    """
    import torch  # noqa: PLC0415  callers do without

    from vqathinker.video.decode import decode_clip  # noqa: PLC0415

    torch.set_num_threads(1)  # there are as many processes as may be busy
    path = Path(file)
    with undisturbed(path):
        clip = decode_clip(path, shape, expected_frames, reader)
    pixels = clip.frames.tobytes()
    try:
        with rows_path.open("r+b") as rows:
            rows.seek(row * shape.clip_bytes)
            rows.write(pixels)
    except OSError as error:
        raise DisturbedJobError(
            f"{rows_path}: cannot be written ({error.strerror}); see to the disk or to `ulimit -f` "
            "and start again"
        ) from error
    return clip.indices, clip.seconds, zlib.crc32(pixels)
