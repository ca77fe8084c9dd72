"""Supervised fine-tuning: the policy learns to answer with the MOS of a clip.

A baseline for GRPO: the same prompt, clips, weights, order and checkpoints, other targets. The loss
is the mean cross entropy of the answer's tokens, including the one that ends it; the prompt's
tokens are not learned.

TRL's SFTTrainer keeps optimiser, logging and checkpoints. Its own preparation of the rows is
skipped, because it handles text or images but no clips. `compute_loss` is overridden, because the
policy scores answers itself, and `_get_train_sampler`, for an order that a kill does not change
(`EpochOrder`).
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
from vqathinker.training.resumable import EpochOrder, ResumableTrainer


def answer_text(mos: float, *, thinking: bool) -> str:
    """The answer to learn for a MOS on the training scale; with `thinking`, after an empty thought.

    >>> answer_text(3.416, thinking=False)
    '<answer>3.42</answer>'
    >>> answer_text(3.4, thinking=True)
    '<think></think><answer>3.40</answer>'
    """
    thought = "<think></think>" if thinking else ""
    return f"{thought}<answer>{mos:.2f}</answer>"


def answer_batch(
    rows: Sequence[Mapping[str, Any]], tokenizer: PreTrainedTokenizerBase, *, thinking: bool
) -> dict[str, Tensor]:
    """A batch of rows of `clip` (its number) and `mos`; the end token closes every answer.

    Returns:
        `clip` (clips,), `answers` padded on the right (clips, tokens), `lengths` (clips,).
    """
    texts = [answer_text(row["mos"], thinking=thinking) for row in rows]
    ids = tokenizer(texts, add_special_tokens=False)["input_ids"]
    answers = [torch.tensor([*answer, tokenizer.eos_token_id]) for answer in ids]
    return {
        "clip": torch.tensor([row["clip"] for row in rows]),
        "answers": pad_sequence(answers, batch_first=True),
        "lengths": torch.tensor([len(answer) for answer in answers]),
    }


class SupervisedTrainer(ResumableTrainer, SFTTrainer):
    """Teaches a policy the MOS of rows of `prompt` (the video's id), `mos` and `clip` (its number).

    Args:
        model: the policy.
        processing_class: its tokenizer.
        shared: of `ResumableTrainer`; `sampler` of a group of 1, for a clip has one answer.
    """

    def __init__(
        self, *, model: VQAThinkerForConditionalGeneration,
        processing_class: PreTrainedTokenizerBase, **shared: Any,
    ) -> None:  # fmt: skip
        super().__init__(
            model=model, processing_class=processing_class,
            data_collator=partial(
                answer_batch, tokenizer=processing_class, thinking=model.config.thinking
            ), **shared,
        )  # fmt: skip

    def _get_train_sampler(self, train_dataset: Dataset | None = None) -> EpochOrder:
        """TRL's sampler forgets how many epochs there were; whole steps only, as in GRPO."""
        args = self.args
        batches = args.gradient_accumulation_steps * args.world_size
        return self._epoch_order(
            train_dataset, mini_repeat_count=1,
            batch_size=args.per_device_train_batch_size * batches,
        )  # fmt: skip

    def compute_loss(self, model: Any, inputs: dict[str, Tensor], *_: Any, **__: Any) -> Tensor:
        """TRL would run text; minus the mean log-probability of the answers' tokens."""
        clips, lengths = inputs["clip"], inputs["lengths"]
        with self._whole_policy() as policy:
            self._sampler.show(policy, [self._videos[clip] for clip in clips.tolist()])
        scores = self._score_completions(model, clips, inputs["answers"], lengths)
        loss = -scores.log_probs.sum() / lengths.sum()
        self._require_finite("the loss", loss.detach())
        # Columns of history.csv that TRL does not log, over all processes.
        entropy = scores.entropies.sum() / lengths.sum()
        tokens = lengths.sum() + len(lengths) * len(self._sampler.ids)
        self.state.num_input_tokens_seen += int(self.accelerator.gather(tokens[None]).sum())
        self._metrics["train"]["num_tokens"] = [self.state.num_input_tokens_seen]
        self._record("entropy", float(self.accelerator.gather(entropy[None]).mean()))
        everywhere = self.accelerator.gather(lengths).float()
        self._record("completions/mean_length", float(everywhere.mean()))
        self._record("completions/max_length", float(everywhere.max()))
        return loss
