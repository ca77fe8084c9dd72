"""Expected scores of policies whose answers have known probabilities.

test_attention_window.py checks the probabilities of a real policy.
"""

import collections
import math
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, models
from torch import Tensor
from transformers import DynamicCache, PreTrainedTokenizerFast

from vqathinker.params import EXPECTATION, AnswerParams
from vqathinker.policy import expectation
from vqathinker.policy.answer import Completion, parse_answer
from vqathinker.policy.expectation import Expectation, NumberTokens, expected_score
from vqathinker.policy.generation import CacheRow

LIMITS = (0.0, 5.0)


# --- policies whose answers have known probabilities ----------------------------------------------

CHARACTERS = [*"0123456789.-", "</answer>", " ", "o"]


class Characters:
    """A tokenizer of single characters and the closing tag."""

    def get_vocab(self) -> dict[str, int]:
        return {text: number for number, text in enumerate(CHARACTERS)}

    def decode(self, ids: Sequence[int]) -> str:
        return "".join([*CHARACTERS, "<answer>"][number] for number in ids)


def expectation_of(
    answers: dict[str, float], monkeypatch: pytest.MonkeyPatch, reading: Any = "strict",
    first_token: int = len(CHARACTERS), **how: Any,
) -> Expectation:  # fmt: skip
    """The expectation of a policy with these answers (text after `<answer>`) and their weights."""
    total = sum(answers.values())
    beginnings: collections.Counter[tuple[str, ...]] = collections.Counter()
    for answer, weight in answers.items():
        pieces = (*answer, "</answer>")
        for length in range(len(pieces) + 1):
            beginnings[pieces[:length]] += weight / total
    prefixes: list[tuple[str, ...]] = []  # by column

    def probabilities(_: Any, level: Any, __: Any, shared: int, depths: Any) -> Tensor:
        out = torch.zeros(len(level), len(CHARACTERS), dtype=torch.float64)
        for row, node in enumerate(level):
            before = prefixes[node.ancestors[-1] - shared] if node.ancestors else ()
            now = (*before, CHARACTERS[node.token]) if node.ancestors else ()
            prefixes.append(now)
            for number, text in enumerate(CHARACTERS):
                if beginnings[now]:
                    out[row, number] = beginnings[*now, text] / beginnings[now]
        return out

    monkeypatch.setattr(expectation, "_next_probabilities", probabilities)
    monkeypatch.setattr(expectation, "select_rows", lambda *_: DynamicCache())
    tokenizer: Any = Characters()
    return expected_score(
        SimpleNamespace(device="cpu"), tokenizer, NumberTokens(tokenizer, reading), 10,  # type: ignore[arg-type]
        [first_token], CacheRow(DynamicCache(), 0), LIMITS,
        params=EXPECTATION.model_copy(update=how),
    )  # fmt: skip


def bell(mean: float, spread: float, decimals: int) -> dict[str, float]:
    values = [number / 10**decimals for number in range(5 * 10**decimals + 1)]
    return {
        f"{value:.{decimals}f}": math.exp(-((value - mean) ** 2) / 2 / spread**2)
        for value in values
    }


def mixed(one: dict[str, float], other: dict[str, float], share: float) -> dict[str, float]:
    """A mixture; `share` is the probability of `other`."""
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
def test_missing_probability_bounds_the_error(
    answers: dict[str, float], reading: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = {
        text: parse_answer(Completion(f"<answer>{text}</answer>"), answer_params(reading)).score
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
    return AnswerParams(parsing=reading, range=list(LIMITS))


def test_unexplored_branch_counts_with_its_number_so_far(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = expectation_of({"3.52": 0.5, "2.25": 0.5}, monkeypatch, steps=2)  # up to "3." and "2."
    assert (found.score, found.mass, found.missing) == (2.5, 0.0, 1.0)


def test_number_before_a_space_is_no_score_until_the_answer_closes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = expectation_of({"3 o 5": 0.9, "4": 0.1}, monkeypatch)
    assert found.score == pytest.approx(4.0)
    assert found.mass == pytest.approx(0.1)
    assert expectation_of({"3 o 5": 0.9, "4": 0.1}, monkeypatch, "authors").score == 3.1
    assert expectation_of({"3 ": 0.9, "4": 0.1}, monkeypatch).score == pytest.approx(3.1)


def test_completion_without_answer_has_no_expectation(monkeypatch: pytest.MonkeyPatch) -> None:
    found = expectation_of({"3": 1.0}, monkeypatch, first_token=CHARACTERS.index("3"))
    assert found == Expectation(None, None, 0.0)


def test_improbable_numbers_have_no_expectation(monkeypatch: pytest.MonkeyPatch) -> None:
    found = expectation_of({"3": 0.004, "9": 0.996}, monkeypatch)
    assert (found.score, found.spread) == (None, None)
    assert found.mass == pytest.approx(0.004)


# --- other tokenizers -----------------------------------------------------------------------------


def tokenizer_of(*texts: str) -> PreTrainedTokenizerFast:
    """A tokenizer with these texts as tokens."""
    vocabulary = {text: number for number, text in enumerate(["<unk>", *texts])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, "<unk>"))
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer)


def test_tokens_with_several_digits_are_usable() -> None:
    tokens = NumberTokens(tokenizer_of(*"0123456789.", "42", "3.4", "3a", "</", "</answer>", " "))
    texts = {text for _, text in tokens.usable}
    assert {"42", "3.4", "</", "</answer>", " "} <= texts
    assert "3a" not in texts
