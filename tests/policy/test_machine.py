"""Limits on CPU kernels."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from vqathinker.policy import machine
from vqathinker.policy.machine import cap_kernels

VARIABLES = ("ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "MKL_CBWR")
HAS_AVX2 = "avx2" in machine._cpuinfo().get("flags", "").split()
PROGRAM = """
import os
from vqathinker.policy.machine import cap_kernels
cap_kernels({kernels!r})
import torch
print(torch.backends.cpu.get_cpu_capability(), *(os.environ.get(v) for v in {variables!r}))
"""


def in_a_new_process(name: str, **environment: str) -> list[str]:
    kept = {key: value for key, value in os.environ.items() if key not in VARIABLES}
    code = PROGRAM.format(kernels=name, variables=VARIABLES)
    done = subprocess.run(
        [sys.executable, "-c", code], env=kept | environment, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    return done.stdout.split()


@pytest.mark.skipif(not HAS_AVX2, reason="the processor has no AVX2 to be held to")
def test_torch_uses_the_limited_kernels() -> None:
    assert in_a_new_process("avx2") == ["AVX2", "avx2", "AVX2", "AVX2"]


@pytest.mark.parametrize("cpuinfo", ["flags\t\t: fpu sse2 avx\n", ""], ids=["old", "unknown"])
def test_processor_without_avx2_is_not_limited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cpuinfo: str
) -> None:
    (tmp_path / "cpuinfo").write_text(cpuinfo)
    monkeypatch.setattr(machine, "_CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.delitem(sys.modules, "torch")
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    cap_kernels("avx2")
    assert not os.environ.keys() & set(VARIABLES)
