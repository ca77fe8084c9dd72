"""The tokenizer of the tiny policy."""

import pytest
from transformers import PreTrainedTokenizerFast

from vqathinker.policy import demo
from vqathinker.policy.prompt import Setting, render_prompt
from vqathinker.policy.tiny import build_tokenizer

TAGS = ("<think>", "</think>", "<answer>", "</answer>")


@pytest.fixture(scope="module")
def demo_tokenizer() -> PreTrainedTokenizerFast:
    return build_tokenizer(demo.PHRASES)


@pytest.mark.parametrize("phrase", [*demo.PHRASES, *TAGS, *"0123456789"])
def test_phrases_of_an_answer_are_single_tokens(
    demo_tokenizer: PreTrainedTokenizerFast, phrase: str
) -> None:
    assert len(demo_tokenizer(phrase, add_special_tokens=False)["input_ids"]) == 1


@pytest.mark.parametrize("setting", ["training", "evaluation"])
@pytest.mark.parametrize(("frames", "tokens"), [(6, 16), (20, 2)])
def test_prompt_is_decoded_exactly_and_has_few_tokens(
    demo_tokenizer: PreTrainedTokenizerFast, setting: Setting, frames: int, tokens: int
) -> None:
    prompt = render_prompt(setting, frames, tokens)
    ids = demo_tokenizer(prompt, add_special_tokens=False)["input_ids"]
    assert demo_tokenizer.decode(ids) == prompt
    assert len(ids) < frames * (tokens + 8) + 60
