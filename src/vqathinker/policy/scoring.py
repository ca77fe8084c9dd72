"""Scores of clips, by three methods.

*Greedy*: the number in the greedy completion, as the authors (docs/method.md, section 6). *Mean*:
the mean over the readable answers of sampled completions. *Expected*: the expectation over the
policy's probabilities after the greedy reasoning (`policy.expectation`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean, stdev
from typing import NamedTuple

import torch
from transformers import PreTrainedTokenizerBase

from vqathinker.params import AnswerParams, EvaluationParams, ScoreKind
from vqathinker.policy.answer import Answer, Completion, parse_answer
from vqathinker.policy.expectation import Expectation, NumberTokens, expected_score
from vqathinker.policy.generation import (
    EncodedPrompts,
    Generated,
    Sampling,
    generate,
    uniform_numbers,
)
from vqathinker.policy.inputs import encode_prompts, prompt_ids
from vqathinker.policy.model import VQAThinkerForConditionalGeneration
from vqathinker.video.store import Clips

# Means of different answers can be equal, such as of 2.9, 3.3, 3.4 and of 3.2, 3.2, 3.2. Unrounded,
# they would be ranked by their last bit.
_DECIMALS = 9


class ClipScores(NamedTuple):
    """Answers of one clip, and the scores computed from them."""

    completion: Completion  # greedy
    answer: Answer  # of the greedy completion
    samples: tuple[Answer, ...]  # empty unless a mean is requested
    expected: Expectation | None  # None unless requested

    def of(self, kind: ScoreKind) -> float | None:
        """The score of a requested kind."""
        if kind == "greedy":
            return self.answer.score
        if kind == "mean":
            return mean_score(self.samples)[0]
        return self.expected.score if self.expected else None


def mean_score(samples: Sequence[Answer]) -> tuple[float | None, float | None]:
    """Mean and standard deviation (n - 1) of the readable answers; None if there are too few."""
    scores = [answer.score for answer in samples if answer.score is not None]
    mean = round(fmean(scores), _DECIMALS) if scores else None
    return mean, round(stdev(scores), _DECIMALS) if len(scores) > 1 else None


@dataclass
class Scorer:
    """Scores clips with a policy."""

    policy: VQAThinkerForConditionalGeneration
    tokenizer: PreTrainedTokenizerBase
    params: EvaluationParams
    answer: AnswerParams
    _number_tokens: NumberTokens | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        if "expected" in self.params.kinds:
            self._number_tokens = NumberTokens(self.tokenizer, self.answer.parsing)

    def score_clips(self, clips: Clips, videos: Sequence[str]) -> list[ClipScores]:
        """Score clips with the evaluation prompt; `videos` are their ids, as in `score_prompts`."""
        config = self.policy.config
        ids = prompt_ids(
            self.tokenizer,
            "evaluation",
            clips.pixels.shape[1],
            config.tokens_per_frame(*clips.pixels.shape[-2:]),
            thinking=config.thinking,
            motion=config.motion_token,
        )
        return self.score_prompts(encode_prompts(self.policy, ids, clips), videos)

    def score_prompts(self, prompts: EncodedPrompts, videos: Sequence[str]) -> list[ClipScores]:
        """Score clips with any prompts; `videos` are their ids, which seed the samples."""
        rows = torch.arange(len(videos), device=self.policy.device)
        end = self.tokenizer.eos_token_id
        greedy = generate(
            self.policy, prompts, rows, self.params.max_new_tokens, end, keep_cache=True
        )
        completions = self._decode(greedy.ids)
        samples = self._sample(prompts, videos)
        length = prompts.input_ids.shape[1]
        return [
            ClipScores(
                completion,
                parse_answer(completion, self.answer),
                samples[row],
                self._expected(length, greedy, row),
            )
            for row, completion in enumerate(completions)
        ]

    def _expected(self, length: int, greedy: Generated, row: int) -> Expectation | None:
        if self._number_tokens is None:
            return None
        return expected_score(
            self.policy,
            self.tokenizer,
            self._number_tokens,
            length,
            greedy.ids[row],
            greedy.caches[row],
            self.answer.limits,
            self.params.expectation,
        )

    def _sample(self, prompts: EncodedPrompts, videos: Sequence[str]) -> list[tuple[Answer, ...]]:
        if "mean" not in self.params.kinds:
            return [()] * len(videos)
        params, tokens = self.params.sampling, self.params.max_new_tokens
        rows = torch.arange(len(videos), device=self.policy.device).repeat_interleave(
            params.answers
        )
        uniform = torch.cat(
            [uniform_numbers(params.seed, v, params.answers, tokens) for v in videos]
        )
        sampling = Sampling(uniform, params.temperature)
        end = self.tokenizer.eos_token_id
        ids = generate(self.policy, prompts, rows, tokens, end, sampling).ids
        answers = [parse_answer(completion, self.answer) for completion in self._decode(ids)]
        return [
            tuple(answers[start : start + params.answers])
            for start in range(0, len(answers), params.answers)
        ]

    def _decode(self, ids: list[list[int]]) -> list[Completion]:
        texts = self.tokenizer.batch_decode(ids, skip_special_tokens=True)
        end = self.tokenizer.eos_token_id
        return [
            Completion(text, tokens[-1:] == [end]) for text, tokens in zip(texts, ids, strict=True)
        ]
