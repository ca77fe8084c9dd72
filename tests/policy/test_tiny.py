"""The untrained policy and its tokenizer: seeded, and made so that an answer is few tokens."""

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from vqathinker.params import DemoBaseParams
from vqathinker.policy import demo
from vqathinker.policy.prompt import Setting, render
from vqathinker.policy.tiny import build_policy, build_tokenizer

TAGS = ("<think>", "</think>", "<answer>", "</answer>")


@pytest.fixture(scope="module")
def demo_tokenizer() -> PreTrainedTokenizerFast:
    return build_tokenizer(demo.PHRASES)


def weights(params: DemoBaseParams, tokenizer: PreTrainedTokenizerBase) -> dict[str, Tensor]:
    return build_policy(params, tokenizer, 56).state_dict()


def test_the_seed_decides_every_weight(
    tiny_params: DemoBaseParams, tokenizer: PreTrainedTokenizerBase
) -> None:
    torch.manual_seed(1)
    one = weights(tiny_params, tokenizer)
    torch.manual_seed(2)
    same = weights(tiny_params, tokenizer)
    other = weights(tiny_params.model_copy(update={"seed": 2}), tokenizer)
    assert all(torch.equal(value, same[name]) for name, value in one.items())
    differing = {name for name, value in one.items() if not torch.equal(value, other[name])}
    for part in ("language_model", "multi_modal_projector", "motion_projector", "vision_tower"):
        assert any(name.startswith(f"model.{part}.") for name in differing), part


@pytest.mark.parametrize("phrase", [*demo.PHRASES, *TAGS, *"0123456789"])
def test_what_an_answer_is_made_of_is_one_token_each(
    demo_tokenizer: PreTrainedTokenizerFast, phrase: str
) -> None:
    assert len(demo_tokenizer(phrase, add_special_tokens=False)["input_ids"]) == 1


@pytest.mark.parametrize("setting", ["training", "evaluation"])
@pytest.mark.parametrize(("frames", "tokens"), [(6, 16), (20, 2)])
def test_a_prompt_is_read_to_the_character_and_in_few_tokens(
    demo_tokenizer: PreTrainedTokenizerFast, setting: Setting, frames: int, tokens: int
) -> None:
    prompt = render(setting, frames, tokens)
    ids = demo_tokenizer(prompt, add_special_tokens=False)["input_ids"]
    assert demo_tokenizer.decode(ids) == prompt
    assert len(ids) < frames * (tokens + 8) + 60
