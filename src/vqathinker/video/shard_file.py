"""Write a shard of clips as a safetensors file, as a stream.

A file holds `seconds` (N,T) float64, `indices` (N,T) int32, in view tiles `statistics` (N,T,66)
float32, and `frames` (N,T,3,height,width) uint8, in this order, and one metadata entry, `shard`, in
JSON: ids in row order, failures with status and reason, setting and provenance.

Frames are uncompressed on purpose (benchmarks/storage.py): reading a clip of 12x560 takes 1.5 ms.
Row differences with zstd need 0.59 of the bytes and 42 ms, Ut Video 0.56 and 41 ms, FFV1 0.47 and
300 ms. LSVQ's training set needs 101 GB at 6x448.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy.typing as npt

from vqathinker.atomic import whole_file
from vqathinker.video.damage import Failure
from vqathinker.video.sampling import parse_setting

# A single entry, because safetensors does not keep entries in a fixed order.
METADATA_KEY = "shard"
_DTYPES = {"seconds": ("F64", "<f8"), "indices": ("I32", "<i4"), "statistics": ("F32", "<f4")}


def write_shard_file(
    path: Path,
    ids: Sequence[str],
    tables: Mapping[str, npt.NDArray[Any]],
    frames: Iterable[bytes],
    failures: Mapping[str, Failure],
    setting: str,
    provenance: Mapping[str, Any],
) -> None:
    """Write one shard atomically; the same arguments give the same bytes.

    Args:
        path: the file; its folder is created.
        ids: N video ids, one per row.
        tables: `seconds` and `indices` (N,T), the presentation time of each frame and its index in
            its video; in view tiles also `statistics` (N,T,66) of the native frames.
        frames: consecutive chunks of (N,T,3,height,width) uint8, RGB.
        failures: why videos could not be decoded, by id.
        setting: see `sampling.parse_setting`.
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
    stored = {name: tables[name].astype(_DTYPES[name][1]) for name in _DTYPES if name in tables}
    frames_size = len(ids) * shape.clip_bytes
    frames_shape = (len(ids), shape.frames, 3, shape.size, shape.width)
    header, data_size = _safetensors_header(metadata, stored, frames_shape, frames_size)
    with whole_file(path) as part, part.open("wb") as file:
        file.write(header)
        file.writelines(table.tobytes() for table in stored.values())
        file.writelines(frames)
        if missing := len(header) + data_size - file.tell():
            written = frames_size - missing
            raise ValueError(f"{path}: frames are {written} bytes, expected {frames_size}")


def _safetensors_header(
    metadata: Mapping[str, Any],
    tables: Mapping[str, npt.NDArray[Any]],
    frames_shape: tuple[int, ...],
    frames_size: int,
) -> tuple[bytes, int]:
    """Header of a safetensors file, including its length, and the number of bytes after it."""
    sizes = [
        *((name, _DTYPES[name][0], table.shape, table.nbytes) for name, table in tables.items()),
        ("frames", "U8", frames_shape, frames_size),
    ]
    start, tensors = 0, {}
    for name, dtype, shape, size in sizes:
        offsets = [start, start + size]
        tensors[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": offsets}
        start += size
    metadata_json = json.dumps(metadata, sort_keys=True, ensure_ascii=False)
    header = {"__metadata__": {METADATA_KEY: metadata_json}, **tensors}
    padded = json.dumps(header, ensure_ascii=False).encode()
    padded += b" " * (-len(padded) % 8)
    return len(padded).to_bytes(8, "little") + padded, start
