"""Whether a policy's weights fit on a device: known from the headers, before anything is loaded."""

import math
from pathlib import Path

import torch

from vqathinker.errors import InputError
from vqathinker.policy.folder.shards import Shards

__all__ = ["free_bytes", "require_room", "weight_bytes"]

_MEMINFO = Path("/proc/meminfo")
_FULL_PRECISION = "motion_encoder."  # see policy.model
_FLOATING = {"F64", "F32", "F16", "BF16"}
_WIDTHS = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2}


def weight_bytes(shards: Shards, dtype: torch.dtype | None) -> int:
    """Bytes of the weights at a precision (None: as they are stored); the motion encoder's count
    as float32, whole numbers as they are."""
    total = 0
    for name, shape in shards.shapes.items():
        width = _WIDTHS.get(shards.dtypes[name], 1)
        if shards.dtypes[name] in _FLOATING and dtype is not None:
            width = 4 if _FULL_PRECISION in name else dtype.itemsize
        total += width * math.prod(shape)
    return total


def free_bytes(device: torch.device) -> int | None:
    """Memory that can be had on a device now; None where the system does not tell."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        # What torch's allocator holds for no tensor is as good as free.
        cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(free) + int(cached)
    if not _MEMINFO.is_file():
        return None
    lines = _MEMINFO.read_text(encoding="utf-8").splitlines()
    told = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
    return 1024 * int(told[0]) if told else None


def require_room(
    folder: Path, shards: Shards, device: torch.device, dtype: torch.dtype | None
) -> None:
    """Refuse a policy that cannot be loaded.

    Raises:
        InputError: the weights alone need more memory than the device has left, with the numbers.
    """
    needed, free = weight_bytes(shards, dtype), free_bytes(device)
    if free is None or needed <= free:
        return
    told = "its own precision" if dtype is None else str(dtype).removeprefix("torch.")
    ways = ["free memory, for others may hold some", "take a larger device or a smaller policy"]
    if dtype == torch.float32:
        ways.insert(0, f"bf16 needs {weight_bytes(shards, torch.bfloat16) / 1e9:.1f} GB")
    raise InputError(
        f"{folder}: the weights need {needed / 1e9:.1f} GB in {told}, but {device} has "
        f"{free / 1e9:.1f} GB left: {'; '.join(ways)}"
    )
