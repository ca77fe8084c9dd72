"""Limit the CPU kernels of torch, and describe the machine that computed a result.

Torch, oneDNN and MKL choose kernels by the model of the processor, and kernels differ in rounding:
the same training ends in slightly different weights on another machine. Limited to AVX2, processors
of one vendor use the same kernels with and without AVX-512. MKL still distinguishes vendors.

Torch is imported inside functions: it reads the limits when it is imported.
"""

import os
import platform
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vqathinker.params import Kernels

_AVX2 = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_CBWR": "AVX2"}
_CPUINFO = Path("/proc/cpuinfo")


def cap_kernels(kernels: "Kernels") -> None:
    """Set the environment variables that limit kernels, except those that are already set.

    Does nothing on a processor without AVX2, where torch would crash, and after torch is imported.
    """
    if kernels == "native" or "torch" in sys.modules or "avx2" not in _cpuinfo().get("flags", ""):
        return
    for variable, value in _AVX2.items():
        os.environ.setdefault(variable, value)


def describe_machine() -> dict[str, Any]:
    """Facts for the provenance of a result.

    Returns:
        `processor` (vendor and model), `kernels` (instruction set of torch's own kernels, such as
        AVX2), `caps` (environment variables that limit kernels), `threads` (per operation) and
        `gpu` (model, or None).
    """
    import torch  # noqa: PLC0415  see above

    info = _cpuinfo()
    processor = " ".join(info[name] for name in ("vendor_id", "model name") if name in info)
    return {
        "processor": processor or platform.machine(),
        "kernels": torch.backends.cpu.get_cpu_capability(),
        "caps": {name: os.environ[name] for name in _AVX2 if name in os.environ},
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }


def _cpuinfo() -> dict[str, str]:
    """/proc/cpuinfo of the first processor; empty on other systems than Linux."""
    info: dict[str, str] = {}
    if _CPUINFO.is_file():
        for line in _CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines():
            name, _, value = line.partition(":")
            info.setdefault(name.strip(), value.strip())
    return info
