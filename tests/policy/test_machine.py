"""What is recorded of the machine that computed a result."""

from pathlib import Path

import pytest
import torch

from vqathinker.policy import machine
from vqathinker.policy.machine import describe_machine

CPUINFO = """\
processor\t: 0
vendor_id\t: GenuineIntel
model name\t: Intel(R) Xeon(R) Processor
processor\t: 1
vendor_id\t: Other
"""


@pytest.mark.parametrize(
    ("cpuinfo", "expected"),
    [(CPUINFO, "GenuineIntel Intel(R) Xeon(R) Processor"), ("Features: asimd\n", "aarch64")],
)
def test_the_processor_is_told_by_maker_and_model_or_else_by_architecture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cpuinfo: str, expected: str
) -> None:
    (tmp_path / "cpuinfo").write_text(cpuinfo)
    monkeypatch.setattr(machine, "_CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    assert describe_machine()["processor"] == expected


def test_kernels_are_those_that_torch_uses_and_caps_those_that_are_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "MKL_CBWR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MKL_CBWR", "COMPATIBLE")
    told = describe_machine()
    assert told["kernels"] == torch.backends.cpu.get_cpu_capability()
    assert told["caps"] == {"MKL_CBWR": "COMPATIBLE"}
