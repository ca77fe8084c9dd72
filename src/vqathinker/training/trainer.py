"""GRPO on clips: TRL's GRPOTrainer with our rollouts, our rewards and prompts shared by groups.

Source: docs/method.md, sections 3 and 5. TRL keeps the loss, the advantages, the optimiser, the
checkpoints and the logging. What is overridden are the private methods below, so trl is pinned:
rollouts come through the public `rollout_func`, every reward of a batch is computed at once, and
log-probabilities run each distinct prompt once (see `policy.model`).
"""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from torch import Tensor
from transformers import PreTrainedTokenizerBase
from transformers.trainer_utils import rotate_checkpoints
from trl import GRPOConfig, GRPOTrainer

from vqathinker.params import AnswerParams, RewardsParams
from vqathinker.policy.answer import FAILURES, Completion
from vqathinker.policy.model import VQAThinkerForConditionalGeneration
from vqathinker.training.checkpoints import UNFINISHED, finish_checkpoint
from vqathinker.training.rewards import RewardTable, compute_rewards
from vqathinker.training.rollouts import RolloutSampler

__all__ = ["COMPONENTS", "VQAThinkerTrainer"]

COMPONENTS = ("regression", "ranking", "format", "temporal")


class VQAThinkerTrainer(GRPOTrainer):
    """Trains a policy on rows of `prompt` (the video's id), `mos` and `clip` (its number).

    Args:
        reference: the frozen policy that the KL divergence is measured from; None with beta 0.
        provenance: what a checkpoint, which is a policy folder too, records of its origin.
        seed: of the rollouts; step s draws from a generator of (seed, s), so a resumed run goes on
            as an uninterrupted one.
    """

    def __init__(  # noqa: PLR0913  it takes what GRPOTrainer takes, and more
        self, *, policy: VQAThinkerForConditionalGeneration,
        reference: VQAThinkerForConditionalGeneration | None, tokenizer: PreTrainedTokenizerBase,
        rows: Dataset, config: GRPOConfig, sampler: RolloutSampler, rewards: RewardsParams,
        answer: AnswerParams, beta: float, seed: int, provenance: dict[str, Any],
    ) -> None:  # fmt: skip
        self._sampler, self._rewards, self._seed = sampler, rewards, seed
        self._answer, self._provenance = answer, provenance
        self._videos: list[str] = list(rows["prompt"])
        self._clip: Tensor | None = None
        self._table: RewardTable | None = None
        super().__init__(
            model=policy, args=config,
            reward_funcs=[_reward_function(self, name) for name in COMPONENTS],
            train_dataset=rows, processing_class=tokenizer, rollout_func=self._rollouts,
        )  # fmt: skip
        # TRL would load the reference by the name of its class; ours is not among transformers'.
        self.beta = beta
        if reference is not None:
            self.ref_model = self.accelerator.prepare_model(reference, evaluation_mode=True)

    # --- rollouts and rewards ---------------------------------------------------------------------

    def _rollouts(self, prompts: list[str], _: GRPOTrainer) -> dict[str, Any]:
        """TRL's `rollout_func`: prompts are video ids, each `group` times in a row."""
        videos = prompts[:: self._sampler.group]
        policy = self.accelerator.unwrap_model(self.model)
        generator = torch.Generator(device=policy.device)
        generator.manual_seed((self._seed * 1_000_003 + self.state.global_step) * 64 + self._rank)
        done = self._sampler.sample(policy, videos, self.state.global_step, generator)
        groups: list[Sequence[Completion]] = [[]] * len(videos)
        if done.perturbed:
            groups = _grouped(self._completions(done.perturbed), self._sampler.copies)
        return {
            "prompt_ids": [self._sampler.ids.tolist()] * len(prompts),
            "completion_ids": done.raw,
            "logprobs": None,
            "said": self._completions(done.raw),
            "perturbed": [group for group in groups for _ in range(self._sampler.group)],
        }

    def _completions(self, ids: list[list[int]]) -> list[Completion]:
        texts = self.processing_class.batch_decode(ids, skip_special_tokens=True)
        ends = [bool(tokens) and tokens[-1] == self._sampler.end for tokens in ids]
        return [Completion(*pair) for pair in zip(texts, ends, strict=True)]

    @property
    def _rank(self) -> int:
        return int(self.accelerator.process_index)

    def _calculate_rewards(
        self, inputs: list[dict[str, Any]], prompts: list[str], completions: list[str], *rest: Any
    ) -> Tensor:
        group = self._sampler.group
        first = inputs[::group]
        self._table = compute_rewards(
            _grouped([row["said"] for row in inputs], group), [row["mos"] for row in first],
            [row["perturbed"] for row in first] if self._sampler.copies else None, self._rewards,
            self._answer,
            devices=self.args.steps_per_generation,  # all batches of a step are rolled out at once
            thinking=self.accelerator.unwrap_model(self.model).config.thinking,
        )  # fmt: skip
        for status in FAILURES:
            share = self._table.statuses[status] / max(1, self._table.statuses.total())
            self._metrics["train"][f"failures/{status}"].append(share)
        per_component: Tensor = super()._calculate_rewards(inputs, prompts, completions, *rest)
        return per_component

    # --- checkpoints ------------------------------------------------------------------------------

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        """TRL writes under the final name, file by file; here beside it until all is there."""
        folder, name = Path(self.args.output_dir), f"checkpoint-{self.state.global_step}"
        self.args.output_dir = str(folder / UNFINISHED)
        try:
            super()._save_checkpoint(model, trial)
        finally:
            self.args.output_dir = str(folder)
        self.accelerator.wait_for_everyone()
        if self.args.should_save:
            finish_checkpoint(folder / UNFINISHED / name, folder / name, self._provenance)
            shutil.rmtree(folder / UNFINISHED)  # with the card that TRL writes beside it
            limit = self.args.save_total_limit
            rotate_checkpoints(output_dir=str(folder), save_total_limit=limit, use_mtime=False)

    # --- log-probabilities with shared prompts ----------------------------------------------------

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        self._clip = torch.tensor([row["clip"] for row in inputs], device=self.accelerator.device)
        batch: dict[str, Any] = super()._generate_and_score_completions(inputs)
        batch["clip"] = self._clip  # one per row: TRL shuffles and splits it with the others
        return batch

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> Tensor:
        self._clip = inputs["clip"]
        loss: Tensor = super()._compute_loss(model, inputs)
        return loss

    def _get_per_token_logps_and_entropies(
        self, model: Any, input_ids: Tensor, _: Tensor, logits_to_keep: int,
        compute_entropy: bool = False, **__: Any,
    ) -> tuple[Tensor, Tensor | None, None]:  # fmt: skip
        """Log-probabilities (and entropies) of completion tokens, (rows, tokens) each."""
        assert self._clip is not None  # noqa: S101  set by both callers
        distinct, rows = torch.unique(self._clip, return_inverse=True)
        videos = [self._videos[clip] for clip in distinct.tolist()]
        policy = self.accelerator.unwrap_model(model)
        inputs = self._sampler.model_inputs(policy, videos)
        completions = input_ids[:, -logits_to_keep:]
        with self.accelerator.autocast():
            logits = model(**inputs, completion_ids=completions, rows=rows).logits
        log_probs = (logits.float() / self.temperature).log_softmax(-1)
        chosen = log_probs.gather(-1, completions[..., None])[..., 0]
        entropy = -(log_probs.exp() * log_probs).sum(-1) if compute_entropy else None
        return chosen, entropy.detach() if entropy is not None else None, None


def _grouped(items: Sequence[Completion], group: int) -> list[Sequence[Completion]]:
    return [items[start : start + group] for start in range(0, len(items), group)]


def _reward_function(trainer: VQAThinkerTrainer, name: str) -> Callable[..., list[float]]:
    """One component of the batch's reward table, as a reward function that TRL logs by name."""

    def reward(**_: Any) -> list[float]:
        assert trainer._table is not None  # noqa: S101  computed just before
        values: list[float] = getattr(trainer._table, name).ravel().tolist()
        return values

    reward.__name__ = name
    return reward
