"""Device and precision of a policy.

Half precision is for GPUs; on a CPU float32 is faster, and its results can be compared.
"""

import torch

from vqathinker.errors import InputError
from vqathinker.params import Device, Precision


def choose_device(name: Device) -> torch.device:
    """The device of a name; `auto` is the GPU where there is one.

    Raises:
        InputError: `cuda` is asked for, and torch has no CUDA or sees no GPU.
    """
    if name == "cpu" or (name == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    if torch.cuda.is_available():
        return torch.device("cuda", torch.cuda.current_device())
    raise InputError(
        f"device is cuda, but torch {torch.__version__} sees no GPU: look at `nvidia-smi` and "
        "CUDA_VISIBLE_DEVICES, install a torch with CUDA, or set device to cpu or auto"
    )


def choose_dtype(precision: Precision, device: torch.device) -> torch.dtype:
    """The precision of the weights; `auto` is bf16 on a GPU and float32 on the CPU.

    >>> choose_dtype("auto", torch.device("cpu"))
    torch.float32
    """
    half = precision == "bf16" or (precision == "auto" and device.type == "cuda")
    return torch.bfloat16 if half else torch.float32
