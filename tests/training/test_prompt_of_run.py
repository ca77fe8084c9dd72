"""The prompt of a run: in rollouts, in the format reward, and in the policy."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from vqathinker.params import LoraParams, PromptParams, RunSettings
from vqathinker.policy.folder.checkpoint import load_policy
from vqathinker.policy.folder.describe import describe
from vqathinker.policy.folder.export import export
from vqathinker.policy.inputs import prompt_ids
from vqathinker.policy.motion.filter_bank import FilterBank
from vqathinker.training.rewards import compute_rewards
from vqathinker.training.rollouts import RolloutSampler

Settings = Callable[..., RunSettings]


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The prompt of rollouts and the format of rewards."""
    recorded: dict[str, Any] = {}

    def rewards(*args: Any, **how: Any) -> Any:
        recorded["thinking"] = how["thinking"]
        return compute_rewards(*args, **how)

    def sample(self: RolloutSampler, *args: Any) -> Any:
        recorded["prompt"] = self.prompt_ids.tolist()
        return plain(self, *args)

    plain = RolloutSampler.sample
    monkeypatch.setattr("vqathinker.training.trainer.compute_rewards", rewards)
    monkeypatch.setattr(RolloutSampler, "sample", sample)
    return recorded


@pytest.mark.parametrize("thinking", [True, False])
def test_run_and_its_policy_use_the_same_prompt(
    tmp_path: Path, training_set: Any, settings_of: Settings, watched: dict[str, Any],
    thinking: bool,
) -> None:  # fmt: skip
    prompt = PromptParams(thinking=thinking, motion=True)
    settings = settings_of(max_steps=1).model_copy(update={"prompt": prompt})
    training_set.start(settings, tmp_path)
    export("grpo", settings, tmp_path, tmp_path / "policy")
    policy = load_policy(tmp_path / "policy")
    ids = prompt_ids(policy.tokenizer, "training", 6, 4, thinking=thinking).tolist()
    assert watched == {"thinking": thinking, "prompt": ids}
    assert policy.model.config.thinking is thinking


def test_without_motion_token_the_branch_is_not_used(
    tmp_path: Path, training_set: Any, settings_of: Settings, watched: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def refuse(*_: Any) -> Any:
        raise AssertionError("a motion feature was computed")

    for method in ("encode_frames", "pool_frames", "forward"):
        monkeypatch.setattr(FilterBank, method, refuse)
    prompt = PromptParams(thinking=True, motion=False)
    lora = LoraParams(rank=2, alpha=4, parts=["language"])
    settings = settings_of(max_steps=1, lora=lora).model_copy(update={"prompt": prompt})
    training_set.start(settings, tmp_path)
    export("grpo", settings, tmp_path, tmp_path / "policy")
    policy = load_policy(tmp_path / "policy")
    ids = prompt_ids(policy.tokenizer, "training", 6, 4, motion=False)
    assert watched["prompt"] == ids.tolist()
    before, after = load_policy(training_set.folder / "base").model.model, policy.model.model
    for old, new in zip(
        before.motion_projector.parameters(), after.motion_projector.parameters(), strict=True
    ):
        assert torch.equal(old, new)
    facts = describe(tmp_path / "policy")
    assert facts["prompt"] == {"thinking": True, "motion": False}
    assert not facts["parts"]["motion_projector"]["trained"]
    assert "without a motion token" in (tmp_path / "policy/README.md").read_text("utf-8")


def test_adapters_of_an_unused_projector_are_an_error(settings_of: Settings) -> None:
    lora = LoraParams(rank=2, alpha=4, parts=["language", "motion_projector"])
    content = settings_of(lora=lora).model_dump() | {"prompt": {"thinking": True, "motion": False}}
    with pytest.raises(ValueError, match=r"training\.lora\.parts"):
        RunSettings.model_validate(content)
