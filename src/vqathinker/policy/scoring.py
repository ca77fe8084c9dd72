"""Completions of a policy for clips, and the scores computed from them.

*Greedy*: the number in the greedy completion, as the authors (docs/method.md, section 6). *Mean*:
over the readable answers among sampled completions. *Expected*: over the policy's probabilities
after the greedy reasoning, see `policy.expectation`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean, stdev
from typing import NamedTuple

import torch
from transformers import PreTrainedTokenizerBase

from vqathinker.params import AnswerParams, EvaluationParams, ScoreKind
from vqathinker.policy.answer import Answer, Completion, read_answer
from vqathinker.policy.config import normalise
from vqathinker.policy.expectation import Expectation, NumberTokens, expected_score
from vqathinker.policy.generation import (
    EncodedPrompts,
    Generated,
    generate,
    generate_with_cache,
    uniform_numbers,
)
from vqathinker.policy.inputs import encode_prompts, prompt_ids
from vqathinker.policy.model import VQAThinkerForConditionalGeneration

_DECIMALS = 9  # of means and deviations of answers


class ClipScores(NamedTuple):
    """Answers and scores of one clip.

    `answer` is that of the greedy `completion`; `samples` are the drawn answers, empty unless a
    mean is requested; `expected` is None unless it is requested.
    """

    completion: Completion
    answer: Answer
    samples: tuple[Answer, ...]
    expected: Expectation | None

    def of(self, kind: ScoreKind) -> float | None:
        """The score of a kind that was asked for."""
        if kind == "greedy":
            return self.answer.score
        if kind == "mean":
            return mean_of(self.samples)[0]
        return self.expected.score if self.expected else None


def mean_of(samples: Sequence[Answer]) -> tuple[float | None, float | None]:
    """Mean and standard deviation (n - 1) of the readable answers; None where too few are.

    Both are rounded to nine decimals: means of different answers that are equal, such as of 2.9,
    3.3, 3.4 and of 3.2, 3.2, 3.2, would otherwise be ranked by their last bit.
    """
    scores = [answer.score for answer in samples if answer.score is not None]
    mean = round(fmean(scores), _DECIMALS) if scores else None
    return mean, round(stdev(scores), _DECIMALS) if len(scores) > 1 else None


@dataclass
class Scorer:
    """Asks a policy about clips."""

    policy: VQAThinkerForConditionalGeneration
    tokenizer: PreTrainedTokenizerBase
    how: EvaluationParams
    answer: AnswerParams
    _tokens: NumberTokens | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        if "expected" in self.how.kinds:
            self._tokens = NumberTokens(self.tokenizer, self.answer.parsing)

    def ask(self, frames: torch.Tensor, videos: Sequence[str]) -> list[ClipScores]:
        """Ask about each clip once.

        Args:
            frames: uint8 (clips, frames, 3, size, size), RGB 0..255.
            videos: an id of each clip, which seeds the draws of its answers.
        """
        config = self.policy.config
        tokens = config.tokens_per_frame(frames.shape[-1])
        ids = prompt_ids(
            self.tokenizer, "evaluation", frames.shape[1], tokens,
            thinking=config.thinking, motion=config.motion_token,
        )  # fmt: skip
        pixels = normalise(frames.to(self.policy.device))
        return self.score(encode_prompts(self.policy, ids, pixels), videos)

    def score(self, prompts: EncodedPrompts, videos: Sequence[str]) -> list[ClipScores]:
        """Ask about each prompt once; `videos` seed the draws of its answers, one id a prompt."""
        rows = torch.arange(len(videos), device=self.policy.device)
        end = self.tokenizer.eos_token_id
        greedy = generate_with_cache(self.policy, prompts, rows, self.how.max_new_tokens, end)
        completions = self._completions(greedy.ids)
        samples = self._samples(prompts, videos)
        length = prompts.input_ids.shape[1]
        return [
            ClipScores(
                completion,
                read_answer(completion, self.answer),
                samples[row],
                self._expected(length, greedy, row),
            )
            for row, completion in enumerate(completions)
        ]

    def _expected(self, length: int, greedy: Generated, row: int) -> Expectation | None:
        if self._tokens is None:
            return None
        return expected_score(
            self.policy, self.tokenizer, self._tokens, length, greedy.ids[row],
            *greedy.caches[row], self.answer.limits, how=self.how.expectation,
        )  # fmt: skip

    def _samples(self, prompts: EncodedPrompts, videos: Sequence[str]) -> list[tuple[Answer, ...]]:
        if "mean" not in self.how.kinds:
            return [()] * len(videos)
        how, longest = self.how.sampling, self.how.max_new_tokens
        rows = torch.arange(len(videos), device=self.policy.device).repeat_interleave(how.answers)
        draws = torch.cat([uniform_numbers(how.seed, v, how.answers, longest) for v in videos])
        end = self.tokenizer.eos_token_id
        ids = generate(self.policy, prompts, rows, longest, end, draws, how.temperature)
        answers = [read_answer(completion, self.answer) for completion in self._completions(ids)]
        return [
            tuple(answers[start : start + how.answers])
            for start in range(0, len(answers), how.answers)
        ]

    def _completions(self, ids: list[list[int]]) -> list[Completion]:
        texts = self.tokenizer.batch_decode(ids, skip_special_tokens=True)
        end = self.tokenizer.eos_token_id
        return [
            Completion(text, tokens[-1:] == [end]) for text, tokens in zip(texts, ids, strict=True)
        ]
