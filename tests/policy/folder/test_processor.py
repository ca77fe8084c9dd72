"""The processor of a policy folder: what it makes of frames is what the pipeline makes of them."""

from pathlib import Path

import pytest
import torch
from torch import Tensor
from transformers import AutoProcessor, PreTrainedTokenizerBase

from vqathinker.policy.folder.checkpoint import Policy, save_policy
from vqathinker.policy.folder.processor import VQAThinkerProcessor
from vqathinker.policy.inputs import prompt_ids
from vqathinker.policy.model import VQAThinkerForConditionalGeneration
from vqathinker.policy.normalisation import normalise


@pytest.fixture
def frames() -> Tensor:
    """Two clips 6x56."""
    generator = torch.Generator().manual_seed(4)
    return torch.randint(0, 256, (2, 6, 3, 56, 56), generator=generator, dtype=torch.uint8)


@pytest.fixture
def folder(tmp_path: Path, policy: VQAThinkerForConditionalGeneration, loaded: Policy) -> Path:
    """A policy that is meant to be asked about clips 6x56."""
    policy.config.setting = "6x56"
    save_policy(policy, loaded.tokenizer, tmp_path / "policy", "", {})
    return tmp_path / "policy"


def test_a_folder_s_processor_prepares_what_the_policy_reads(
    folder: Path, frames: Tensor, tokenizer: PreTrainedTokenizerBase
) -> None:
    processor = AutoProcessor.from_pretrained(folder)
    assert isinstance(processor, VQAThinkerProcessor)
    assert (processor.frames, processor.size) == (6, 56)
    inputs = processor(frames)
    assert sorted(inputs) == sorted(processor.model_input_names)
    expected = prompt_ids(tokenizer, "evaluation", 6, 4)
    assert torch.equal(inputs["input_ids"], expected.expand(2, -1))
    assert bool((inputs["attention_mask"] == 1).all())
    assert torch.equal(inputs["pixel_values"], normalise(frames))


def test_a_policy_answers_what_its_processor_asks(folder: Path, frames: Tensor) -> None:
    policy = VQAThinkerForConditionalGeneration.from_pretrained(folder)
    inputs = VQAThinkerProcessor.from_pretrained(folder)(frames)
    said = policy.generate(**inputs, max_new_tokens=3, do_sample=False)
    assert said.shape == (2, inputs["input_ids"].shape[1] + 3)


@pytest.mark.parametrize("shape", [(6, 3, 56, 56), (2, 5, 3, 56, 56), (2, 6, 3, 56, 84)])
def test_clips_of_another_setting_are_refused(folder: Path, shape: tuple[int, ...]) -> None:
    processor = VQAThinkerProcessor.from_pretrained(folder)
    with pytest.raises(ValueError, match="6x56"):
        processor(torch.zeros(shape, dtype=torch.uint8))


def test_a_setting_that_does_not_fit_the_patches_cannot_be_saved(
    tmp_path: Path, policy: VQAThinkerForConditionalGeneration, loaded: Policy
) -> None:
    policy.config.setting = "6x50"
    with pytest.raises(ValueError, match=r"\b50 px"):
        save_policy(policy, loaded.tokenizer, tmp_path / "policy", "", {})
    assert not list(tmp_path.iterdir())
