"""The expectation is that of every number, spelled out one by one and weighed by plain forwards."""

import itertools
import math
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models
from torch import Tensor
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from vqathinker.policy import expectation
from vqathinker.policy.expectation import Expectation, NumberTokens, expected_score
from vqathinker.policy.folder.checkpoint import Policy, load_policy
from vqathinker.policy.generation import EncodedPrompts, prefill
from vqathinker.policy.inputs import encode_prompts, prompt_ids
from vqathinker.policy.normalisation import normalise
from vqathinker.video.store import ClipStore

LIMITS = (0.0, 5.0)
Expect = Callable[..., Expectation]


@pytest.fixture(scope="module")
def base(tiny_base: Path) -> Policy:
    return load_policy(tiny_base)


@pytest.fixture(scope="module")
def prompts(base: Policy, tiny_clips: Path) -> EncodedPrompts:
    store = ClipStore([tiny_clips])
    ids = prompt_ids(base.tokenizer, "evaluation", 6, 4)
    return encode_prompts(base.model, ids, normalise(store.batch(store.ids[:3])))


def tokens_of(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


@pytest.fixture
def expect(base: Policy, prompts: EncodedPrompts) -> Expect:
    """expect("<answer>", row=1) is the expectation behind a completion that begins like that."""

    def run(said: str, row: int = 0, limits: Any = LIMITS) -> Expectation:
        ids = tokens_of(base.tokenizer, said)
        rows = torch.arange(len(prompts.input_ids))
        spoken = speak(base, prompts, rows, ids)
        tokens, length = NumberTokens(base.tokenizer), prompts.input_ids.shape[1]
        return expected_score(base.model, base.tokenizer, tokens, length, ids, spoken, row, limits)

    return run


@torch.no_grad()
def speak(base: Policy, prompts: EncodedPrompts, rows: Tensor, ids: list[int]) -> Any:
    """The cache after the prompts and a completion that is put into the policy's mouth."""
    cache, _ = prefill(base.model, prompts)
    if ids:
        known = torch.tensor([ids]).expand(len(rows), -1)
        base.model.model(input_ids=known, past_key_values=cache, use_cache=True)
    return cache


@torch.no_grad()
def mass_of(
    base: Policy, prompts: EncodedPrompts, row: int, said: str, sequences: Sequence[Sequence[int]]
) -> list[float]:
    """Probability of each token sequence behind the prompt and `said`, and of an end after it."""
    tokens, before = NumberTokens(base.tokenizer), tokens_of(base.tokenizer, said)
    one = EncodedPrompts(*(part[row : row + 1] for part in prompts))
    found = []
    for sequence in sequences:
        completion = torch.tensor([[*before, *sequence]])
        logits = base.model(
            input_ids=torch.cat([one.input_ids, completion], dim=1),
            frame_features=one.frame_features, motion_features=one.motion_features,
        ).logits[0, one.input_ids.shape[1] - 1 :].double()  # fmt: skip
        logits[:, base.model.config.image_token_id] = -torch.inf
        chances = logits.softmax(-1)[len(before) :]
        said_all = math.prod(float(chances[n, token]) for n, token in enumerate(sequence))
        found.append(said_all * float(chances[-1, sorted(tokens.ends | tokens.blanks)].sum()))
    return found


def numbers_of_two_tokens(tokens: NumberTokens) -> Iterator[tuple[float, tuple[int, ...]]]:
    """Every number in range of one or two tokens, with or without a blank before it."""
    starts: list[tuple[int, ...]] = [(), *((blank,) for blank in tokens.blanks)]
    for start in starts:
        for length in range(1, 3 - len(start)):
            for parts in itertools.product(tokens.parts, repeat=length):
                text = "".join(tokens.parts[part] for part in parts)
                if re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", text) and 0 <= float(text) <= 5:
                    yield float(text), (*start, *parts)


@pytest.mark.parametrize("row", [0, 2])
def test_it_is_the_mean_over_all_numbers_of_their_probabilities(
    base: Policy, prompts: EncodedPrompts, expect: Expect, row: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    for name, value in (("_LEAST", 0.0), ("_LEAST_MASS", 0.0), ("_DEEPEST", 3)):
        monkeypatch.setattr(expectation, name, value)
    said = "<think>clear</think><answer>"
    values, sequences = zip(*numbers_of_two_tokens(NumberTokens(base.tokenizer)), strict=True)
    chances = np.array(mass_of(base, prompts, row, said, sequences))
    mean = float(chances @ values / chances.sum())
    found = expect(said, row)
    assert found.mass == pytest.approx(chances.sum(), rel=1e-4)
    assert found.score == pytest.approx(mean, rel=1e-4)
    spread = math.sqrt(float(chances @ (np.array(values) - mean) ** 2 / chances.sum()))
    assert found.spread == pytest.approx(spread, rel=1e-4)


def test_what_greedy_said_behind_the_tag_does_not_matter(
    expect: Expect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expectation, "_LEAST_MASS", 0.0)
    one, other = expect("<think>a</think><answer>"), expect("<think>a</think><answer>3.42</answer>")
    assert one.score == pytest.approx(other.score)
    assert one.mass == pytest.approx(other.mass)


def test_the_last_answer_that_was_begun_counts(
    expect: Expect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expectation, "_LEAST_MASS", 0.0)
    twice = expect("<answer>1.00</answer><answer>")
    assert twice.score is not None
    assert twice.mass != expect("<answer>").mass


@pytest.mark.parametrize("said", ["", "<think>clear</think>", "3.42"])
def test_without_an_answer_there_is_no_expectation(expect: Expect, said: str) -> None:
    assert expect(said) == Expectation(None, None, 0.0)


def test_the_cache_of_the_completions_stays_as_it_was(
    base: Policy, prompts: EncodedPrompts
) -> None:
    ids = tokens_of(base.tokenizer, "<answer>3")
    rows = torch.arange(len(prompts.input_ids))
    cache = speak(base, prompts, rows, ids)
    before = [layer.keys.clone() for layer in cache.layers]
    tokens, length = NumberTokens(base.tokenizer), prompts.input_ids.shape[1]
    expected_score(base.model, base.tokenizer, tokens, length, ids, cache, 1, LIMITS)
    assert all(torch.equal(a, b.keys) for a, b in zip(before, cache.layers, strict=True))


@pytest.mark.parametrize(
    ("values", "limits", "score", "mass"),
    [
        ([(3.0, 0.5), (4.0, 0.25)], LIMITS, 3.333, 0.75),
        ([(3.0, 0.5), (333.02, 0.25)], LIMITS, 3.0, 0.5),
        ([(3.0, 0.5), (333.0, 0.5)], None, 168.0, 1.0),
        ([(3.0, 0.004), (333.0, 0.5)], LIMITS, None, 0.004),
        ([], LIMITS, None, 0.0),
    ],
)
def test_only_numbers_in_range_count_and_their_mass_is_told(
    values: list[tuple[float, float]], limits: Any, score: float | None, mass: float
) -> None:
    found = expectation._summary(values, limits)
    assert found.score == (None if score is None else pytest.approx(score, abs=1e-3))
    assert (found.spread is None) == (score is None)
    assert found.mass == pytest.approx(mass)


# --- other tokenizers -----------------------------------------------------------------------------


def tokenizer_of(*texts: str) -> PreTrainedTokenizerFast:
    """Every text is a token of its own, and nothing else is one."""
    vocabulary = {text: number for number, text in enumerate(["<unk>", *texts])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, "<unk>"))
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer)


def test_digits_that_come_in_twos_and_with_a_point_are_numbers_too() -> None:
    tokens = NumberTokens(tokenizer_of(*"0123456789.", "42", "3.4", "3a", "</", "</answer>", " "))
    assert {"42", "3.4"} <= set(tokens.parts.values())
    assert "3a" not in tokens.parts.values()
    assert (len(tokens.ends), len(tokens.blanks)) == (2, 1)


def test_a_vocabulary_without_digits_says_that_it_cannot() -> None:
    with pytest.raises(ValueError, match=r"holds 7, .* set evaluation\.score to greedy or mean"):
        NumberTokens(tokenizer_of(*"012345689.", "</answer>"))
