"""What GPUs can do by their makers' data sheets: dense bf16 with tensor cores, no sparsity."""

import os
from dataclasses import dataclass

import torch

from vqathinker.errors import InputError
from vqathinker.phases.words import nearest

__all__ = ["CPU", "DEVICES", "Device", "choose_device"]

_GIB = 1024**3
_UNKNOWN = "A100-40G"  # whose speed a GPU is given that has no row here


@dataclass(frozen=True)
class Device:
    """One device.

    Attributes:
        memory: bytes of it that a process can have.
        matrix: FLOP/s of matrix products in the precision of training.
        single: FLOP/s in float32.
        bandwidth: bytes a second to its memory.
        link: bytes a second to another of its kind in the same machine, one way.
    """

    name: str
    memory: int
    matrix: float
    single: float
    bandwidth: float
    link: float
    gpu: bool = True


DEVICES = {
    device.name: device
    for device in (
        Device("B200", 180 * _GIB, 2250e12, 75e12, 8.0e12, 900e9),
        Device("H200", 140 * _GIB, 989e12, 67e12, 4.8e12, 450e9),
        Device("H100", 79 * _GIB, 989e12, 67e12, 3.35e12, 450e9),
        Device("A100-80G", 79 * _GIB, 312e12, 19.5e12, 2.04e12, 300e9),
        Device("A100-40G", 39 * _GIB, 312e12, 19.5e12, 1.56e12, 300e9),
        Device("L40S", 44 * _GIB, 362e12, 91.6e12, 0.864e12, 32e9),
        Device("RTX-4090", 23 * _GIB, 165e12, 82.6e12, 1.008e12, 32e9),
    )
}
# A core of a few years ago; what a demo takes is measured in the end, not planned.
CPU = Device("CPU", 0, 50e9, 50e9, 10e9, 10e9, gpu=False)


def choose_device(name: str | None, memory: float | None, *, gpu: bool) -> Device:
    """The device that is named, else the GPU that is here, else an H100; a CPU where none is asked.

    `memory` in GB (10^9 bytes) takes the place of the device's own.

    Raises:
        InputError: no such name.
    """
    if name is not None and name not in DEVICES:
        raise InputError(
            f"--gpu {name}: expected one of {', '.join(DEVICES)}{nearest(name, DEVICES)}; "
            "or say how much memory another one has with --gpu-memory"
        )
    if not gpu and name is None:
        found = Device(**{**vars(CPU), "memory": _main_memory()})
    elif name is None and torch.cuda.is_available():
        found = _here()
    else:
        found = DEVICES[name or "H100"]
    return found if memory is None else Device(**{**vars(found), "memory": int(memory * 1e9)})


def _main_memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _here() -> Device:
    """The GPU of this machine: its memory as it says, its speed as the data sheet of its kind."""
    told = torch.cuda.get_device_properties(0)
    words = {kind: kind.removeprefix("RTX-").partition("-")[0] for kind in DEVICES}
    kind = next((kind for kind, word in words.items() if word in told.name), None)
    sheet = DEVICES[kind or _UNKNOWN]
    name = told.name if kind else f"{told.name}, taken for as fast as {_UNKNOWN}"
    return Device(**{**vars(sheet), "name": name, "memory": told.total_memory})
