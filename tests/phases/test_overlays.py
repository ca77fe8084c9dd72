"""What is typed behind `--config` or lies in a file behind `--configfile`, as Snakemake has it."""

from collections.abc import Mapping
from typing import Any

import pytest

from vqathinker.errors import InputError
from vqathinker.phases.overlays import lay_over
from vqathinker.phases.parameters import merge, read_params

PARAMS = {
    "scale": "demo",
    "seed": 1,
    "training": {"epsilon": 0.2, "beta": 0.04},
    "scales": {
        "demo": {"training": {"beta": 0.4, "freeze": ["vision"]}},
        "paper": {"training": {"launch": "zero2"}},
    },
}


def laid_over(typed: Mapping[str, Any], file: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """As Snakemake calls it: files first, then what was typed."""
    laid = merge(file or {}, typed)
    return lay_over(merge(PARAMS, laid), typed, laid)


@pytest.mark.parametrize(
    ("words", "value"),
    [
        ({"epsilon": "0.1"}, 0.1),
        ({"epsilon": "1e-3"}, 1e-3),
        ({"epsilon": "true"}, True),
        ({"epsilon": "null"}, None),
        ({"epsilon": "many"}, "many"),
        ({"epsilon": "Ours: again"}, "Ours: again"),
        ({"epsilon": "[open"}, "[open"),
        ({"epsilon": "2026-11-27"}, "2026-11-27"),
        ({"epsilon": ["1", "2.5", "x"]}, [1, 2.5, "x"]),
        ({"epsilon": {"above": "3"}}, {"above": 3}),
    ],
)
def test_words_in_braces_are_read_as_in_params_yaml(words: Any, value: Any):
    assert laid_over({"training": words})["scales"]["demo"]["training"]["epsilon"] == value


def test_what_is_typed_counts_where_the_scale_has_a_value_of_its_own():
    demo = laid_over({"training": {"beta": "0.1"}})["scales"]["demo"]["training"]
    assert demo == {"beta": 0.1, "freeze": ["vision"]}


def test_it_counts_for_the_scale_that_is_typed_beside_it_alone():
    scales = laid_over({"scale": "paper", "training": {"beta": "0.1"}})["scales"]
    assert scales["paper"]["training"] == {"launch": "zero2", "beta": 0.1}
    assert scales["demo"] == PARAMS["scales"]["demo"]  # type: ignore[index]


def test_it_means_what_it_means_behind_plan(root):
    shared = read_params(root / "params.yaml")
    same = read_params(root / "params.yaml", ["training.beta=1e-2"])
    assert shared["runs"]["grpo"]["training"]["beta"] == 0.4
    assert same["runs"]["grpo"]["training"]["beta"] == 0.01


def test_an_unknown_scale_is_left_to_be_told():
    assert laid_over({"scale": "huge", "seed": 2})["scales"] == PARAMS["scales"]


def test_a_file_that_would_change_nothing_is_refused_with_what_hides_it():
    with pytest.raises(InputError) as caught:
        laid_over({}, {"training": {"epsilon": 0.1, "beta": 0.1}})
    assert str(caught.value) == (
        "--configfile: training.beta is 0.1, which changes nothing: scale demo has 0.4 of its own; "
        "expected it below scales: {demo: …}"
    )


@pytest.mark.parametrize(
    ("typed", "file"),
    [
        ({}, {"training": {"epsilon": 0.1}}),
        ({}, {"training": {"beta": 0.4}}),
        ({"scale": "paper"}, {"training": {"beta": 0.1}}),
        ({"training": {"beta": "0.3"}}, {"training": {"beta": 0.1}}),
        ({}, PARAMS),
    ],
)
def test_a_file_that_counts_or_is_whole_is_taken(typed: dict[str, Any], file: dict[str, Any]):
    assert laid_over(typed, file)["training"]["epsilon"] in {0.1, 0.2}


@pytest.mark.parametrize("value", [{"rank": 8}, 3, None])
def test_a_value_of_a_file_counts_where_the_scale_has_null(value: Any):
    params = merge(PARAMS, {"scales": {"demo": {"training": {"lora": None}}}})
    file = {"training": {"lora": value}}
    merged = lay_over(merge(params, file), {}, file)
    assert merged["scales"]["demo"]["training"]["lora"] == value
    again = merge(file, {"scales": {"demo": {"training": {"lora": None}}}})
    merged = lay_over(merge(params, again), {}, again)
    assert merged["scales"]["demo"]["training"]["lora"] is None
