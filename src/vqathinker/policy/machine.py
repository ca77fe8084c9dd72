"""The machine that computed a result: two of them may round differently.

Torch, oneDNN and MKL choose kernels by processor and maker, so the same training ends in slightly
other weights on another machine; on one machine it ends in the same ones.
"""

import os
import platform
from pathlib import Path
from typing import Any

import torch

__all__ = ["describe_machine"]

_CPUINFO = Path("/proc/cpuinfo")
_NAMES = ("vendor_id", "model name")  # of a processor, as Linux tells it
_CAPS = ("ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "MKL_CBWR")


def describe_machine() -> dict[str, Any]:
    """Facts for the provenance of a result.

    Returns:
        `processor` (maker and model), `kernels` (the instruction set that torch's own kernels use,
        such as AVX2), `caps` (variables of the environment that cap kernels, as they are set),
        `threads` (of one operation) and `gpu` (model, None without one).
    """
    return {
        "processor": _processor(),
        "kernels": torch.backends.cpu.get_cpu_capability(),
        "caps": {name: os.environ[name] for name in _CAPS if name in os.environ},
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }


def _processor() -> str:
    if not _CPUINFO.is_file():
        return platform.processor() or platform.machine()
    told: dict[str, str] = {}
    for line in _CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines():
        name, _, value = line.partition(":")
        told.setdefault(name.strip(), value.strip())
    return " ".join(told[name] for name in _NAMES if name in told) or platform.machine()
