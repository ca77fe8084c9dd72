"""Write a shard of clips as a safetensors file, as a stream.

A file holds `seconds` (N,T) float64, `indices` (N,T) int32 and `frames` (N,T,3,S,S) uint8, in this
order, and one metadata entry, `shard`, in JSON: ids in row order, failures with status and reason,
setting and provenance.

Frames are uncompressed on purpose (benchmarks/storage.py): reading a clip of 12x560 takes 1.5 ms.
Row differences with zstd need 0.59 of the bytes and 42 ms, Ut Video 0.56 and 41 ms, FFV1 0.47 and
300 ms. LSVQ's training set needs 101 GB at 6x448.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vqathinker.atomic import whole_file
from vqathinker.video.damage import Failure
from vqathinker.video.sampling import parse_setting

# A single entry, because safetensors does not keep entries in a fixed order.
METADATA_KEY = "shard"


def write_shard_file(
    path: Path,
    ids: Sequence[str],
    seconds: npt.NDArray[np.float64],
    indices: npt.NDArray[np.int32],
    frames: Iterable[bytes],
    failures: Mapping[str, Failure],
    setting: str,
    provenance: Mapping[str, Any],
) -> None:
    """Write one shard atomically; the same arguments give the same bytes.

    Args:
        path: the file; its folder is created.
        ids: N video ids, one per row.
        seconds: (N,T), presentation time of each frame.
        indices: (N,T), index of each frame in its video.
        frames: consecutive chunks of (N,T,3,S,S) uint8, RGB.
        failures: why videos could not be decoded, by id.
        setting: "TxS", for example 6x448.
        provenance: how the frames were decoded; must be serialisable as JSON.

    Raises:
        ValueError: `frames` has the wrong number of bytes.
    """
    shape = parse_setting(setting)
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
        file.writelines(frames)
        if missing := len(header) + data_size - file.tell():
            written = frames_size - missing
            raise ValueError(f"{path}: frames are {written} bytes, expected {frames_size}")


def _safetensors_header(
    metadata: Mapping[str, Any],
    seconds: npt.NDArray[np.float64],
    indices: npt.NDArray[np.int32],
    frames_shape: tuple[int, ...],
    frames_size: int,
) -> tuple[bytes, int]:
    """Header of a safetensors file, including its length, and the number of bytes after it."""
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
