"""Every place that reads YAML has the types of YAML 1.2, and reads back what the project writes."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from vqathinker.errors import InputError
from vqathinker.phases.coercion import coerce
from vqathinker.phases.overlays import read_files
from vqathinker.phases.parameters import read_params
from vqathinker.phases.yaml12 import dump_yaml, parse_yaml, read_scalar, read_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2e-6", 2e-6),
        ("2e-06", 2e-6),
        ("1.0e-6", 1e-6),
        ("1E5", 1e5),
        (".5", 0.5),
        ("-.inf", -float("inf")),
        ("010", 10),
        ("0o10", 8),
        ("0x1F", 31),
        ("+1", 1),
        ("true", True),
        ("null", None),
        ("~", None),
        ("", None),
        ("1:30", "1:30"),
        ("on", "on"),
        ("yes", "yes"),
        ("No", "No"),
        ("1_000", "1_000"),
        ("0b1", "0b1"),
        ("2026-11-27", "2026-11-27"),
        ("2026-11-27T10:00:00", "2026-11-27T10:00:00"),
        ("=", "="),
        ("'010'", "010"),
    ],
)
def test_scalars_are_those_of_the_core_schema(text: str, value: Any) -> None:
    for read in (parse_yaml(text), parse_yaml(f"[{text}]")[0] if text else None):
        assert read == value
        assert type(read) is type(value)
    if not text.startswith("'"):
        assert read_scalar(text) == value


def test_a_row_may_lay_others_over_its_own() -> None:
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
def test_a_key_that_stands_twice_is_refused_where_it_stands(
    tmp_path: Path, text: str, line: int
) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=rf"params\.yaml, line {line}: .*stands twice"):
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
def test_what_is_written_is_read_back_by_readers_of_either_version(tree: dict[str, Any]) -> None:
    text = dump_yaml(tree)
    for read in (parse_yaml(text), yaml.safe_load(text)):
        assert read == tree
        assert repr(read) == repr(tree)  # 1 is no 1.0, and no True


SCHEMA = {
    "$defs": {
        "T": {
            "properties": {
                "rate": {"type": "number"},
                "steps": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
                "freeze": {"items": {"type": "string"}},
            }
        }
    },
    "properties": {
        "title": {"type": "string"},
        "mirror": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "training": {"$ref": "#/$defs/T"},
        "runs": {
            "patternProperties": {"^[a-z]": {"properties": {"training": {"$ref": "#/$defs/T"}}}}
        },
    },
}


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ({"title": "010"}, {"title": "010"}),
        ({"title": "null"}, {"title": "null"}),
        ({"mirror": "null"}, {"mirror": None}),
        ({"mirror": "010"}, {"mirror": "010"}),
        ({"training": {"rate": "2e-6"}}, {"training": {"rate": 2e-6}}),
        ({"training": {"rate": "on"}}, {"training": {"rate": "on"}}),
        ({"training": {"steps": "010"}}, {"training": {"steps": 10}}),
        ({"training": {"freeze": ["010", "x"]}}, {"training": {"freeze": ["010", "x"]}}),
        (
            {"runs": {"a": {"training": {"rate": "1e-3"}}}},
            {"runs": {"a": {"training": {"rate": 1e-3}}}},
        ),
        ({"scales": {"demo": {"title": "1"}}}, {"scales": {"demo": {"title": "1"}}}),
        ({"unknown": "2e-6", "number": 3}, {"unknown": 2e-6, "number": 3}),
    ],
)
def test_what_is_typed_has_the_type_that_its_key_wants(typed: Any, value: Any) -> None:
    assert coerce(typed, SCHEMA) == value


@pytest.mark.parametrize("small", ["2e-6", "2e-06", "0.000002", "2.0e-6"])
def test_small_numbers_are_numbers_wherever_parameters_are_read(
    root: Path, tmp_path: Path, small: str
) -> None:
    changed = tmp_path / "params.yaml"
    text, n = re.subn(
        r"(?m)^  learning_rate: 1\.0e-6$",
        f"  learning_rate: {small}",
        (root / "params.yaml").read_text(encoding="utf-8"),
    )
    assert n == 1
    changed.write_text(text, encoding="utf-8")
    assert read_params(changed, ["scale=paper"])["training"]["learning_rate"] == 2e-6
    changes = (f"training.learning_rate={small}", f"training={{learning_rate: {small}}}")
    for change in changes:
        read = read_params(root / "params.yaml", [change])
        assert read["training"]["learning_rate"] == 2e-6


def test_files_of_parameters_lie_over_each_other(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("training: {beta: 1e-2, epsilon: 0.1}", encoding="utf-8")
    (tmp_path / "b.json").write_text('{"training":\t{"beta": 2e-2}}', encoding="utf-8")
    merged = read_files([tmp_path / "a.yaml", tmp_path / "b.json"])
    assert merged == {"training": {"beta": 0.02, "epsilon": 0.1}}


def test_no_other_module_reads_or_writes_yaml(root: Path) -> None:
    folders = (root / "src", root / "workflow")
    files = [
        file
        for folder in folders
        for file in folder.rglob("*")
        if file.suffix in {".py", ".smk", ""} and file.is_file()
    ]
    found = {file.name for file in files if re.search(r"yaml\.\w*(load|dump)", file.read_text())}
    assert found == {"yaml12.py"}
