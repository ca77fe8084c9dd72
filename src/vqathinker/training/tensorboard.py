"""Event files for TensorBoard, where it is installed."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from transformers.integrations import TensorBoardCallback

from vqathinker.training.errors import TrainingError

__all__ = ["require_tensorboard", "tensorboard_callback"]


def require_tensorboard() -> None:
    """Let a run with `training.tensorboard` begin.

    Raises:
        TrainingError: the package is not installed.
    """
    if find_spec("tensorboard") is None:
        raise TrainingError(
            "training.tensorboard is true, but the package tensorboard is not installed; run "
            '`pip install "vqathinker[tensorboard]"`, or set training.tensorboard to false'
        )


def tensorboard_callback(folder: Path, steps: int) -> Any:
    """Writes every log row to `folder`; what lies there of steps after `steps` is not shown.

    Those are the steps that a run which goes on from a checkpoint makes again.
    """
    from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415  an optional package

    return TensorBoardCallback(SummaryWriter(str(folder), purge_step=steps + 1))
