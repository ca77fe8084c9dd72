"""A mistyped parameter is told by its key, its value, what is allowed, and the nearest key."""

from typing import Any

import pytest

from vqathinker.params.reading import ParameterError, require_valid
from vqathinker.phases.parameters import merge, resolve


@pytest.fixture
def faults(config):
    """faults(changes) are those of params.yaml with these changes laid over it."""

    def find(changes: dict[str, Any]) -> list[str]:
        changed = merge(config, changes)
        try:
            require_valid(resolve(changed), changed)
        except ParameterError as error:
            return [line.removeprefix("params.yaml: ") for line in str(error).splitlines()]
        return []

    return find


def test_the_project_s_own_parameters_have_no_fault_at_any_scale(config, faults):
    for scale in config["scales"]:
        assert faults({"scale": scale}) == []


@pytest.mark.parametrize(
    ("changes", "key", "words"),
    [
        ({"sale": "demo"}, "sale", ['"demo"', "did you mean scale?"]),
        ({"scales": {"demo": {"training": {"group_size": 0}}}}, "scales.demo.training.group_size",
         ["0", "at least 2"]),
        ({"training": {"grup_size": 3}}, "training.grup_size", ["3", "did you mean group_size?"]),
        ({"training": {"loss_type": "gpro"}}, "training.loss_type", ['"gpro"', "grpo, dapo"]),
        ({"training": {"lora": 3}}, "training.lora", ["3", "keys and values"]),
        ({"download": {"bring": "some"}}, "download.bring", ['"some"', "open", "a list"]),
        ({"scales": {"demo": {"base": {"kind": "hubb"}}}}, "scales.demo.base.kind",
         ['"hubb"', "demo, hub, policy, original"]),
        ({"scales": {"demo": {"base": {"seed": -1}}}}, "scales.demo.base.seed",
         ["-1", "at least 0"]),
        ({"scales": {"demo": {"runs": {"grpo": {"trian": True}}}}}, "scales.demo.runs.grpo.trian",
         ["true", "did you mean train?"]),
        ({"scales": {"demo": {"runs": {"grpo": {"rewards": {"weights": {"format": -1}}}}}}},
         "scales.demo.runs.grpo.rewards.weights.format", ["-1", "at least 0"]),
        ({"scales": {"demo": {"runs": {"a b": {"train": True, "group": "main"}}}}},
         "scales.demo.runs.a b", ["not a valid name"]),
        ({"clips": {"perturbations": {"kinds": ["shufle"]}}}, "clips.perturbations.kinds.0",
         ['"shufle"', "shuffle, local_shuffle"]),
        ({"scales": {"dmo": {"training": {"beta": 1}}}}, "scales.dmo", ["did you mean demo?"]),
        ({"answer": {"range": [5, 0]}}, "answer.range", ["[5, 0]", "lowest"]),
    ],
)  # fmt: skip
def test_a_fault_is_one_line_that_names_the_key_as_it_was_written(faults, changes, key, words):
    (line,) = faults(changes)
    assert line.startswith(f"{key} ")
    for word in words:
        assert word in line


def test_every_missing_key_is_named(config, faults):
    del config["training"]["beta"]
    del config["training"]["epsilon"]
    assert {line.split()[0] for line in faults({"scale": "paper"})} == {
        "training.beta",
        "training.epsilon",
    }


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
