"""Methods of TRL that are overridden have not changed."""

import hashlib
import inspect
from typing import Any

import pytest
from trl import GRPOTrainer, SFTTrainer
from trl.trainer.utils import RepeatSampler, split_tensor_dict

from vqathinker.training.resumable import ResumableTrainer
from vqathinker.training.supervised import SupervisedTrainer
from vqathinker.training.trainer import VQAThinkerTrainer

# First 12 digits of the sha256 of the source, in trl 1.16.0 and the pinned transformers, of every
# method that is overridden, and of functions that the overrides rely on.
GRPO_SOURCES = {
    "_calculate_rewards": "736ae29b0838",
    "_compute_loss": "80295546bbdb",
    "_generate_and_score_completions": "1fa48922792d",
    "_get_per_token_logps_and_entropies": "ea73c3909275",
    "_get_train_sampler": "36497afb4d31",
    "_load_rng_state": "d5ebdfc0a088",
    "_prepare_inputs": "f824e7fb0714",
    "_save_checkpoint": "ec91bde12364",
    "_save_rng_state": "27a97d106124",
    "training_step": "9e18632f7dd8",
    "split_tensor_dict": "b61a5760a03e",
    "RepeatSampler": "ba139f4a43ee",
}

# The same for SFTTrainer, inherited methods included.
SFT_SOURCES = {
    "_get_train_sampler": "1580d7493244",
    "_save_checkpoint": "b6ee0a370c26",
    "compute_loss": "ca448211ff65",
    "training_step": "bba41f264647",
}


BOTH = [
    (GRPOTrainer, VQAThinkerTrainer, GRPO_SOURCES),
    (SFTTrainer, SupervisedTrainer, SFT_SOURCES),
]


@pytest.mark.parametrize(("theirs", "ours", "known"), BOTH)
def test_overridden_methods_are_unchanged(theirs: type, ours: type, known: Any) -> None:
    functions = {"split_tensor_dict": split_tensor_dict, "RepeatSampler": RepeatSampler}
    found = {}
    for name in known:
        source = inspect.getsource(functions.get(name) or getattr(theirs, name))
        found[name] = hashlib.sha256(source.encode()).hexdigest()[:12]
    assert found == known, (
        "trl has changed: compare what differs with src/vqathinker/training/, adapt what relies on "
        "it, and write the new hash here"
    )
    overridden = {
        name
        for trainer in (ours, ResumableTrainer)
        for name, value in vars(trainer).items()
        if name in vars(theirs) and inspect.isfunction(value) and name != "__init__"
    }
    assert overridden
    assert overridden <= set(known)
