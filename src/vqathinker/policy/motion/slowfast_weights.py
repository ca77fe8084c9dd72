"""The public weights of SlowFast-R50: fetched by address and hash, read without unpickling code.

Source: docs/method.md, section 2 (pytorchvideo's hub weights, trained on Kinetics-400).
"""

import pickle
from pathlib import Path
from typing import NamedTuple
from urllib.error import URLError

import torch
from torch import Tensor

from vqathinker.hashing import sha256_of_file
from vqathinker.policy.motion.slowfast import SlowFastR50
from vqathinker.policy.parts import shape_mismatches

_CLASSIFIER = {"blocks.6.proj.weight", "blocks.6.proj.bias"}
_COUNTER = "num_batches_tracked"  # of no use in eval mode, and some files leave it out


class WeightsError(Exception):
    """A file of weights is not there, not the one that was meant, or does not fit."""


class Weights(NamedTuple):
    """A file of weights on this machine and its sha256."""

    path: Path
    sha256: str


def fetch_weights(where: str, sha256: str | None) -> Weights:
    """The file at a path or an address, downloaded once to torch's folder of checkpoints.

    Args:
        where: a path, or an address with its scheme.
        sha256: what the file has to hash to; None takes what comes, and the caller records it.

    Raises:
        WeightsError: the file cannot be had, or has another hash.
    """
    path = _downloaded(where) if "://" in where else Path(where)
    if not path.is_file():
        raise WeightsError(f"{path}: no such file; put the weights there, or give their address")
    found = sha256_of_file(path)
    if sha256 is not None and found != sha256:
        raise WeightsError(
            f"{path}: sha256 is {found}, expected {sha256}; remove the file to have it downloaded "
            "again, or correct base.motion.sha256 if you trust it"
        )
    return Weights(path, found)


def _downloaded(address: str) -> Path:
    path = Path(torch.hub.get_dir()) / "checkpoints" / address.rpartition("/")[2]
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            torch.hub.download_url_to_file(address, str(path), progress=False)
        except (URLError, OSError) as error:
            raise WeightsError(
                f"{address}: {error}; download it elsewhere and put it at {path}, or name its path"
            ) from error
    return path


def load_weights(encoder: SlowFastR50, path: Path) -> None:
    """Fill the encoder from pytorchvideo's file: {"model_state": tensors by name}.

    Raises:
        WeightsError: the file holds more than tensors, or other ones than the encoder's.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        state = dict(content["model_state"])
    except (
        pickle.UnpicklingError,
        RuntimeError,
        EOFError,
        KeyError,
        TypeError,
        ValueError,
    ) as error:
        # Torch's own message advises to unpickle all the same.
        raise WeightsError(
            f"{path}: {type(error).__name__}; expected pytorchvideo's file, a mapping "
            "'model_state' of tensors and nothing else: get it again from base.motion.weights"
        ) from None
    own = encoder.state_dict()
    given = {name: tensor for name, tensor in state.items() if name not in _CLASSIFIER}
    counters = {name: own[name] for name in own if name.endswith(_COUNTER) and name not in given}
    if wrong := shape_mismatches(_shapes(own), _shapes(given | counters)):
        raise WeightsError("\n  ".join([f"{path}: not the weights of SlowFast-R50:", *wrong]))
    encoder.load_state_dict(given | counters)


def _shapes(state: dict[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in state.items()}
