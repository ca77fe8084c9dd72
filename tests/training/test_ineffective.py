"""Changed parameters that do nothing are named, and no others."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vqathinker.params import RunSettings
from vqathinker.phases.parameters import merge
from vqathinker.training.ineffective import DEFAULTS, ineffective_parameters

Changes = dict[str, Any]


def nested(changes: Changes) -> Changes:
    """{"a.b": 1} as {"a": {"b": 1}}."""
    whole: Changes = {}
    for name, value in changes.items():
        section: Any = value
        for key in reversed(name.split(".")):
            section = {key: section}
        whole = merge(whole, section)
    return whole


@pytest.fixture
def paper(config: Changes) -> Callable[[Changes], RunSettings]:
    """The settings of the shared sections, with some parameters changed."""

    def make(changes: Changes) -> RunSettings:
        row = merge(config | {"kernels": "native", "device": "cpu"}, nested(changes))
        return RunSettings.model_validate({key: row[key] for key in RunSettings.model_fields})

    return make


def test_defaults_are_those_of_the_shared_sections(config: Changes) -> None:
    for name, default in DEFAULTS.items():
        value: Any = config
        for key in name.split("."):
            value = value[key]
        assert value == default, name


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({}, set()),
        ({"training.epsilon": 0.1}, {"training.epsilon"}),
        ({"training.epsilon": 0.1, "training.iterations": 2}, set()),
        ({"training.loss_type": "dapo"}, {"training.loss_type"}),
        ({"training.loss_type": "dapo", "training.iterations": 2}, set()),
        ({"training.kl_estimator": "unbiased"}, set()),
        ({"training.kl_estimator": "unbiased", "training.beta": 0.0}, {"training.kl_estimator"}),
        ({"training.epochs": 4}, set()),
        ({"training.epochs": 4, "training.max_steps": 9}, {"training.epochs"}),
        ({"training.warmup_steps": 4}, set()),
        (
            {"training.warmup_steps": 4, "training.schedule": "constant"},
            {"training.warmup_steps"},
        ),
        (
            {"training.method": "sft", "training.beta": 0.1, "training.group_size": 8,
             "training.learning_rate": 1e-4, "rewards.regression.sigma": 0.1,
             "rewards.weights.format": 0.5},
            {"training.beta", "training.group_size", "rewards.regression.sigma",
             "rewards.weights.format"},
        ),
        (
            {"rewards.weights.temporal": 0.0, "rewards.temporal.copies": 1},
            {"rewards.temporal.copies"},
        ),
        ({"rewards.temporal.copies": 1}, set()),
        (
            {"rewards.weights.ranking": 0.0, "rewards.ranking.epsilon": 1e-3,
             "rewards.ranking.scope": "global"},
            {"rewards.ranking.epsilon"},  # the scope is that of the temporal means, too
        ),
        (
            {"rewards.weights.ranking": 0.0, "rewards.weights.temporal": 0.0,
             "rewards.ranking.scope": "global"},
            {"rewards.ranking.scope"},
        ),
        (
            {"rewards.weights.regression": 0.0, "rewards.regression.sigma": 0.1},
            {"rewards.regression.sigma"},
        ),
        (  # regression decides whether ranking gets its bonus
            {"rewards.weights.regression": 0.0, "rewards.regression.sigma": 0.1,
             "rewards.temporal.rule": "batch_ranking_only",
             "rewards.temporal.regression_above": 0.8},
            {"rewards.temporal.regression_above"},
        ),
    ],
)  # fmt: skip
def test_what_has_no_effect_is_named(
    paper: Callable[[Changes], RunSettings], changes: Changes, named: set[str]
) -> None:
    assert set(ineffective_parameters(paper(changes))) == named


def test_a_run_says_so_when_it_starts(
    tmp_path: Path, training_set: Any, settings_of: Callable[..., RunSettings],
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    training_set.start(settings_of(max_steps=1, epsilon=0.1), tmp_path)
    (warned,) = [
        record.getMessage()
        for record in caplog.records
        if record.levelname == "WARNING" and record.name.startswith("vqathinker")
    ]
    assert "training.epsilon" in warned
    assert "training.beta" not in warned


def test_an_added_reward_may_read_any_parameter_of_rewards(
    paper: Callable[[Changes], RunSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = paper({"rewards.weights.ranking": 0.0, "rewards.ranking.scope": "global"})
    monkeypatch.setattr("vqathinker.training.ineffective._OF_THE_PAPER", {"ranking"})
    assert "rewards.ranking.scope" not in ineffective_parameters(settings)
