"""A run's own prompt: training asks with it, rewards its format, and the policy keeps it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vqathinker.params import PromptParams, RunSettings
from vqathinker.policy.folder.checkpoint import load_policy
from vqathinker.policy.folder.export import export
from vqathinker.policy.inputs import prompt_ids
from vqathinker.training.rewards import compute_rewards
from vqathinker.training.rollouts import RolloutSampler

Settings = Callable[..., RunSettings]


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What rollouts are asked with and what rewards are told."""
    seen: dict[str, Any] = {}

    def rewards(*given: Any, **how: Any) -> Any:
        seen["thinking"] = how["thinking"]
        return compute_rewards(*given, **how)

    def sample(self: RolloutSampler, *given: Any) -> Any:
        seen["prompt"] = self.ids.tolist()
        return plain(self, *given)

    plain = RolloutSampler.sample
    monkeypatch.setattr("vqathinker.training.trainer.compute_rewards", rewards)
    monkeypatch.setattr(RolloutSampler, "sample", sample)
    return seen


@pytest.mark.parametrize("thinking", [True, False])
def test_a_run_asks_for_a_thought_or_not_and_so_is_its_policy_asked(
    tmp_path: Path, training_set: Any, settings_of: Settings, watched: dict[str, Any],
    thinking: bool,
) -> None:  # fmt: skip
    prompt = PromptParams(thinking=thinking)
    settings = settings_of(max_steps=1).model_copy(update={"prompt": prompt})
    training_set.start(settings, tmp_path)
    export("grpo", settings, tmp_path, tmp_path / "policy")
    policy = load_policy(tmp_path / "policy")
    ids = prompt_ids(policy.tokenizer, "training", 6, 4, thinking=thinking).tolist()
    assert watched == {"thinking": thinking, "prompt": ids}
    assert policy.model.config.thinking is thinking
