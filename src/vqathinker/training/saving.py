"""Checkpoints that are whole under their name, whatever a trainer of TRL writes into them."""

import shutil
from pathlib import Path
from typing import Any

from transformers import Trainer

from vqathinker.training.checkpoints import UNFINISHED, finish_checkpoint

__all__ = ["SavesWhole"]


class SavesWhole(Trainer):
    """What a trainer is besides TRL's: `_provenance` goes into each of its checkpoints."""

    _provenance: dict[str, Any]

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        """TRL writes under the final name, file by file; here beside it until all is there."""
        folder, name = Path(self.args.output_dir), f"checkpoint-{self.state.global_step}"
        self.args.output_dir = str(folder / UNFINISHED)
        try:
            super()._save_checkpoint(model, trial)
        finally:
            self.args.output_dir = str(folder)
        self.accelerator.wait_for_everyone()
        if self.args.should_save:
            finish_checkpoint(folder / UNFINISHED / name, folder / name, self._provenance)
            shutil.rmtree(folder / UNFINISHED)  # with the card that TRL writes beside it
