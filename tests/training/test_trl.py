"""What is overridden of TRL is what it was written against: a new TRL is looked at before it is
trusted."""

import hashlib
import inspect
from typing import Any

import pytest
from trl import GRPOTrainer, SFTTrainer
from trl.trainer.utils import RepeatSampler, split_tensor_dict

from vqathinker.training.resumable import ResumableTrainer
from vqathinker.training.supervised import SupervisedTrainer
from vqathinker.training.trainer import VQAThinkerTrainer

# sha256, first 12 digits, of the source in trl 1.16.0, and transformers as pinned, of every method
# that is overridden, and of what the overrides lean on.
WRITTEN_AGAINST = {
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

# The same of SFTTrainer, with what it has from transformers.
SUPERVISED_AGAINST = {
    "_get_train_sampler": "1580d7493244",
    "_save_checkpoint": "b6ee0a370c26",
    "compute_loss": "ca448211ff65",
    "training_step": "bba41f264647",
}


def source_of(theirs: type, name: str) -> str:
    beside = {"split_tensor_dict": split_tensor_dict, "RepeatSampler": RepeatSampler}
    return inspect.getsource(beside.get(name) or getattr(theirs, name))


@pytest.mark.parametrize(
    ("theirs", "known"), [(GRPOTrainer, WRITTEN_AGAINST), (SFTTrainer, SUPERVISED_AGAINST)]
)
def test_trl_is_what_the_overrides_were_written_against(theirs: type, known: Any) -> None:
    found = {
        name: hashlib.sha256(source_of(theirs, name).encode()).hexdigest()[:12] for name in known
    }
    assert found == known, (
        "trl has changed: compare what differs with src/vqathinker/training/, mend what leans on "
        "it, and write its new hash here"
    )


@pytest.mark.parametrize(
    ("theirs", "ours", "known"),
    [
        (GRPOTrainer, (VQAThinkerTrainer,), WRITTEN_AGAINST),
        (SFTTrainer, (SupervisedTrainer,), SUPERVISED_AGAINST),
    ],
)
def test_every_override_is_watched(theirs: type, ours: tuple[type, ...], known: Any) -> None:
    overridden = {
        name
        for trainer in (*ours, ResumableTrainer)
        for name, value in vars(trainer).items()
        if name in vars(theirs) and inspect.isfunction(value) and name != "__init__"
    }
    assert overridden
    assert overridden <= set(known)
