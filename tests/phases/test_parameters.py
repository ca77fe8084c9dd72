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


def test_an_unknown_phase_is_answered_with_those_that_exist(config):
    with pytest.raises(ValueError, match=r"phase is 'trainng', expected one of data, clips"):
        phase_params(resolve(config), "trainng")
