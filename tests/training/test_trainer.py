"""Input of TRL: log-probabilities of sampling, and rewards of each rollout."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pytest
import torch
from tests.training.conftest import RolloutCall, Settings, by_whole_forwards
from torch import Tensor

from vqathinker.policy.answer import Completion
from vqathinker.policy.folder.checkpoint import Policy, load_policy
from vqathinker.training.rewards import RewardTable, compute_rewards
from vqathinker.training.trainer import VQAThinkerTrainer


class Scored(NamedTuple):
    """One computation of log-probabilities."""

    step: int
    videos: list[str]
    input_ids: Tensor
    mask: Tensor
    completion_tokens: int
    log_probs: Tensor
    entropy: Tensor | None


@pytest.fixture
def scored(monkeypatch: pytest.MonkeyPatch) -> list[Scored]:
    calls: list[Scored] = []
    score = VQAThinkerTrainer._get_per_token_logps_and_entropies

    def watched(
        self: Any, model: Any, input_ids: Tensor, mask: Tensor, keep: int, *args: Any, **kwargs: Any
    ) -> Any:
        result = score(self, model, input_ids, mask, keep, *args, **kwargs)
        videos = [self._videos[clip] for clip in self._clips.tolist()]
        values = (result[0].detach(), result[1])
        calls.append(Scored(self.state.global_step, videos, input_ids, mask, keep, *values))
        return result

    monkeypatch.setattr(VQAThinkerTrainer, "_get_per_token_logps_and_entropies", watched)
    return calls


@pytest.fixture
def rewarded(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Arguments and result of all calls of `compute_rewards`."""
    calls: list[dict[str, Any]] = []

    def watched(
        completions: Any, mos: Any, perturbed: Any, params: Any, answer: Any, **rest: Any
    ) -> RewardTable:
        table = compute_rewards(completions, mos, perturbed, params, answer, **rest)
        call = {"completions": completions, "mos": mos, "perturbed": perturbed}
        calls.append(call | {"table": table})
        return table

    monkeypatch.setattr("vqathinker.training.trainer.compute_rewards", watched)
    return calls


def texts_of(groups: Sequence[Sequence[Completion]]) -> list[list[str]]:
    return [[completion.text for completion in group] for group in groups]


@pytest.fixture(scope="module")
def base(training_set: Any) -> Policy:
    return load_policy(training_set.folder / "base")


@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_log_probs_are_those_of_sampling(
    tmp_path: Path, training_set: Any, settings_of: Settings, base: Policy, scored: list[Scored],
    temperature: float,
) -> None:  # fmt: skip
    training_set.start(settings_of(seed=1, max_steps=1, temperature=temperature), tmp_path)
    assert len(scored) >= 2  # of the policy and of its reference
    for call in scored:
        assert len(set(call.videos)) == 2
        with torch.no_grad():
            expected = by_whole_forwards(
                base.model, training_set.clips, call.videos, call.input_ids,
                call.completion_tokens, temperature,
            )  # fmt: skip
        completions = call.input_ids[:, -call.completion_tokens :]
        chosen = expected.gather(-1, completions[..., None])[..., 0]
        is_token = call.mask[:, -call.completion_tokens :].bool()
        assert bool((~is_token).any())  # some rollouts end early, and are padded
        torch.testing.assert_close(call.log_probs[is_token], chosen[is_token], atol=2e-5, rtol=0)
        if call.entropy is not None:
            entropy = -(expected.exp() * expected).sum(-1)
            torch.testing.assert_close(call.entropy[is_token], entropy[is_token], atol=2e-5, rtol=0)


def test_rewards_compare_rollouts_with_their_own_mos(
    tmp_path: Path, training_set: Any, settings_of: Settings, base: Policy,
    rollout_calls: list[RolloutCall], rewarded: list[dict[str, Any]],
) -> None:  # fmt: skip
    training_set.start(settings_of(), tmp_path)
    assert len(rewarded) == len(rollout_calls) == 3
    videos_seen = set()
    for call, (_, videos, done) in zip(rewarded, rollout_calls, strict=True):
        raw, perturbed = (
            base.tokenizer.batch_decode(ids, skip_special_tokens=True)
            for ids in (done.raw, done.perturbed)
        )
        assert texts_of(call["completions"]) == [raw[:4], raw[4:]]
        assert texts_of(call["perturbed"]) == [perturbed[:2], perturbed[2:]]
        assert list(call["mos"]) == [training_set.mos[video] for video in videos]
        videos_seen.update(videos)
    assert videos_seen == set(training_set.mos)  # three steps of two videos use every clip once


def test_ranking_compares_within_a_device_batch(
    tmp_path: Path, training_set: Any, settings_of: Settings, rewarded: list[dict[str, Any]]
) -> None:
    """TRL samples all device batches of an optimiser step at once."""
    settings = settings_of(gradient_accumulation=2, max_steps=1)
    training_set.start(settings, tmp_path)
    (call,) = rewarded
    assert len(call["mos"]) == 4
    for batch in (slice(0, 2), slice(2, 4)):
        parts = (call[name][batch] for name in ("completions", "mos", "perturbed"))
        alone = compute_rewards(*parts, settings.rewards, settings.answer)
        ranked = call["table"].rewards["ranking"][batch]
        assert ranked.tolist() == alone.rewards["ranking"].tolist()
        assert call["table"].total[batch].tolist() == alone.total.tolist()


def test_truncated_completions_are_counted(
    tmp_path: Path, training_set: Any, settings_of: Settings, rollout_calls: list[RolloutCall],
    rewarded: list[dict[str, Any]], base: Policy,
) -> None:  # fmt: skip
    strict = {"parsing": "strict", "range": [0, 5]}
    training_set.start(settings_of(seed=1, answer=strict, max_steps=2), tmp_path)
    history = pd.read_csv(tmp_path / "history.csv")
    end = base.tokenizer.eos_token_id
    for (_, _, done), call, row in zip(
        rollout_calls, rewarded, history.to_dict("records"), strict=True
    ):
        finished = [ids[-1] == end for ids in done.raw]
        parsed = [completion.finished for group in call["completions"] for completion in group]
        assert parsed == finished
        assert 0 < sum(finished) < len(finished)
        assert row["truncated"] == pytest.approx(1 - sum(finished) / len(finished), abs=1e-5)
        assert row["failures/truncated"] == row["truncated"]  # none of them has an answer
