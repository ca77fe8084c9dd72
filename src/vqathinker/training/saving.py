"""Checkpoints that are whole under their name, and hold what is not logged yet.

`history.csv` has a row every `training.log_every` steps. What is accumulated for the next row is
part of a checkpoint, so that a resumed run writes the rows of an uninterrupted one. Loss and means
are accumulated by each process, so each writes a file, as it does for its random numbers.
"""

import json
import shutil
from pathlib import Path
from typing import Any

from transformers import Trainer

from vqathinker.training.checkpoints import UNFINISHED, finish_checkpoint, unlogged_file

__all__ = ["SavesWhole"]


class SavesWhole(Trainer):
    """What a trainer is besides TRL's: `_provenance` goes into each of its checkpoints.

    Args:
        kwargs: what the trainer takes that it is mixed into.
    """

    _provenance: dict[str, Any]

    def __init__(self, **kwargs: Any) -> None:
        self._rewards_since_save: list[float] = []  # mean of each batch of rollouts
        super().__init__(**kwargs)

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

    def _save_rng_state(self, output_dir: str) -> None:
        """TRL and transformers forget loss and means since the last row of the log."""
        super()._save_rng_state(output_dir)
        unlogged = {
            "loss": self._tr_loss.item(),  # float32, which JSON's numbers hold exactly
            "last_logged": self._globalstep_last_logged,
            "metrics": dict(self._metrics["train"]),
            "rewards": self._rewards_since_save,
        }
        path = Path(output_dir) / unlogged_file(self.args.process_index)
        path.write_text(json.dumps(unlogged), encoding="utf-8")
        self._rewards_since_save = []

    def _load_rng_state(self, checkpoint: str | None) -> None:
        """TRL and transformers begin with nothing; they call this once, before the first step."""
        super()._load_rng_state(checkpoint)
        if checkpoint is None:
            return
        path = Path(checkpoint) / unlogged_file(self.args.process_index)
        unlogged = json.loads(path.read_text(encoding="utf-8"))
        self._tr_loss += unlogged["loss"]
        self._globalstep_last_logged = unlogged["last_logged"]
        self._metrics["train"].update(unlogged["metrics"])
