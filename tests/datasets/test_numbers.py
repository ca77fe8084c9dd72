"""Numbers are what people and programs write as numbers, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqathinker.datasets.numbers import has_thousands_marks, parse_number


@pytest.mark.parametrize(
    ("text", "number"),
    [("3", 3), ("3.1", 3.1), ("-0.5", -0.5), ("+2", 2), (".5", 0.5), ("3.", 3), ("1e-05", 1e-5),
     ("6.1E+1", 61)],
)  # fmt: skip
def test_it_is_read(text: str, number: float) -> None:
    assert parse_number(text) == parse_number(text, decimal_comma=True) == number


@pytest.mark.parametrize(
    "text",
    ["", "3_5", "nan", "NaN", "inf", "-inf", "Infinity", "0x10", "1,5", "1 000", "3.1%", "3.1.2",
     "٣", "３", "−1", "1e", "e5", ".", "--1", "True", "None", "4/5", " 3", "3\n"],
)  # fmt: skip
def test_it_is_none(text: str) -> None:
    assert parse_number(text) is None


@pytest.mark.parametrize(
    ("text", "number"),
    [("3,1", 3.1), (",5", 0.5), ("-0,5", -0.5), ("3.1", 3.1), ("1.000,5", None), ("1,000.5", None),
     ("1,2,3", None), ("3,", None)],
)  # fmt: skip
def test_a_comma_is_a_point_where_it_may_be(text: str, number: float | None) -> None:
    assert parse_number(text, decimal_comma=True) == number


@pytest.mark.parametrize(
    ("text", "grouped"),
    [("1.234,5", True), ("1,234.5", True), ("1.234.567", True), ("1 234,5", True), ("1'234", True),
     ("1\u202f234,5", True), ("1.234", True), ("1234,5", False), ("1.23", False), ("3,1", False),
     ("12.3456", False), ("1.234.5", False), ("1.234,567,8", False), ("a 234", False), ("", False)],
)  # fmt: skip
def test_marks_of_thousands_are_told(text: str, grouped: bool) -> None:
    assert has_thousands_marks(text) is grouped


@given(st.floats(allow_nan=False, allow_infinity=False), st.booleans())
def test_what_python_writes_comes_back(number: float, comma: bool) -> None:
    text = repr(number).replace(".", ",") if comma else repr(number)
    assert parse_number(text, decimal_comma=comma) == number
