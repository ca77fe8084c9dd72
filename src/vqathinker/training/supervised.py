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
from dataclasses import dataclass
from typing import Any

import torch
from datasets import Dataset
from peft import LoraConfig
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import PreTrainedTokenizerBase
from trl import SFTConfig, SFTTrainer
from trl.distributed import DistributedBackend

from vqathinker.policy.model import VQAThinkerForConditionalGeneration
from vqathinker.training.log_probs import RolloutScorer, unwrap_policy
from vqathinker.training.resumable import EpochOrder, ResumableTrainer
from vqathinker.training.rollouts import RolloutSampler


def answer_text(mos: float, *, thinking: bool) -> str:
    """The answer to learn for a MOS on the training scale; with `thinking`, after an empty thought.

    >>> answer_text(3.416, thinking=False)
    '<answer>3.42</answer>'
    >>> answer_text(3.4, thinking=True)
    '<think></think><answer>3.40</answer>'
    """
    thought = "<think></think>" if thinking else ""
    return f"{thought}<answer>{mos:.2f}</answer>"


@dataclass(frozen=True)
class AnswerBatch:
    """Makes a batch of rows of `clip` (its number) and `mos`.

    Args:
        tokenizer: its end token ends every answer.
        thinking: whether the prompt asks for a thought.
    """

    tokenizer: PreTrainedTokenizerBase
    thinking: bool

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Tensor]:
        """`clip` (clips,), `answers` padded on the right (clips, tokens), `lengths` (clips,)."""
        answers = [self._tokens(row["mos"]) for row in rows]
        return {
            "clip": torch.tensor([row["clip"] for row in rows]),
            "answers": pad_sequence(answers, batch_first=True),
            "lengths": torch.tensor([len(answer) for answer in answers]),
        }

    def _tokens(self, mos: float) -> Tensor:
        text = answer_text(mos, thinking=self.thinking)
        ids = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return torch.tensor([*ids, self.tokenizer.eos_token_id])


class SupervisedTrainer(ResumableTrainer, SFTTrainer):
    """Teaches a policy the MOS of rows of `prompt` (the video's id), `mos` and `clip` (its number).

    Args:
        sampler: shows the clips; of a group of 1, for a clip has one answer.
        lora: adapters to train; None trains the weights themselves.
        shared: of `ResumableTrainer`.
    """

    def __init__(
        self, *, policy: VQAThinkerForConditionalGeneration, tokenizer: PreTrainedTokenizerBase,
        rows: Dataset, config: SFTConfig, sampler: RolloutSampler, lora: LoraConfig | None = None,
        **shared: Any,
    ) -> None:  # fmt: skip
        self._sampler, self._videos = sampler, list(rows["prompt"])
        super().__init__(
            model=policy, args=config, train_dataset=rows, processing_class=tokenizer,
            data_collator=AnswerBatch(tokenizer, policy.config.thinking), peft_config=lora,
            **shared,
        )  # fmt: skip
        self._dist = DistributedBackend(self.accelerator)
        self._scorer = RolloutScorer(self.accelerator, sampler, self._videos, temperature=1.0)

    def _get_train_sampler(self, train_dataset: Dataset | None = None) -> EpochOrder:
        """TRL's sampler forgets how many epochs there were; whole steps only, as in GRPO."""
        args = self.args
        device_batches = args.gradient_accumulation_steps * args.world_size
        return EpochOrder(
            step=lambda: int(self.state.global_step), seed=args.seed, mini_repeat_count=1,
            data_source=self.train_dataset if train_dataset is None else train_dataset,
            batch_size=args.per_device_train_batch_size * device_batches,
        )  # fmt: skip

    def compute_loss(self, model: Any, inputs: dict[str, Tensor], *_: Any, **__: Any) -> Tensor:
        """TRL would run text; minus the mean log-probability of the answers' tokens."""
        clips, lengths = inputs["clip"], inputs["lengths"]
        policy = unwrap_policy(self.accelerator, model)
        whole = self._dist.summon_full_params(self.model_wrapped, recurse=False)
        with whole, self.accelerator.autocast():
            self._sampler.show(policy, [self._videos[clip] for clip in clips.tolist()])
        scores = self._scorer.score(model, clips, inputs["answers"], lengths, len(clips))
        loss = -scores.log_probs.sum() / lengths.sum()
        self._watch.require_finite("the loss", loss.detach(), self._number)
        self._note(scores.entropies.sum() / lengths.sum(), lengths)
        return loss

    def _note(self, entropy: Tensor, lengths: Tensor) -> None:
        """Log the columns of history.csv that TRL does not, over all processes."""
        tokens = lengths.sum() + len(lengths) * len(self._sampler.ids)
        self.state.num_input_tokens_seen += int(self.accelerator.gather(tokens[None]).sum())
        self._metrics["train"]["num_tokens"] = [self.state.num_input_tokens_seen]
        self._record("entropy", float(self.accelerator.gather(entropy[None]).mean()))
        said = self.accelerator.gather(lengths).float()
        self._record("completions/mean_length", float(said.mean()))
        self._record("completions/max_length", float(said.max()))
