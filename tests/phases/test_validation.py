"""A mistyped parameter is told by its key, its value, what is allowed, and the nearest key."""

from typing import Any

import pytest
import yaml

from vqathinker.phases.parameters import merge, resolve
from vqathinker.phases.validation import faults_of


@pytest.fixture(scope="module")
def schema(root) -> dict[str, Any]:
    path = root / "workflow" / "schemas" / "params.schema.yaml"
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.fixture
def faults(config, schema):
    """faults(changes) are those of params.yaml with these changes laid over it."""

    def find(changes: dict[str, Any]) -> list[str]:
        changed = merge(config, changes)
        return faults_of(resolve(changed), changed, schema, "params.yaml")

    return find


def test_the_project_s_own_parameters_have_no_fault_at_any_scale(config, faults):
    for scale in config["scales"]:
        assert faults({"scale": scale}) == []


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"sale": "demo"}, 'sale is "demo", but there is no such parameter; did you mean scale?'),
        (
            {"scales": {"demo": {"training": {"group_size": 0}}}},
            (
                "scales.demo.training.group_size is 0, expected a whole number of at least 2 "
                "(G: rollouts of one video)"
            ),
        ),
        (
            {"training": {"grup_size": 3}},
            "training.grup_size is 3, but there is no such parameter; did you mean group_size?",
        ),
        (
            {"training": {"loss_type": "gpro"}},
            (
                'training.loss_type is "gpro", expected one of grpo, dapo, dr_grpo, bnpo '
                "(TRL's loss_type)"
            ),
        ),
        ({"training": {"lora": 3}}, "training.lora is 3, expected keys and values or null"),
        (
            {"scales": {"demo": {"base": {"kind": "hubb"}}}},
            'scales.demo.base.kind is "hubb", expected one of demo, hub, policy, original',
        ),
        (
            {"scales": {"demo": {"base": {"seed": -1}}}},
            "scales.demo.base.seed is -1, expected a whole number of at least 0",
        ),
        (
            {"scales": {"demo": {"runs": {"grpo": {"trian": True}}}}},
            (
                "scales.demo.runs.grpo.trian is true, but there is no such parameter; "
                "did you mean train?"
            ),
        ),
        (
            {"scales": {"demo": {"runs": {"grpo": {"rewards": {"weights": {"format": -1}}}}}}},
            "scales.demo.runs.grpo.rewards.weights.format is -1, expected a number of at least 0",
        ),
        (
            {"clips": {"perturbations": {"kinds": ["shufle"]}}},
            (
                'clips.perturbations.kinds.0 is "shufle", expected one of shuffle, local_shuffle, '
                "reverse, jitter, duplicate, random_drop"
            ),
        ),
        (
            {"scales": {"dmo": {"training": {"beta": 1}}}},
            "scales.dmo has no data and runs, so it is no scale; did you mean demo?",
        ),
    ],
    ids=lambda value: "" if isinstance(value, dict) else value.split(" ")[0],
)
def test_a_fault_is_one_line_that_names_the_key_as_it_was_written(faults, changes, told):
    assert faults(changes) == [f"params.yaml: {told}"]


def test_every_missing_key_is_named(config, schema):
    del config["training"]["beta"]
    del config["training"]["epsilon"]
    config["scale"] = "paper"
    assert faults_of(resolve(config), config, schema, "params.yaml") == [
        "params.yaml: training.beta is missing, expected a number of at least 0",
        "params.yaml: training.epsilon is missing, expected a number above 0",
    ]


def test_all_faults_are_told_at_once(faults):
    changes = {"sale": 1, "report": {"title": None}, "metrics": {"allow_incomplete": "yes"}}
    assert len(faults(changes)) == 3


@pytest.mark.parametrize("runs", [None, 3, {"grpo": 3}])
def test_runs_that_are_no_rows_are_refused_before_anything_else(config, runs):
    config["scales"]["demo"]["runs"] = runs
    with pytest.raises(ValueError, match=r"runs of scale demo is .*, expected rows such as"):
        resolve(config)


def test_a_mistyped_scale_is_answered_with_the_nearest(config):
    with pytest.raises(ValueError, match=r"scale is 'dmo', .*; did you mean demo\?"):
        resolve(config | {"scale": "dmo"})
