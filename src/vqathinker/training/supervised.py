"""Supervised fine-tuning: the policy learns to answer with the MOS of a clip.

A baseline for GRPO with the same prompt, clips, order, trained weights and checkpoints. The loss is
the mean cross entropy of the tokens of the answer, including its end token; those of the prompt do
not count.

TRL's SFTTrainer keeps optimiser and log. Its preparation of rows is skipped, because it knows no
clips. Two methods are overridden: `compute_loss`, because the policy computes log-probabilities of
answers itself, and `_get_train_sampler`, whose order does not survive a resume.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch
from datasets import Dataset
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import PreTrainedTokenizerBase
from trl import SFTTrainer

from vqathinker.policy.model import VQAThinkerForConditionalGeneration
from vqathinker.training.resumable import EpochSampler, ResumableTrainer


def target_text(mos: float, *, thinking: bool) -> str:
    """The answer to learn for a MOS on the training scale; with `thinking`, reasoning is empty.

    >>> target_text(3.416, thinking=False)
    '<answer>3.42</answer>'
    >>> target_text(3.4, thinking=True)
    '<think></think><answer>3.40</answer>'
    """
    reasoning = "<think></think>" if thinking else ""
    return f"{reasoning}<answer>{mos:.2f}</answer>"


def collate_targets(
    rows: Sequence[Mapping[str, Any]], tokenizer: PreTrainedTokenizerBase, *, thinking: bool
) -> dict[str, Tensor]:
    """A batch of rows of `clip` (row number) and `mos`."""
    texts = [target_text(row["mos"], thinking=thinking) for row in rows]
    ids = tokenizer(texts, add_special_tokens=False)["input_ids"]
    answers = [torch.tensor([*answer, tokenizer.eos_token_id]) for answer in ids]
    return {
        "clip": torch.tensor([row["clip"] for row in rows]),  # (clips,)
        "answers": pad_sequence(answers, batch_first=True),  # (clips, tokens), padded on the right
        "lengths": torch.tensor([len(answer) for answer in answers]),  # (clips,)
    }


class SupervisedTrainer(ResumableTrainer, SFTTrainer):
    """Trains a policy on rows of `prompt` (video id), `mos` and `clip` (row number).

    Args:
        model: the policy.
        processing_class: its tokenizer.
        shared: arguments of `ResumableTrainer`.
    """

    def __init__(
        self,
        *,
        model: VQAThinkerForConditionalGeneration,
        processing_class: PreTrainedTokenizerBase,
        **shared: Any,
    ) -> None:
        thinking = model.config.thinking
        collator = partial(collate_targets, tokenizer=processing_class, thinking=thinking)
        super().__init__(
            model=model, processing_class=processing_class, data_collator=collator, **shared
        )

    def _get_train_sampler(self, _: Dataset | None = None) -> EpochSampler:
        """TRL's sampler does not know the epoch after a resume; whole steps only, as in GRPO."""
        args = self.args
        batches = args.gradient_accumulation_steps * args.world_size
        videos = args.per_device_train_batch_size * batches
        return EpochSampler(self, mini_repeat_count=1, batch_size=videos)

    def compute_loss(self, model: Any, inputs: dict[str, Tensor], *_: Any, **__: Any) -> Tensor:
        """Minus the mean log-probability of the answers' tokens. TRL's expects text."""
        clips, lengths = inputs["clip"], inputs["lengths"]
        with self._gathered_policy() as policy:
            self._sampler.encode_step(policy, [self._videos[clip] for clip in clips.tolist()])
        scores = self._score_completions(model, clips, inputs["answers"], lengths)
        loss = -scores.log_probs.sum() / lengths.sum()
        self._require_finite("the loss", loss.detach())
        # Columns of history.csv that TRL does not log, over all processes.
        entropy = scores.entropies.sum() / lengths.sum()
        tokens = lengths.sum() + len(lengths) * len(self._sampler.prompt_ids)
        self.state.num_input_tokens_seen += int(self.accelerator.gather(tokens[None]).sum())
        self._metrics["train"]["num_tokens"] = [self.state.num_input_tokens_seen]
        self._record("entropy", float(self.accelerator.gather(entropy[None]).mean()))
        all_lengths = self.accelerator.gather(lengths).float()
        self._record("completions/mean_length", float(all_lengths.mean()))
        self._record("completions/max_length", float(all_lengths.max()))
        return loss
