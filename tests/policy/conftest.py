"""A tiny policy to be spoiled by a test, and what it may be shown."""

import copy
from pathlib import Path

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from vqathinker.policy.checkpoint import Policy, load_policy
from vqathinker.policy.inputs import prompt_ids
from vqathinker.policy.model import VQAThinkerForConditionalGeneration


@pytest.fixture(scope="session")
def loaded(tiny_base: Path) -> Policy:
    return load_policy(tiny_base)


@pytest.fixture
def policy(loaded: Policy) -> VQAThinkerForConditionalGeneration:
    """A copy in eval mode, free to be changed."""
    return copy.deepcopy(loaded.model)


@pytest.fixture(scope="session")
def tokenizer(loaded: Policy) -> PreTrainedTokenizerBase:
    return loaded.tokenizer


@pytest.fixture(scope="session")
def ids(tokenizer: PreTrainedTokenizerBase) -> Tensor:
    """The training prompt of clips 6x56, (length,)."""
    return prompt_ids(tokenizer, "training", 6, 4)


@pytest.fixture(scope="session")
def pixels() -> Tensor:
    """Normalised frames of three clips, (3, 6, 3, 56, 56)."""
    return torch.randn((3, 6, 3, 56, 56), generator=torch.Generator().manual_seed(3))
