"""The public weights of SlowFast-R50: fetched by address and hash, read without unpickling code.

Source: docs/method.md, section 2 (pytorchvideo's hub weights, trained on Kinetics-400).
"""

from pathlib import Path

import torch
from torch import Tensor

from vqathinker.errors import InputError, reading
from vqathinker.hashing import sha256_of_file
from vqathinker.policy.config import shape_mismatches
from vqathinker.policy.motion.slowfast import SlowFastR50

_CLASSIFIER = {"blocks.6.proj.weight", "blocks.6.proj.bias"}
_COUNTER = "num_batches_tracked"  # of no use in eval mode, and some files leave it out


def fetch_weights(where: str, sha256: str | None) -> tuple[Path, str]:
    """The file at a path or an address, downloaded once to torch's folder of checkpoints.

    Args:
        where: a path, or an address with its scheme.
        sha256: what the file has to hash to; None: any.

    Returns:
        The path and the sha256 of the file.

    Raises:
        InputError: the file cannot be downloaded, or has another hash.
    """
    path = Path(where)
    if "://" in where:
        path = Path(torch.hub.get_dir()) / "checkpoints" / where.rpartition("/")[2]
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                torch.hub.download_url_to_file(where, str(path), progress=False)
            except OSError as error:  # URLError is one
                raise InputError(
                    f"{where}: {error}; download it elsewhere and put it at {path}, or set "
                    "base.motion.weights to its path"
                ) from error
    if not path.is_file():
        raise InputError(f"{path}: no such file; put the weights there, or give their address")
    found = sha256_of_file(path)
    if sha256 is not None and found != sha256:
        raise InputError(
            f"{path}: sha256 is {found}, expected {sha256}; remove the file to have it downloaded "
            "again, or correct base.motion.sha256 if you trust it"
        )
    return path, found


def load_weights(encoder: SlowFastR50, path: Path) -> None:
    """Fill the encoder from pytorchvideo's file: {"model_state": tensors by name}.

    Raises:
        InputError: the file holds more than tensors, or other ones than the encoder's.
    """
    expected = "pytorchvideo's file, a mapping 'model_state' of tensors and nothing else"
    with reading(path, expected, "get it again from base.motion.weights"):
        state = dict(torch.load(path, map_location="cpu", weights_only=True)["model_state"])
    own = encoder.state_dict()
    given = {name: tensor for name, tensor in state.items() if name not in _CLASSIFIER}
    given |= {name: own[name] for name in own if name.endswith(_COUNTER) and name not in given}
    if wrong := shape_mismatches(_shapes(own), _shapes(given)):
        raise InputError("\n  ".join([f"{path}: not the weights of SlowFast-R50:", *wrong]))
    encoder.load_state_dict(given)


def _shapes(state: dict[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in state.items()}
