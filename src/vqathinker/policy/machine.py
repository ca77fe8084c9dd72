"""The kernels of torch that a command uses, and the machine that computed a result.

Torch, oneDNN and MKL choose kernels by processor and maker, and each rounds in its own way: the
same training ends in slightly other weights on another machine. Capped at AVX2, processors of one
maker with and without AVX-512 take the same kernels. MKL still tells makers apart.

Torch is imported inside functions: kernels must be capped before it is.
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
    """Set the variables that cap the kernels, except those that are set already.

    Does nothing on a processor without AVX2, where torch would crash, nor after torch is imported.
    Results record which kernels were used.
    """
    if kernels == "native" or "torch" in sys.modules or "avx2" not in _cpuinfo().get("flags", ""):
        return
    for variable, value in _AVX2.items():
        os.environ.setdefault(variable, value)


def describe_machine() -> dict[str, Any]:
    """Facts for the provenance of a result.

    Returns:
        `processor` (maker and model), `kernels` (the instruction set that torch's own kernels use,
        such as AVX2), `caps` (variables of the environment that cap kernels, as they are set),
        `threads` (of one operation) and `gpu` (model, None without one).
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
    """/proc/cpuinfo of the first processor; empty elsewhere."""
    info: dict[str, str] = {}
    if _CPUINFO.is_file():
        for line in _CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines():
            name, _, value = line.partition(":")
            info.setdefault(name.strip(), value.strip())
    return info
