"""Device, precision and attention implementation of a policy.

Half precision is for GPUs; on a CPU float32 is faster, and its results can be compared.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

import torch
from transformers import PreTrainedModel

from vqathinker.errors import InputError
from vqathinker.params import Device, Precision

_HALF = (torch.bfloat16, torch.float16)
_FLASH, _MASKED = "flash_attention_2", "sdpa"


def choose_device(name: Device) -> torch.device:
    """The device of a name; `auto` is the GPU where there is one.

    Raises:
        InputError: `cuda` is asked for, and torch has no CUDA or sees no GPU.
    """
    if name == "cpu" or (name == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    if torch.cuda.is_available():
        return torch.device("cuda", torch.cuda.current_device())
    missing = (
        f"torch {torch.__version__} was built without CUDA: install a build with it"
        if torch.version.cuda is None
        else "torch sees no GPU: look at `nvidia-smi`, the driver and CUDA_VISIBLE_DEVICES"
    )
    raise InputError(f"device is cuda, but {missing}, or set device to cpu or auto")


def choose_dtype(precision: Precision, device: torch.device) -> torch.dtype:
    """The precision of the weights; `auto` is bf16 on a GPU and float32 on the CPU.

    >>> choose_dtype("auto", torch.device("cpu"))
    torch.float32
    """
    half = precision == "bf16" or (precision == "auto" and device.type == "cuda")
    return torch.bfloat16 if half else torch.float32


def attention_for(device: torch.device, dtype: torch.dtype) -> str:
    """transformers' name of the attention: flash attention 2 where it is installed and can be
    used, which is on a GPU in half precision; else torch's own.

    >>> attention_for(torch.device("cpu"), torch.bfloat16)
    'sdpa'
    """
    usable = device.type == "cuda" and dtype in _HALF and find_spec("flash_attn") is not None
    return _FLASH if usable else _MASKED


@contextmanager
def masked_attention(model: PreTrainedModel) -> Iterator[None]:
    """Within this block attention takes any mask, which flash attention 2 cannot."""
    before = model.config._attn_implementation
    if before != _FLASH:
        yield
        return
    model.set_attn_implementation(_MASKED)
    try:
        yield
    finally:
        model.set_attn_implementation(before)
