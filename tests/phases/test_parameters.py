"""Parameters of a scale and of a phase, out of params.yaml."""

import pytest

from vqathinker.phases.parameters import merge, phase_names, phase_params, resolve


def test_merging_replaces_lists_and_null_but_goes_into_mappings():
    below = {"a": {"x": 1, "y": [1, 2]}, "lora": None}
    above = {"a": {"y": [3]}, "lora": {"rank": 4}}
    assert merge(below, above) == {"a": {"x": 1, "y": [3]}, "lora": {"rank": 4}}
    assert below == {"a": {"x": 1, "y": [1, 2]}, "lora": None}


def test_there_is_one_training_phase_for_each_trained_run(config):
    names = phase_names(resolve(config))
    assert "training-grpo" in names
    assert "training-base" not in names


MINE = {"name": "mine", "kind": "policy", "repo": "models/x/policy", "revision": "main"}


def test_there_is_one_phase_for_each_base_policy_and_none_knows_of_another(config):
    runs = config["scales"]["demo"]["runs"]
    runs["mine"] = {"train": True, "group": "main", "base": MINE}
    runs["same"] = {"train": False, "group": "main", "base": MINE}
    params = resolve(config)
    assert [n for n in phase_names(params) if n.startswith("base-")] == ["base-demo", "base-mine"]
    assert phase_params(params, "base-mine")["base"] == MINE
    assert phase_params(params, "base-demo")["base"]["kind"] == "demo"
    trained = phase_params(params, "training-mine")["runs"]["mine"]
    assert trained["base"] == {"name": "mine"}


def test_two_base_policies_of_one_name_are_refused(config):
    runs = config["scales"]["demo"]["runs"]
    runs["mine"] = {"train": False, "group": "main", "base": MINE | {"name": "demo"}}
    with pytest.raises(ValueError, match=r"runs\.mine\.base\.name is 'demo', as is base\.name"):
        resolve(config)


def test_a_run_that_is_not_trained_has_no_prompt_of_its_own(config):
    config["scales"]["demo"]["runs"]["base"]["prompt"] = {"thinking": False}
    with pytest.raises(
        ValueError, match=r"runs\.base has train: false and a prompt, .*take it out"
    ):
        resolve(config)


def test_an_unknown_phase_is_answered_with_those_that_exist(config):
    with pytest.raises(ValueError, match=r"phase is 'trainng', expected one of data, clips"):
        phase_params(resolve(config), "trainng")
