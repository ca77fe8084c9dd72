"""The expectation is that of every number, spelled out one by one and weighed by plain forwards."""

import collections
import itertools
import math
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models
from torch import Tensor
from transformers import DynamicCache, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from vqathinker.params import EXPECTATION, AnswerParams
from vqathinker.policy import expectation
from vqathinker.policy.answer import Completion, read_answer
from vqathinker.policy.config import normalise
from vqathinker.policy.expectation import Expectation, NumberTokens, expected_score
from vqathinker.policy.folder.checkpoint import Policy, load_policy
from vqathinker.policy.generation import EncodedPrompts, prefill
from vqathinker.policy.inputs import encode_prompts, prompt_ids
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

    def run(said: str, row: int = 0, missing: float = 5e-6) -> Expectation:
        ids = tokens_of(base.tokenizer, said)
        rows = torch.arange(len(prompts.input_ids))
        spoken = speak(base, prompts, rows, ids)
        tokens, length = NumberTokens(base.tokenizer), prompts.input_ids.shape[1]
        how = EXPECTATION.model_copy(update={"missing": missing})
        return expected_score(
            base.model, base.tokenizer, tokens, length, ids, spoken, row, LIMITS, how=how
        )

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
        closing = [index for index, text in tokens.usable if text in {"</", "</answer>"}]
        found.append(said_all * float(chances[-1, closing].sum()))
    return found


def numbers_of_two_tokens(tokens: NumberTokens) -> Iterator[tuple[float, tuple[int, ...]]]:
    """Every answer of one or two tokens that is a number in range; blanks around it count not."""
    texts = {index: text for index, text in tokens.usable if re.fullmatch(r"[-0-9.\s]+", text)}
    for length in (1, 2):
        for parts in itertools.product(texts, repeat=length):
            text = "".join(texts[part] for part in parts).strip()
            if re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", text) and 0 <= float(text) <= 5:
                yield float(text), parts


def two_tokens_deep(monkeypatch: pytest.MonkeyPatch) -> None:
    """Follow everything of up to two tokens and nothing beyond; what is left counts not."""
    push = expectation._Search.push

    def up_to_two(search: Any, nodes: Any, column: int, chances: Tensor) -> None:
        push(search, nodes, column, chances)
        search._frontier = [
            entry
            for entry in search._frontier
            if len(entry[2].ancestors) <= 2 and "<" not in entry[2].tail
        ]

    for name, value in (("_NEGLIGIBLE", 0.0), ("_LEAST_MASS", 0.0)):
        monkeypatch.setattr(expectation, name, value)
    monkeypatch.setattr(expectation._Search, "push", up_to_two)


@pytest.mark.parametrize("row", [2])
def test_it_is_the_mean_over_all_numbers_of_their_probabilities(
    base: Policy, prompts: EncodedPrompts, expect: Expect, row: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    two_tokens_deep(monkeypatch)
    said = "<think>clear</think><answer>"
    values, sequences = zip(*numbers_of_two_tokens(NumberTokens(base.tokenizer)), strict=True)
    chances = np.array(mass_of(base, prompts, row, said, sequences))
    mean = float(chances @ values / chances.sum())
    found = expect(said, row, missing=1e-15)
    assert found.mass == pytest.approx(chances.sum(), rel=1e-4)
    assert found.score == pytest.approx(mean, rel=1e-4)
    spread = math.sqrt(float(chances @ (np.array(values) - mean) ** 2 / chances.sum()))
    assert found.spread == pytest.approx(spread, rel=1e-4)


@pytest.mark.parametrize("said", ["", "<think>clear</think>", "3.42"])
def test_without_an_answer_there_is_no_expectation(expect: Expect, said: str) -> None:
    assert expect(said) == Expectation(None, None, 0.0)


# --- policies whose answers have known probabilities ----------------------------------------------

CHARACTERS = [*"0123456789.-", "</answer>", " ", "o"]


class Characters:
    """A tokenizer of single characters and the closing tag."""

    def get_vocab(self) -> dict[str, int]:
        return {text: number for number, text in enumerate(CHARACTERS)}

    def decode(self, ids: Sequence[int]) -> str:
        return "".join([*CHARACTERS, "<answer>"][number] for number in ids)


def expectation_of(
    answers: dict[str, float], monkeypatch: pytest.MonkeyPatch, reading: Any = "strict", **how: Any
) -> Expectation:
    """Of a policy that gives these answers, by the text behind `<answer>`, with these weights."""
    total = sum(answers.values())
    beginnings: collections.Counter[tuple[str, ...]] = collections.Counter()
    for answer, weight in answers.items():
        pieces = (*answer, "</answer>")
        for length in range(len(pieces) + 1):
            beginnings[pieces[:length]] += weight / total
    said: list[tuple[str, ...]] = []  # by column

    def chances(_: Any, level: Any, __: Any, shared: int, depths: Any) -> Tensor:
        out = torch.zeros(len(level), len(CHARACTERS), dtype=torch.float64)
        for row, node in enumerate(level):
            before = said[node.ancestors[-1] - shared] if node.ancestors else ()
            now = (*before, CHARACTERS[node.token]) if node.ancestors else ()
            said.append(now)
            for number, text in enumerate(CHARACTERS):
                if beginnings[now]:
                    out[row, number] = beginnings[*now, text] / beginnings[now]
        return out

    monkeypatch.setattr(expectation, "_next_probabilities", chances)
    monkeypatch.setattr(expectation, "rows_of", lambda *_: DynamicCache())
    tokenizer: Any = Characters()
    return expected_score(
        SimpleNamespace(device="cpu"), tokenizer, NumberTokens(tokenizer, reading), 10,  # type: ignore[arg-type]
        [len(CHARACTERS)], DynamicCache(), 0, LIMITS, how=EXPECTATION.model_copy(update=how),
    )  # fmt: skip


def bell(mean: float, spread: float, decimals: int) -> dict[str, float]:
    values = [number / 10**decimals for number in range(5 * 10**decimals + 1)]
    return {
        f"{value:.{decimals}f}": math.exp(-((value - mean) ** 2) / 2 / spread**2)
        for value in values
    }


def mixed(one: dict[str, float], other: dict[str, float], share: float) -> dict[str, float]:
    """`share` of the probability is that of `other`."""
    parts = [(one, 1 - share), (other, share)]
    mix: collections.Counter[str] = collections.Counter()
    for part, weight in parts:
        for text, value in part.items():
            mix[text] += weight * value / sum(part.values())
    return dict(mix)


FLAT = {f"{number / 1000:.3f}": 1.0 for number in range(1000)}


@pytest.mark.parametrize(
    "answers",
    [
        bell(3.2, 1.0, 2),
        mixed({"4.00": 1.0}, FLAT, 0.05),
        mixed(bell(3.2, 0.3, 2), {f"4.{n:03}": 1.0 for n in range(1000)}, 0.3),
        {"3": 0.1, "3.5": 0.2, "03.5": 0.1, "5.000": 0.1, "-1": 0.2, "2.50": 0.3, "9.9": 0.4},
        {"3 ": 0.2, " 4.5": 0.3, "3 o 5": 0.4, "2.": 0.1, "1 .5": 0.1},
    ],
    ids=["two decimals", "rare and flat", "mixture", "by hand", "blanks"],
)
@pytest.mark.parametrize("reading", ["strict", "authors"])
def test_the_missing_mass_bounds_the_error(
    answers: dict[str, float], reading: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = {
        text: read_answer(Completion(f"<answer>{text}</answer>"), answer_params(reading)).score
        for text in answers
    }
    inside = [(score, answers[text]) for text, score in read.items() if score is not None]
    total = sum(weight for _, weight in inside)
    true = sum(score * weight for score, weight in inside) / total
    mass = total / sum(answers.values())
    found = expectation_of(answers, monkeypatch, reading)
    assert found.missing <= 1e-3
    assert found.mass - 1e-9 <= mass <= found.mass + found.missing + 1e-9
    assert abs(found.score - true) <= 5 * found.missing / found.mass + 1e-9  # type: ignore[operator]
    assert found.score == pytest.approx(true, abs=1e-3)


def answer_params(reading: Any) -> AnswerParams:
    return AnswerParams(reading=reading, range=list(LIMITS))


def test_a_branch_that_is_left_counts_with_the_number_that_it_begins_with(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = expectation_of({"3.52": 0.5, "2.25": 0.5}, monkeypatch, steps=2)  # up to "3." and "2."
    assert (found.score, found.mass, found.missing) == (2.5, 0.0, 1.0)


def test_a_number_and_a_blank_are_no_score_until_the_answer_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = expectation_of({"3 o 5": 0.9, "4": 0.1}, monkeypatch)
    assert found.score == pytest.approx(4.0)
    assert found.mass == pytest.approx(0.1)
    assert expectation_of({"3 o 5": 0.9, "4": 0.1}, monkeypatch, "authors").score == 3.1
    assert expectation_of({"3 ": 0.9, "4": 0.1}, monkeypatch).score == pytest.approx(3.1)


def test_numbers_too_rare_to_be_averaged_have_no_score(monkeypatch: pytest.MonkeyPatch) -> None:
    found = expectation_of({"3": 0.004, "9": 0.996}, monkeypatch)
    assert (found.score, found.spread) == (None, None)
    assert found.mass == pytest.approx(0.004)


# --- other tokenizers -----------------------------------------------------------------------------


def tokenizer_of(*texts: str) -> PreTrainedTokenizerFast:
    """Every text is a token of its own, and nothing else is one."""
    vocabulary = {text: number for number, text in enumerate(["<unk>", *texts])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, "<unk>"))
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer)


def test_digits_that_come_in_twos_and_with_a_point_are_numbers_too() -> None:
    tokens = NumberTokens(tokenizer_of(*"0123456789.", "42", "3.4", "3a", "</", "</answer>", " "))
    texts = {text for _, text in tokens.usable}
    assert {"42", "3.4", "</", "</answer>", " "} <= texts
    assert "3a" not in texts


def test_a_vocabulary_without_digits_says_that_it_cannot() -> None:
    with pytest.raises(ValueError, match=r"\b7\b.*evaluation\.score"):
        NumberTokens(tokenizer_of(*"012345689.", "</answer>"))
