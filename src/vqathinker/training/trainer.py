"""GRPO on clips: TRL's GRPOTrainer with our rollouts, our rewards and one packed row a video.

Source: docs/method.md, sections 3 and 5. TRL keeps the loss, the advantages, the optimiser, the
checkpoints and the logging. What is overridden are the private methods below, each for the reason
that it gives, so trl is pinned; a test tells when a new one changes what is overridden.

Departures from textbook GRPO, or from TRL's:
1. Rollouts on perturbed copies are rewarded and not trained on (the authors', section 3.4).
2. Rewards of a batch are computed at once: the ranking reward compares videos (section 3.2).
3. Rollouts of a video stay together: TRL shuffles them over the device batches of a step, which
   changes nothing but the order of a sum, and would let each batch compute every prompt again.
4. A rollout depends on seed, batch and video alone, and not on the process that makes it.
5. Between inner iterations a checkpoint holds the rollouts; TRL makes new ones when it resumes.
6. The order of an epoch's videos depends on seed and epoch alone (`EpochOrder`).
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
from vqathinker.training.history import measure
from vqathinker.training.resumable import EpochOrder, ResumableTrainer
from vqathinker.training.rewards import RewardTable, compute_rewards, reward_weights


class VQAThinkerTrainer(ResumableTrainer, GRPOTrainer):
    """Trains a policy on rows of `prompt` (the video's id), `mos` and `clip` (its number).

    Args:
        reference: the frozen policy that the KL divergence is measured from; None with beta 0, and
            with adapters, where it is the policy without them.
        seed: of the rollouts; what batch b draws depends on (seed, b), so a resumed run goes on as
            an uninterrupted one.
        shared: of `ResumableTrainer`.
    """

    def __init__(
        self, *, reference: VQAThinkerForConditionalGeneration | None, rewards: RewardsParams,
        answer: AnswerParams, beta: float, seed: int, **shared: Any,
    ) -> None:  # fmt: skip
        self._rewards, self._answer, self._seed = rewards, answer, seed
        self._clip: Tensor | None = None  # the clip of each row that is scored
        self._table: RewardTable | None = None  # of the rollouts that are rewarded
        self._buffered_inputs: list[dict[str, Any]] | None = None
        weights = reward_weights(rewards.weights)
        super().__init__(
            reward_funcs=[_reward_function(self, name) for name in weights],
            rollout_func=self._rollouts, **shared,
        )  # fmt: skip
        self._weights = torch.tensor([*weights.values()])
        self.reward_weights = torch.tensor([0.0] * len(weights) + [1.0])  # `_calculate_rewards`
        # TRL would load the reference by the name of its class; ours is not among transformers'.
        self.beta = beta
        if reference is not None and self.is_deepspeed_enabled:
            self.ref_model = prepare_deepspeed(reference, self.accelerator)
        elif reference is not None and self.is_fsdp_enabled:
            self.ref_model = prepare_fsdp(reference, self.accelerator)
        elif reference is not None:
            self.ref_model = self.accelerator.prepare_model(reference, evaluation_mode=True)

    def _get_train_sampler(self, dataset: Dataset | None = None) -> EpochOrder:
        """TRL's sampler forgets how many epochs there were (departure 6)."""
        return self._epoch_order(
            dataset, mini_repeat_count=self.num_generations,
            batch_size=self.args.generation_batch_size // self.num_generations,
            repeat_count=self.args.steps_per_generation * self.num_iterations,
            iterations=self.num_iterations,
        )  # fmt: skip

    # --- rollouts ---------------------------------------------------------------------------------

    def _prepare_inputs(self, generation_batch: Any) -> dict[str, Any]:
        """TRL shuffles rollouts over the device batches of a step (departure 3)."""
        every = self.args.steps_per_generation * self.num_iterations
        if self._step % every == 0 or self._buffered_inputs is None:
            rolled = self._generate_and_score_completions(generation_batch)
            self._buffered_inputs = split_tensor_dict(rolled, self.args.steps_per_generation)
        inputs: dict[str, Any] = self._buffered_inputs[self._step % self.args.steps_per_generation]
        return inputs

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        """TRL keeps the columns that it knows; each row needs its clip, too."""
        self._clip = torch.tensor([row["clip"] for row in inputs], device=self.accelerator.device)
        batch: dict[str, Any] = super()._generate_and_score_completions(inputs)
        return {**batch, "clip": self._clip}

    def _rollouts(self, prompts: list[str], _: GRPOTrainer) -> dict[str, Any]:
        """TRL's `rollout_func`: prompts are video ids, each `group` times in a row."""
        group, copies = self._sampler.group, self._sampler.copies
        videos = prompts[::group]
        batch = self.state.global_step // self.num_iterations
        with self._whole_policy() as policy:
            done = self._sampler.sample(policy, videos, batch, self._seed)
        perturbed: list[Sequence[Completion]] = [[]] * len(videos)
        if done.perturbed:
            perturbed = _grouped(self._completions(done.perturbed), copies)
        return {
            "prompt_ids": [self._sampler.ids.tolist()] * len(prompts),
            "completion_ids": done.raw,
            "logprobs": None,
            "raw": self._completions(done.raw),
            "perturbed": [of_video for of_video in perturbed for _ in range(group)],
        }

    def _completions(self, ids: list[list[int]]) -> list[Completion]:
        texts = self.processing_class.batch_decode(ids, skip_special_tokens=True)
        return [
            Completion(text, bool(tokens) and tokens[-1] == self._sampler.end, len(tokens))
            for text, tokens in zip(texts, ids, strict=True)
        ]

    # --- rewards ----------------------------------------------------------------------------------

    def _calculate_rewards(
        self, inputs: list[dict[str, Any]], prompts: list[str], completions: list[str], *rest: Any
    ) -> Tensor:
        """TRL asks each reward function by itself, and each process about its own videos.

        Rewards of the rollouts of all processes, a column each, and their weighted sum as the last
        column, (rollouts, rewards + 1). TRL would add the columns up in blocks: then a further
        reward could change the last bit of the sum, even with weight 0.
        """
        self._table = self._compute_table(inputs)
        rewards: Tensor = super()._calculate_rewards(inputs, prompts, completions, *rest)
        total = torch.zeros_like(rewards[:, 0])
        for weight, values in zip(self._weights.to(rewards.device), rewards.T, strict=True):
            if weight:
                total = total + weight * values
        mos = [row["mos"] for row in inputs[:: self._sampler.group]]
        for name, value in measure(self._table, mos).items():
            self._log_metric(name, value)  # TRL takes the mean over processes
        return torch.cat([rewards, total[:, None]], dim=1)

    def _compute_table(self, inputs: list[dict[str, Any]]) -> RewardTable:
        """The rewards of this process's videos, each compared with all that it may be."""
        group, everywhere = self._sampler.group, self._rewards.ranking.scope == "global"
        groups = _grouped([row["raw"] for row in inputs], group)
        videos = [
            (row["mos"], raw, row["perturbed"])
            for row, raw in zip(inputs[::group], groups, strict=True)
        ]
        mos, raw, perturbed = zip(*(gather_object(videos) if everywhere else videos), strict=True)
        table = compute_rewards(
            raw, mos, perturbed if self._sampler.copies else None, self._rewards, self._answer,
            devices=self.args.steps_per_generation,  # all batches of a step are rolled out at once
            thinking=self._unwrapped(self.model).config.thinking,
        )  # fmt: skip
        own = self.accelerator.process_index * len(videos) if everywhere else 0
        return table.part(own, own + len(videos))

    # --- loss -------------------------------------------------------------------------------------

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> Tensor:
        """TRL hands on the columns that it knows, and computes the loss of the rollouts of a batch.

        With ρ = π(token) / π(token when it was sampled), clip(ρ) = ρ within 1 ± ε, A the advantage,
        r = π_ref / π, and means over the tokens of a rollout, then over rollouts:
        `L = -mean(min(ρ A, clip(ρ) A) - β (r - log r - 1))`, divided by the number of batches whose
        gradients are added up. With `kl_estimator` "unbiased" the divergence is multiplied by ρ.

        Source: lines 3083-3106 (ρ, divergence), 3113-3120 (min), 3149-3157 (sum, means) of
        trl/trainer/grpo_trainer.py 1.16.0, for `loss_type` "grpo"; docs/formulas.md.
        """
        self._clip = inputs["clip"]
        loss: Tensor = super()._compute_loss(model, inputs)
        self._require_finite("the loss", loss.detach())
        return loss

    def _get_per_token_logps_and_entropies(
        self, model: Any, input_ids: Tensor, attention_mask: Tensor, logits_to_keep: int,
        batch_size: int | None = None, compute_entropy: bool = False, **__: Any,
    ) -> tuple[Tensor, Tensor | None, None]:  # fmt: skip
        """TRL gives every completion a row with its whole prompt; here a video has one row.

        Log-probabilities (and entropies) of completion tokens, (rows, tokens) each.
        """
        assert self._clip is not None  # noqa: S101  set by both callers
        scores = self._score_completions(
            model, self._clip, input_ids[:, -logits_to_keep:],
            attention_mask[:, -logits_to_keep:].sum(1),
            temperature=self.temperature, at_once=batch_size,
        )  # fmt: skip
        return scores.log_probs, scores.entropies if compute_entropy else None, None

    # --- checkpoints between inner iterations -----------------------------------------------------

    def _save_rng_state(self, output_dir: str) -> None:
        """TRL forgets the rollouts that the next inner iteration is made on (departure 5)."""
        super()._save_rng_state(output_dir)
        if self.state.global_step % self.num_iterations:
            torch.save(self._buffered_inputs, self._rollouts_file(output_dir))

    def _load_rng_state(self, checkpoint: str | None) -> None:
        """TRL counts its passes from 0 again, and makes new rollouts (departure 5)."""
        super()._load_rng_state(checkpoint)
        self._step = self.state.global_step * self.args.gradient_accumulation_steps
        if checkpoint is None or not self.state.global_step % self.num_iterations:
            return
        file, device = self._rollouts_file(checkpoint), self.accelerator.device
        kept = torch.load(file, map_location=device, weights_only=True)
        clips = torch.cat([batch["clip"] for batch in kept])[:: self._sampler.group]
        with self._whole_policy() as policy:
            self._sampler.show(policy, [self._videos[clip] for clip in clips.tolist()])
        self._buffered_inputs = kept

    def _rollouts_file(self, checkpoint: str) -> Path:
        return Path(checkpoint) / f"rollouts-{self.accelerator.process_index}.pt"


def _grouped(items: Sequence[Completion], group: int) -> list[Sequence[Completion]]:
    return [items[start : start + group] for start in range(0, len(items), group)]


def _reward_function(trainer: VQAThinkerTrainer, name: str) -> Callable[..., list[float]]:
    """One column of the batch's reward table, as a reward function that TRL logs by name."""

    def reward(**_: Any) -> list[float]:
        assert trainer._table is not None  # noqa: S101  computed just before
        values: list[float] = trainer._table.rewards[name].ravel().tolist()
        return values

    reward.__name__ = name
    return reward
