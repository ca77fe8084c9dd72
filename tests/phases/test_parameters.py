"""Parameters of a scale, out of params.yaml."""

import pytest

from vqathinker.phases.parameters import merge, resolve


def test_merging_replaces_lists_and_null_but_goes_into_mappings():
    below = {"a": {"x": 1, "y": [1, 2]}, "lora": None}
    above = {"a": {"y": [3]}, "lora": {"rank": 4}}
    assert merge(below, above) == {"a": {"x": 1, "y": [3]}, "lora": {"rank": 4}}
    assert below == {"a": {"x": 1, "y": [1, 2]}, "lora": None}


MINE = {"name": "mine", "kind": "policy", "repo": "models/x/policy", "revision": "main"}


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
