"""Device and precision of a policy."""

import torch

from vqathinker.errors import InputError
from vqathinker.params import Device, Precision


def choose_device(name: Device) -> torch.device:
    """The device of a name; `auto` is the GPU if there is one.

    Raises:
        InputError: the name is `cuda`, and torch has no CUDA or finds no GPU.
    """
    if name == "cpu" or (name == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    if torch.cuda.is_available():
        return torch.device("cuda", torch.cuda.current_device())
    raise InputError(
        f"device is cuda, but torch {torch.__version__} finds no GPU: check `nvidia-smi` and "
        "CUDA_VISIBLE_DEVICES, install a torch with CUDA, or set device to cpu or auto"
    )


def choose_dtype(precision: Precision, device: torch.device) -> torch.dtype:
    """The precision of the weights; `auto` is bf16 on a GPU and float32 on the CPU.

    >>> choose_dtype("auto", torch.device("cpu"))
    torch.float32
    """
    # On the CPU, bf16 is slower than float32.
    half = precision == "bf16" or (precision == "auto" and device.type == "cuda")
    return torch.bfloat16 if half else torch.float32
