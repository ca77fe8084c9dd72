"""YAML is read with the types of YAML 1.2 and written so that both versions read it equally."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from vqathinker.errors import InputError
from vqathinker.phases.yaml12 import dump_yaml, parse_yaml, read_scalar, read_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2e-6", 2e-6),
        ("-.inf", -float("inf")),
        ("010", 10),
        ("0o10", 8),
        ("0x1F", 31),
        ("+1", 1),
        ("true", True),
        ("null", None),
        ("", None),
        ("1:30", "1:30"),
        ("on", "on"),
        ("1_000", "1_000"),
        ("0b1", "0b1"),
        ("2026-11-27", "2026-11-27"),
        ("'010'", "010"),
    ],
)
def test_scalars_are_those_of_the_core_schema(text: str, value: Any) -> None:
    for read in (parse_yaml(text), parse_yaml(f"[{text}]")[0] if text else None):
        assert read == value
        assert type(read) is type(value)
    if not text.startswith("'"):
        assert read_scalar(text) == value


def test_merge_keys_merge_rows() -> None:
    text = "a: &a {x: 1, y: 2}\nb: &b\n  <<: *a\n  y: 3\nc:\n  <<: [*b, {z: 4}]\n  x: 5\n"
    assert parse_yaml(text)["c"] == {"x": 5, "y": 3, "z": 4}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: 1\na: 2\n", 2),
        ("a:\n  b: 1\n  b: 1\n", 3),
        ("a: &a {b: 1}\nc:\n  <<: *a\n  d: 1\n  d: 2", 5),
    ],
)
def test_duplicate_key_is_refused_with_its_line(tmp_path: Path, text: str, line: int) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=rf"params\.yaml, line {line}: "):
        read_yaml(path, "parameters", "look at it")


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(),
    st.from_regex(r"[-+]?[0-9_.:xoeE+-]{1,6}", fullmatch=True),
    st.sampled_from(["on", "yes", "~", "null", "<<", "=", "2e-6", "1e5", "0o10", "2026-11-27"]),
)


@given(st.dictionaries(st.text(), st.lists(SCALARS)))
def test_readers_of_both_versions_read_the_same_values(tree: dict[str, Any]) -> None:
    text = dump_yaml(tree)
    for read in (parse_yaml(text), yaml.safe_load(text)):
        assert read == tree
        assert repr(read) == repr(tree)  # 1 differs from 1.0 and True
