"""Read and write sharded safetensors, one tensor or shard at a time.

The layout is the hub's: `model.safetensors`, or several files and `model.safetensors.index.json`.
Headers suffice to check whether the weights fit on a device, before anything is loaded.
"""

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from vqathinker.errors import InputError, reading

_SINGLE, _INDEX = "model.safetensors", "model.safetensors.index.json"


class Shards(Mapping[str, Callable[[], Tensor]]):
    """The tensors of a folder by name, as functions that read them.

    `shapes` and `dtypes` ("BF16", "F32", …) come from the headers.

    Raises:
        InputError: a file is missing or cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.dtypes: dict[str, str] = {}
        self._files: dict[str, Any] = {}
        for path in _files(folder):
            with reading(path, "a file of tensors (safetensors)", "download or export it again"):
                file = safe_open(path, framework="pt")
            for name in file.keys():  # noqa: SIM118  not a mapping
                part = file.get_slice(name)
                self._files[name] = file
                self.shapes[name], self.dtypes[name] = tuple(part.get_shape()), part.get_dtype()

    def __getitem__(self, name: str) -> Callable[[], Tensor]:
        file = self._files[name]
        return lambda: file.get_tensor(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)


def _files(folder: Path) -> list[Path]:
    index = folder / _INDEX
    if not index.is_file():
        if (folder / _SINGLE).is_file():
            return [folder / _SINGLE]
        raise InputError(
            f"{folder}: contains neither {_SINGLE} nor {_INDEX}; expected weights as safetensors "
            "(pickled weights are not supported)"
        )
    with reading(index, "a mapping with 'weight_map'", "download or export it again"):
        names = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
    if missing := sorted(name for name in names if not (folder / name).is_file()):
        raise InputError(f"{folder}: {_INDEX} lists {', '.join(missing)}, which are missing")
    return [folder / name for name in sorted(names)]


def write_shards(
    folder: Path, tensors: Iterable[tuple[str, Callable[[], Tensor]]], limit: int = 5 * 10**9
) -> None:
    """Write tensors in the hub's layout, in files of at most `limit` bytes.

    A larger tensor gets a file of its own. At most one file's content is in memory.
    """
    shards: list[dict[str, int]] = []
    pending: dict[str, Tensor] = {}

    def flush() -> None:
        save_file(pending, folder / f"{len(shards)}.part", metadata={"format": "pt"})
        shards.append({name: tensor.nbytes for name, tensor in pending.items()})
        pending.clear()

    for name, read in tensors:
        tensor = read()
        if pending and sum(t.nbytes for t in pending.values()) + tensor.nbytes > limit:
            flush()
        pending[name] = tensor.clone()  # a slice would keep all of the larger tensor alive
    flush()
    names = [f"model-{i + 1:05d}-of-{len(shards):05d}.safetensors" for i in range(len(shards))]
    if len(shards) == 1:
        names = [_SINGLE]
    else:
        where = {tensor: name for name, part in zip(names, shards, strict=True) for tensor in part}
        size = sum(sum(part.values()) for part in shards)
        index = {"metadata": {"total_size": size}, "weight_map": dict(sorted(where.items()))}
        (folder / _INDEX).write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")
    for number, name in enumerate(names):
        (folder / f"{number}.part").replace(folder / name)


_MEMINFO = Path("/proc/meminfo")
_FLOATING = {"F64", "F32", "F16", "BF16"}
WIDTHS = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2}


def free_bytes(device: torch.device) -> int | None:
    """Available memory of a device; None if the system does not report it."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        # Memory that torch's allocator has reserved but does not use is available, too.
        cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(free) + int(cached)
    lines = _MEMINFO.read_text(encoding="utf-8").splitlines() if _MEMINFO.is_file() else []
    found = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
    return 1024 * int(found[0]) if found else None


def require_memory(
    folder: Path, shards: Shards, device: torch.device, dtype: torch.dtype | None
) -> None:
    """Check that the weights fit; on the CPU, the system would kill this process instead.

    Raises:
        InputError: the weights need more memory than the device has available.
    """
    needed, free = 0, free_bytes(device)
    for name, shape in shards.shapes.items():
        width = WIDTHS.get(shards.dtypes[name], 1)
        if shards.dtypes[name] in _FLOATING and dtype is not None:
            width = 4 if "motion_encoder." in name else dtype.itemsize  # stays float32
        needed += width * math.prod(shape)
    if free is not None and needed > free:
        raise InputError(
            f"{folder}: the weights need {needed / 1e9:.1f} GB, but {device} has only "
            f"{free / 1e9:.1f} GB available: free memory, set precision to bf16, or use a larger "
            "device or a smaller policy"
        )
