"""The untrained policy and its tokenizer: seeded, and made so that an answer is few tokens."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from vqathinker.params import AnswerParams, DemoBaseParams
from vqathinker.policy import demo
from vqathinker.policy.answer import Completion, read_answer
from vqathinker.policy.prompt import KINDS, LEVELS, Setting, render
from vqathinker.policy.tiny import build_policy, build_tokenizer

STRICT = AnswerParams(reading="strict", range=[0, 5])

TAGS = ("<think>", "</think>", "<answer>", "</answer>")
WORDS = sorted(set(KINDS.values()))


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


def test_the_image_encoder_looks_through_different_filters(
    tiny_params: DemoBaseParams, tokenizer: PreTrainedTokenizerBase
) -> None:
    policy = build_policy(tiny_params, tokenizer, 56)
    filters = policy.model.vision_tower.embeddings.patch_embeddings.projection.weight.flatten(1)
    assert bool((filters.norm(dim=1) > 0).all())
    assert len(torch.unique(filters, dim=0)) > 0.9 * len(filters)


@pytest.mark.parametrize("phrase", [*demo.PHRASES, *TAGS, *"0123456789"])
def test_what_an_answer_is_made_of_is_one_token_each(
    demo_tokenizer: PreTrainedTokenizerFast, phrase: str
) -> None:
    assert len(demo_tokenizer(phrase, add_special_tokens=False)["input_ids"]) == 1


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("word", WORDS)
def test_every_answer_is_thirteen_tokens(
    demo_tokenizer: PreTrainedTokenizerFast, level: str, word: str
) -> None:
    text = demo._THOUGHT.format(level=level, kind=word, score=3.42) + "<|im_end|>"
    ids = demo_tokenizer(text, add_special_tokens=False)["input_ids"]
    pieces = ["<think>", "I see", f" {level}", f" {word}", ".", "</think>", "<answer>"]
    pieces += ["3", ".", "4", "2", "</answer>", "<|im_end|>"]
    assert [demo_tokenizer.decode([token]) for token in ids] == pieces


def test_tags_survive_the_decoding_of_an_answer_and_its_end_does_not(
    demo_tokenizer: PreTrainedTokenizerFast,
) -> None:
    said = "<think>I see clear blur.</think><answer>3.42</answer>"
    ids = demo_tokenizer(f"{said}<|im_end|><|endoftext|>", add_special_tokens=False)["input_ids"]
    decoded = demo_tokenizer.decode(ids, skip_special_tokens=True)
    assert decoded == said
    assert read_answer(Completion(decoded), STRICT).score == 3.42


@pytest.mark.parametrize("setting", ["training", "evaluation"])
@pytest.mark.parametrize(("frames", "tokens"), [(6, 16), (12, 16), (1, 1), (20, 2)])
def test_a_prompt_is_read_to_the_character_and_in_few_tokens(
    demo_tokenizer: PreTrainedTokenizerFast, setting: Setting, frames: int, tokens: int
) -> None:
    prompt = render(setting, frames, tokens)
    ids = demo_tokenizer(prompt, add_special_tokens=False)["input_ids"]
    assert demo_tokenizer.decode(ids) == prompt
    assert len(ids) < frames * (tokens + 8) + 60


@settings(max_examples=25, deadline=None)
@given(text=st.text())
def test_any_text_goes_through_the_tokenizer_unchanged(
    demo_tokenizer: PreTrainedTokenizerFast, text: str
) -> None:
    assert (
        demo_tokenizer.decode(demo_tokenizer(text, add_special_tokens=False)["input_ids"]) == text
    )
