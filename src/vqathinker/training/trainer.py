"""GRPO on clips: TRL's GRPOTrainer with our rollouts, our rewards and one packed row per video.

TRL keeps the advantages, the loss, the optimiser and the log. Reading order: `_prepare_inputs`
(which batch), `_sample_rollouts` (completions), `_calculate_rewards` (rewards), `_compute_loss`
(loss), `_get_per_token_logps_and_entropies` (log-probabilities). These are private methods of TRL,
so trl is pinned, and tests/training/test_trl.py fails if a new version changes one of them.

Departures from textbook GRPO, or from TRL:
1. Rollouts on perturbed copies are rewarded but not trained on (the authors', section 3.4).
2. Rewards of a batch are computed together: the ranking reward compares videos (section 3.2).
3. Rollouts of a video stay together. TRL shuffles them over the device batches of a step, so that
   each batch would compute every prompt again. Except for the order of a sum, this changes nothing.
4. Rollouts of a video depend on seed, batch and video only, not on the process that samples them.
5. A checkpoint between inner iterations contains the rollouts. TRL samples new ones on resume.
6. The order of videos in an epoch depends on seed and epoch only (`EpochSampler`).

Source: docs/method.md, sections 3 and 5.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import gather_object
from datasets import Dataset
from torch import Tensor
from trl import GRPOTrainer
from trl.models import prepare_deepspeed, prepare_fsdp
from trl.trainer.utils import split_tensor_dict

from vqathinker.params import AnswerParams, RewardsParams
from vqathinker.policy.answer import Completion
from vqathinker.policy.model import VQAThinkerForConditionalGeneration
from vqathinker.training.history import batch_metrics
from vqathinker.training.resumable import EpochSampler, ResumableTrainer
from vqathinker.training.rewards import RewardTable, compute_rewards, reward_weights


class VQAThinkerTrainer(ResumableTrainer, GRPOTrainer):
    """Trains a policy by GRPO on rows of `prompt` (video id), `mos` and `clip` (row number).

    Args:
        reference: the frozen policy of the KL divergence; None with beta 0, and with adapters,
            where the reference is the policy without them.
        seed: of the rollouts.
        shared: arguments of `ResumableTrainer`.
    """

    def __init__(
        self,
        *,
        reference: VQAThinkerForConditionalGeneration | None,
        rewards: RewardsParams,
        answer: AnswerParams,
        beta: float,
        seed: int,
        **shared: Any,
    ) -> None:
        self._rewards, self._answer, self._seed = rewards, answer, seed
        self._clips: Tensor | None = None  # (rollouts,) the clip of each scored rollout
        self._reward_table: RewardTable | None = None  # of the current batch
        self._buffered_inputs: list[dict[str, Any]] | None = None
        weights = reward_weights(rewards.weights)
        super().__init__(
            reward_funcs=[_reward_function(self, name) for name in weights],
            rollout_func=self._sample_rollouts,
            **shared,
        )
        self._weights = torch.tensor([*weights.values()])
        # TRL's own weighted sum takes the last column only: our total (`_calculate_rewards`).
        self.reward_weights = torch.tensor([0.0] * len(weights) + [1.0])
        # TRL would load the reference by its class name, which transformers does not know.
        self.beta = beta
        if reference is not None and self.is_deepspeed_enabled:
            self.ref_model = prepare_deepspeed(reference, self.accelerator)
        elif reference is not None and self.is_fsdp_enabled:
            self.ref_model = prepare_fsdp(reference, self.accelerator)
        elif reference is not None:
            self.ref_model = self.accelerator.prepare_model(reference, evaluation_mode=True)

    def _get_train_sampler(self, _: Dataset | None = None) -> EpochSampler:
        """Draw the order of an epoch from seed and epoch, also after a resume (departure 6)."""
        return EpochSampler(
            self,
            mini_repeat_count=self.num_generations,
            batch_size=self.args.generation_batch_size // self.num_generations,
            repeat_count=self.args.steps_per_generation * self.num_iterations,
            iterations=self.num_iterations,
        )

    # --- rollouts ---------------------------------------------------------------------------------

    def _prepare_inputs(self, generation_batch: Any) -> dict[str, Any]:
        """Sample when needed, and split rollouts into device batches in order (departure 3)."""
        passes = self.args.steps_per_generation * self.num_iterations  # per batch of rollouts
        if self._step % passes == 0 or self._buffered_inputs is None:
            rollouts = self._generate_and_score_completions(generation_batch)
            self._buffered_inputs = split_tensor_dict(rollouts, self.args.steps_per_generation)
        inputs: dict[str, Any] = self._buffered_inputs[self._step % self.args.steps_per_generation]
        return inputs

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        """Keep the clip of each rollout, which the loss needs and TRL would drop."""
        self._clips = torch.tensor([row["clip"] for row in inputs], device=self.accelerator.device)
        batch: dict[str, Any] = super()._generate_and_score_completions(inputs)
        return {**batch, "clip": self._clips}

    def _sample_rollouts(self, prompts: list[str], _: GRPOTrainer) -> dict[str, Any]:
        """TRL's `rollout_func`: prompts are video ids, each `group_size` times in a row."""
        group, copies = self._sampler.group_size, self._sampler.perturbed_rollouts
        videos = prompts[::group]
        batch = self.state.global_step // self.num_iterations
        with self._gathered_policy() as policy:
            rollouts = self._sampler.sample(policy, videos, batch, self._seed)
        perturbed: list[Sequence[Completion]] = [[]] * len(videos)
        if rollouts.perturbed:
            perturbed = _split(self._completions(rollouts.perturbed), copies)
        return {
            "prompt_ids": [self._sampler.prompt_ids.tolist()] * len(prompts),
            "completion_ids": rollouts.raw,
            "logprobs": None,
            # Further keys become columns of the rows that `_calculate_rewards` receives.
            "raw": self._completions(rollouts.raw),
            "perturbed": [of_video for of_video in perturbed for _ in range(group)],
        }

    def _completions(self, ids: list[list[int]]) -> list[Completion]:
        texts = self.processing_class.batch_decode(ids, skip_special_tokens=True)
        return [
            Completion(text, bool(tokens) and tokens[-1] == self._sampler.end_token, len(tokens))
            for text, tokens in zip(texts, ids, strict=True)
        ]

    # --- rewards ----------------------------------------------------------------------------------

    def _calculate_rewards(
        self, inputs: list[dict[str, Any]], prompts: list[str], completions: list[str], *rest: Any
    ) -> Tensor:
        """Rewards of the rollouts of all processes, one column each, and their weighted sum last.

        TRL calls each reward function separately, on the videos of one process (departure 2).

        Returns:
            (rollouts, rewards + 1)
        """
        self._reward_table = self._compute_rewards(inputs)
        rewards: Tensor = super()._calculate_rewards(inputs, prompts, completions, *rest)
        # TRL sums columns in blocks, so that a further reward, even of weight 0, would change the
        # last bit of the sum.
        total = torch.zeros_like(rewards[:, 0])
        for weight, values in zip(self._weights.to(rewards.device), rewards.T, strict=True):
            if weight:
                total = total + weight * values
        mos = [row["mos"] for row in inputs[:: self._sampler.group_size]]
        for name, value in batch_metrics(self._reward_table, mos).items():
            self._log_metric(name, value)  # TRL averages over processes
        return torch.cat([rewards, total[:, None]], dim=1)

    def _compute_rewards(self, inputs: list[dict[str, Any]]) -> RewardTable:
        """Rewards of this process's videos, which with scope "global" are compared with all."""
        group, is_global = self._sampler.group_size, self._rewards.ranking.scope == "global"
        groups = _split([row["raw"] for row in inputs], group)
        videos = [
            (row["mos"], raw, row["perturbed"])
            for row, raw in zip(inputs[::group], groups, strict=True)
        ]
        mos, raw, perturbed = zip(*(gather_object(videos) if is_global else videos), strict=True)
        table = compute_rewards(
            raw,
            mos,
            perturbed if self._sampler.perturbed_rollouts else None,
            self._rewards,
            self._answer,
            device_batches=self.args.steps_per_generation,  # device batches are rolled out together
            thinking=self._unwrap(self.model).config.thinking,
        )
        first = self.accelerator.process_index * len(videos) if is_global else 0
        return table.slice(first, first + len(videos))

    # --- loss -------------------------------------------------------------------------------------

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> Tensor:
        """The GRPO loss, which TRL computes from our log-probabilities.

        With ρ = π(token) / π(token when sampled), clip(ρ) = ρ within 1 ± ε, A the advantage,
        r = π_ref / π, and means over the tokens of a rollout, then over rollouts:
        `L = -mean(min(ρ A, clip(ρ) A) - β (r - log r - 1))`, divided by the number of accumulated
        batches. With `kl_estimator` "unbiased" the divergence is multiplied by ρ.

        Source: lines 3083-3106 (ρ, divergence), 3113-3120 (min), 3149-3157 (sum, means) of
        trl/trainer/grpo_trainer.py 1.16.0, for `loss_type` "grpo"; docs/formulas.md.
        """
        self._clips = inputs["clip"]  # (rollouts,) for `_get_per_token_logps_and_entropies`
        loss: Tensor = super()._compute_loss(model, inputs)
        self._require_finite("the loss", loss.detach())
        return loss

    def _get_per_token_logps_and_entropies(
        self,
        model: Any,
        input_ids: Tensor,
        attention_mask: Tensor,
        logits_to_keep: int,
        batch_size: int | None = None,
        compute_entropy: bool = False,
        **__: Any,
    ) -> tuple[Tensor, Tensor | None, None]:
        """Log-probabilities and entropies of completion tokens, (rollouts, tokens) each.

        TRL computes one row per rollout with its whole prompt; here a video has one row.
        """
        assert self._clips is not None  # noqa: S101  both callers set it
        scores = self._score_completions(
            model,
            self._clips,
            input_ids[:, -logits_to_keep:],
            attention_mask[:, -logits_to_keep:].sum(1),
            temperature=self.temperature,
            batch_size=batch_size,
        )
        return scores.log_probs, scores.entropies if compute_entropy else None, None

    # --- checkpoints between inner iterations -----------------------------------------------------

    def _save_rng_state(self, output_dir: str) -> None:
        """Save the rollouts, too, if the next inner iteration needs them (departure 5)."""
        super()._save_rng_state(output_dir)
        if self.state.global_step % self.num_iterations:
            torch.save(self._buffered_inputs, self._rollouts_file(output_dir))

    def _load_rng_state(self, checkpoint: str | None) -> None:
        """Restore step and rollouts; TRL would count from 0 and sample new ones (departure 5)."""
        super()._load_rng_state(checkpoint)
        self._step = self.state.global_step * self.args.gradient_accumulation_steps
        if checkpoint is None or not self.state.global_step % self.num_iterations:
            return
        file, device = self._rollouts_file(checkpoint), self.accelerator.device
        buffered = torch.load(file, map_location=device, weights_only=True)
        clips = torch.cat([batch["clip"] for batch in buffered])[:: self._sampler.group_size]
        with self._gathered_policy() as policy:
            self._sampler.encode_step(policy, [self._videos[clip] for clip in clips.tolist()])
        self._buffered_inputs = buffered

    def _rollouts_file(self, checkpoint: str) -> Path:
        return Path(checkpoint) / f"rollouts-{self.accelerator.process_index}.pt"


def _split(items: Sequence[Completion], group: int) -> list[Sequence[Completion]]:
    return [items[start : start + group] for start in range(0, len(items), group)]


def _reward_function(trainer: VQAThinkerTrainer, name: str) -> Callable[..., list[float]]:
    """One column of the reward table as a function, whose name TRL logs."""

    def reward(**_: Any) -> list[float]:
        assert trainer._reward_table is not None  # noqa: S101  computed just before
        values: list[float] = trainer._reward_table.rewards[name].ravel().tolist()
        return values

    reward.__name__ = name
    return reward
