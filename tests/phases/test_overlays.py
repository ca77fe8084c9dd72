"""Parameters of `--config` and `--configfile`, in the form in which Snakemake passes them."""

import copy
from typing import Any

import pytest

from vqathinker.errors import InputError
from vqathinker.phases.overlays import coerce, lay_over, read_files
from vqathinker.phases.trees import at, merge

PARAMS = {
    "scale": "demo",
    "seed": 1,
    "training": {"epsilon": 0.2, "beta": 0.04},
    "scales": {
        "demo": {"training": {"beta": 0.4, "lora": None}},
        "paper": {"training": {"launch": "zero2"}},
    },
}


def of_scale(files: dict[str, Any], config: dict[str, Any], scale: str = "demo") -> Any:
    before = copy.deepcopy(PARAMS)
    merged = lay_over(PARAMS, files, config)
    assert before == PARAMS
    return merge(merged["training"], merged["scales"][scale]["training"])


def test_a_value_of_config_counts_for_the_scale():
    config = {"scale": "paper", "training": {"beta": 0.1}}
    assert of_scale({}, config, "paper")["beta"] == 0.1
    assert lay_over(PARAMS, {}, config)["scales"]["demo"] == at(PARAMS, ["scales", "demo"])


def test_a_value_of_a_file_that_the_scale_hides_is_refused():
    with pytest.raises(InputError, match=r"training\.beta is 0\.1.*demo.* 0\.4"):
        of_scale({"training": {"epsilon": 0.1, "beta": 0.1}}, {})


@pytest.mark.parametrize(
    ("files", "config", "beta"),
    [
        ({"training": {"beta": 0.4, "lora": {"rank": 8}}}, {}, 0.4),
        ({"training": {"beta": 0.1}}, {"training": {"beta": 0.3}}, 0.3),
        ({"training": {"beta": 0.1}, "scales": {"demo": {"training": {"beta": 0.2}}}}, {}, 0.2),
        (PARAMS, {}, 0.4),
    ],
)
def test_a_value_of_a_file_that_counts_is_accepted(files, config, beta):
    assert of_scale(files, config)["beta"] == beta


SCHEMA = {
    "$defs": {
        "T": {
            "properties": {
                "rate": {"type": "number"},
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
    ("config", "value"),
    [
        ({"title": "010"}, {"title": "010"}),
        ({"mirror": "null"}, {"mirror": None}),
        ({"training": {"rate": "2e-6"}}, {"training": {"rate": 2e-6}}),
        ({"training": {"freeze": ["010", "x"]}}, {"training": {"freeze": ["010", "x"]}}),
        ({"runs": {"a": {"training": {"rate": "1"}}}}, {"runs": {"a": {"training": {"rate": 1}}}}),
        ({"scales": {"a": {"title": "1"}}}, {"scales": {"a": {"title": "1"}}}),
        ({"unknown": "2e-6", "number": 3}, {"unknown": 2e-6, "number": 3}),
        ({"unknown": ["1", "[open"]}, {"unknown": [1, "[open"]}),
    ],
)
def test_text_gets_the_type_that_its_key_expects(config: Any, value: Any) -> None:
    assert coerce(config, SCHEMA) == value


def test_files_are_laid_over_each_other(tmp_path) -> None:
    (tmp_path / "a.yaml").write_text("training: {beta: 1e-2, epsilon: 0.1}", encoding="utf-8")
    (tmp_path / "b.json").write_text('{"training":\t{"beta": 2e-2}}', encoding="utf-8")
    merged = read_files([tmp_path / "a.yaml", tmp_path / "b.json"])
    assert merged == {"training": {"beta": 0.02, "epsilon": 0.1}}
