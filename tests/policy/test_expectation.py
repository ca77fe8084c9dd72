"""The expectation over the numbers of policies whose answers have known probabilities.

That probabilities are those of plain forwards is shown in test_attention_window.py.
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
from vqathinker.policy.answer import Completion, read_answer
from vqathinker.policy.expectation import Expectation, NumberTokens, expected_score

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
    begin: int = len(CHARACTERS), **how: Any,
) -> Expectation:  # fmt: skip
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
        [begin], DynamicCache(), 0, LIMITS, how=EXPECTATION.model_copy(update=how),
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
    return AnswerParams(parsing=reading, range=list(LIMITS))


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


def test_without_an_answer_there_is_no_expectation(monkeypatch: pytest.MonkeyPatch) -> None:
    found = expectation_of({"3": 1.0}, monkeypatch, begin=CHARACTERS.index("3"))
    assert found == Expectation(None, None, 0.0)


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
