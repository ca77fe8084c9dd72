"""An answer read piece by piece gives what the reading of its whole text gives."""

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqathinker.choices import AnswerReading
from vqathinker.params import AnswerParams
from vqathinker.policy.answer import Completion, answer_begins, read_answer
from vqathinker.policy.answer_prefix import Prefix, extend, value_of

CLOSE = "</answer>"
PIECES = st.lists(
    st.sampled_from(["3", "4", "0", "42", ".", "-", " ", "\n", "3.4", "of", " 5", "<"])
)


@pytest.mark.parametrize("reading", get_args(AnswerReading))
@given(pieces=PIECES, split=st.integers(1, len(CLOSE)))
def test_pieces_read_as_the_whole(reading: Any, pieces: list[str], split: int) -> None:
    whole = read_answer(
        Completion(f"<answer>{''.join(pieces)}{CLOSE}"), AnswerParams(reading=reading, range=None)
    )
    state: Any = Prefix()
    for piece in [*pieces, CLOSE[:split], CLOSE[split:]]:
        if isinstance(state, Prefix) and piece:
            state = extend(state, piece, reading)
    assert not isinstance(state, Prefix)
    assert state == whole.score


@pytest.mark.parametrize(
    ("said", "value"),
    [("", None), ("-", None), ("3.", 3.0), ("3.4", 3.4), ("-3", -3.0), ("3 ", None), (" 3", 3.0)],
)
def test_the_value_of_a_beginning(said: str, value: float | None) -> None:
    state = extend(Prefix(), said, "strict")
    assert isinstance(state, Prefix)
    assert value_of(state) == value


@pytest.mark.parametrize(
    ("text", "strict", "authors"),
    [
        ("3.42", None, None),
        ("<answer>3", 8, 8),
        ("<think>a</think><answer>3</answer>", 24, 24),
        ("<answer>1</answer><answer>", 26, 26),
        ("<answer>so <answer>3</answer>", 8, 8),  # answers do not nest
        ("<think>say <answer>3</answer>", None, 19),
        ("<think>say <answer>3</answer></think>", None, 19),
    ],
)
def test_where_the_last_answer_begins(text: str, strict: int | None, authors: int | None) -> None:
    assert answer_begins(text, "strict") == strict
    assert answer_begins(text, "authors") == authors
