"""A tiny policy, and inputs for it."""

import copy
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from vqathinker.policy.folder.checkpoint import Policy, load_policy
from vqathinker.policy.inputs import prompt_ids
from vqathinker.policy.model import VQAThinkerForConditionalGeneration


@pytest.fixture(scope="session")
def loaded(tiny_base: Path) -> Policy:
    return load_policy(tiny_base)


@pytest.fixture
def policy(loaded: Policy) -> VQAThinkerForConditionalGeneration:
    """A copy in eval mode, which a test may change."""
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


@pytest.fixture(scope="session")
def draw() -> Callable[[str, Tensor], Tensor]:
    """A tensor of the golden checkpoints, drawn from its name (tests/goldens/README.md)."""

    def drawn(name: str, like: Tensor) -> Tensor:
        generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))
        if not like.is_floating_point():
            return torch.zeros_like(like)
        if name.endswith("running_var"):
            return torch.rand(like.shape, generator=generator) + 0.5
        if like.ndim > 1:
            return torch.randn(like.shape, generator=generator) * (2 / like[0].numel()) ** 0.5
        if name.endswith(("running_mean", "bias")):
            return torch.randn(like.shape, generator=generator) * 0.1
        return torch.rand(like.shape, generator=generator) * 0.4 + 0.3

    return drawn
