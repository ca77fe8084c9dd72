"""The caps on CPU kernels are set before torch is there, and where the processor can hold them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from vqathinker.policy import kernels
from vqathinker.policy.kernels import cap_kernels

WITH_AVX2 = "flags\t\t: fpu sse2 avx avx2 avx512f\n"
WITHOUT = "flags\t\t: fpu sse2 avx\n"
VARIABLES = ("ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "MKL_CBWR")
PROGRAM = """
import os
from vqathinker.policy.kernels import cap_kernels
cap_kernels({kernels!r})
import torch
print(torch.backends.cpu.get_cpu_capability(), *(os.environ.get(v) for v in {variables!r}))
"""


@pytest.fixture
def processor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """A machine whose /proc/cpuinfo holds the parameter, in a process without torch."""
    (tmp_path / "cpuinfo").write_text(request.param, encoding="utf-8")
    monkeypatch.setattr(kernels, "_CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    for variable in VARIABLES:
        monkeypatch.setenv(variable, "to be taken back afterwards")
        monkeypatch.delenv(variable)


def caps() -> set[str]:
    return {variable for variable in VARIABLES if variable in os.environ}


def in_a_new_process(name: str, **environment: str) -> list[str]:
    kept = {key: value for key, value in os.environ.items() if key not in VARIABLES}
    code = PROGRAM.format(kernels=name, variables=VARIABLES)
    done = subprocess.run(
        [sys.executable, "-c", code], env=kept | environment, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    return done.stdout.split()


@pytest.mark.skipif(not kernels._has_avx2(), reason="the processor has no AVX2 to be held to")
def test_torch_takes_the_capped_kernels() -> None:
    assert in_a_new_process("avx2") == ["AVX2", "avx2", "AVX2", "AVX2"]


def test_native_sets_nothing() -> None:
    assert in_a_new_process("native")[1:] == ["None"] * 3


@pytest.mark.skipif(not kernels._has_avx2(), reason="the processor has no AVX2 to be held to")
def test_what_the_environment_says_stays() -> None:
    capability, *variables = in_a_new_process("avx2", ATEN_CPU_CAPABILITY="default")
    assert capability == "DEFAULT"
    assert variables == ["default", "AVX2", "AVX2"]


@pytest.mark.parametrize("processor", [WITH_AVX2], indirect=True, ids=["new"])
@pytest.mark.usefixtures("processor")
def test_caps_are_set_on_a_processor_that_has_them() -> None:
    cap_kernels("avx2")
    assert caps() == set(VARIABLES)


@pytest.mark.parametrize("processor", [WITHOUT, ""], indirect=True, ids=["old", "unknown"])
@pytest.mark.usefixtures("processor")
def test_a_processor_without_avx2_is_left_alone() -> None:
    cap_kernels("avx2")
    assert not caps()


@pytest.mark.parametrize("processor", [WITH_AVX2], indirect=True, ids=["new"])
@pytest.mark.usefixtures("processor")
def test_another_architecture_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    cap_kernels("avx2")
    assert not caps()


@pytest.mark.parametrize("processor", [WITH_AVX2], indirect=True, ids=["new"])
@pytest.mark.usefixtures("processor")
def test_once_torch_is_there_nothing_is_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", object())
    cap_kernels("avx2")
    assert not caps()
