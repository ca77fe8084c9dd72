"""The bytes of a shard of clips: one safetensors file that can be written without holding it.

A file holds `seconds` (N,T) float64, `indices` (N,T) int32 and `frames` (N,T,3,S,S) uint8, in this
order, and one metadata entry, `shard`, in JSON: ids in row order, failures with status and reason,
setting and provenance.

Uncompressed, on purpose (benchmarks/storage.py): a clip of 12x560 is read in 1.5 ms. No lossless
form that was measured gives it back in 15 ms: row differences under zstd take 0.59 of the bytes and
42 ms, Ut Video 0.56 and 41 ms, FFV1, the only one below half the bytes (0.47), 300 ms. The trade is
disk for time: LSVQ's training set takes 101 GB at 6x448.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from vqathinker.atomic import whole_file
from vqathinker.video.damage import STATUSES, Failure
from vqathinker.video.sampling import parse_setting

__all__ = ["METADATA_KEY", "write_shard_file"]

# safetensors keeps metadata entries in no fixed order: a single one keeps the bytes the same.
METADATA_KEY = "shard"


def write_shard_file(
    path: Path,
    ids: Sequence[str],
    seconds: npt.NDArray[np.float64],
    indices: npt.NDArray[np.int32],
    write_frames: Callable[[BinaryIO], object],
    failures: Mapping[str, Failure],
    setting: str,
    provenance: Mapping[str, Any],
) -> None:
    """Write one shard; the same arguments give the same bytes, and no half file is ever left.

    Args:
        path: the file; its folder is made.
        ids: N video ids, one per row.
        seconds: (N,T), when every frame is shown.
        indices: (N,T), the index in its video of every frame.
        write_frames: writes N·T·3·S·S bytes, the frames of row after row, to the file given.
        failures: why a video could not be decoded; none of them in `ids`.
        setting: "TxS", for example 6x448.
        provenance: how the frames came about; anything that JSON holds.

    Raises:
        ValueError: shapes, ids or statuses do not fit together, or `write_frames` wrote too little.
    """
    shape = parse_setting(setting)
    for name, array in (("indices", indices), ("seconds", seconds)):
        if array.shape != (len(ids), shape.frames):
            expected = (len(ids), shape.frames)
            raise ValueError(f"{path}: frame {name} are {array.shape}, expected {expected}")
    if len({*ids, *failures}) != len(ids) + len(failures):
        raise ValueError(f"{path}: a video id occurs twice among the clips and the failures")
    if unknown := {failure.status for failure in failures.values()} - STATUSES.keys():
        raise ValueError(f"{path}: status {sorted(unknown)}, expected some of {list(STATUSES)}")
    metadata = {
        "ids": list(ids),
        "failures": {video: list(failure) for video, failure in failures.items()},
        "setting": setting,
        "provenance": dict(provenance),
    }
    frames_size = len(ids) * shape.clip_bytes
    frames_shape = (len(ids), shape.frames, 3, shape.size, shape.size)
    header, data_size = _safetensors_header(metadata, seconds, indices, frames_shape, frames_size)
    with whole_file(path) as part, part.open("wb") as file:
        file.write(header)
        file.write(np.ascontiguousarray(seconds, "<f8").tobytes())
        file.write(np.ascontiguousarray(indices, "<i4").tobytes())
        write_frames(file)
        missing = len(header) + data_size - file.tell()
        if missing:
            written = frames_size - missing
            raise ValueError(f"{path}: frames are {written} bytes, expected {frames_size}")


def _safetensors_header(
    metadata: Mapping[str, Any],
    seconds: npt.NDArray[np.float64],
    indices: npt.NDArray[np.int32],
    frames_shape: tuple[int, ...],
    frames_size: int,
) -> tuple[bytes, int]:
    """Length and description that open a safetensors file, and the bytes that must follow."""
    start, tensors = 0, {}
    for name, dtype, shape, size in (
        ("seconds", "F64", seconds.shape, seconds.size * 8),
        ("indices", "I32", indices.shape, indices.size * 4),
        ("frames", "U8", frames_shape, frames_size),
    ):
        offsets = [start, start + size]
        tensors[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": offsets}
        start += size
    metadata_json = json.dumps(metadata, sort_keys=True, ensure_ascii=False)
    header = {"__metadata__": {METADATA_KEY: metadata_json}, **tensors}
    padded = json.dumps(header, ensure_ascii=False).encode()
    padded += b" " * (-len(padded) % 8)
    return len(padded).to_bytes(8, "little") + padded, start
