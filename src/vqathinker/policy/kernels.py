"""Which of torch's CPU kernels a command uses; to be said before torch is imported.

Torch, oneDNN and MKL choose kernels by the instruction set, and each rounds in its own way: the
same training ends in other scores on a processor with AVX-512. Capped at AVX2, processors of one
maker with and without it take the same kernels. MKL still tells makers apart.
"""

import os
import platform
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vqathinker.params import Kernels

__all__ = ["cap_kernels"]

_CAPS: dict["Kernels", dict[str, str]] = {
    "native": {},
    "avx2": {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_CBWR": "AVX2"},
}
_CPUINFO = Path("/proc/cpuinfo")


def cap_kernels(kernels: "Kernels") -> None:
    """Set the variables that cap the kernels, but for those that the environment sets itself.

    Nothing happens on a processor without AVX2, on which torch would run into instructions that
    are not there, nor once torch is imported. Results record which kernels were used.
    """
    if "torch" in sys.modules or not _has_avx2():
        return
    for variable, value in _CAPS[kernels].items():
        os.environ.setdefault(variable, value)


def _has_avx2() -> bool:
    if platform.machine() not in {"x86_64", "AMD64"} or not _CPUINFO.is_file():
        return False
    lines = _CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines()
    flags = next((line.split() for line in lines if line.startswith("flags")), [])
    return "avx2" in flags
