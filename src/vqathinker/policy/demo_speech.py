"""What the demo's base policy is taught to say: what it sees, in words, then a score or a kind."""

from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from vqathinker.policy.demo_words import LEVELS, WORDS
from vqathinker.policy.prompt import degradation_question

__all__ = [
    "PHRASES",
    "attributions",
    "question_in_order",
    "scored_answers",
    "token_weights",
]

_THOUGHT = "<think>I see {level} {kind}.</think><answer>{score:.2f}</answer>"
_MARKS = ("A:", *(f", {letter}:" for letter in "BCDE"))
PHRASES = ("I see", ".", *(f" {word}" for word in (*LEVELS, *WORDS)), *WORDS, *_MARKS)
_ATTRIBUTION = "<think>I see {level} {kind}.</think><answer>{kind}</answer>"


def question_in_order(order: Sequence[int]) -> str:
    """The question on the kind of degradation; `order` are places in `WORDS`, each once."""
    shown = [f"{mark} {WORDS[word]}" for mark, word in zip(_MARKS, order, strict=True)]
    return degradation_question("".join(shown))


def scored_answers(
    tokenizer: PreTrainedTokenizerFast, kind: Tensor, strength: Tensor, score: Tensor
) -> Tensor:
    """Token ids (2 x clips, tokens): true words and the `score`, then the same words and 6 less it.

    `kind` (clips,) is a place in `WORDS`, `strength` (clips,) lies in 0..1.
    """
    texts = [
        _THOUGHT.format(level=level, kind=word, score=value)
        for scores in (score, 6 - score)
        for level, word, value in zip(*_said(kind, strength), scores.tolist(), strict=True)
    ]
    return _ids(tokenizer, texts)


def attributions(tokenizer: PreTrainedTokenizerFast, kind: Tensor, strength: Tensor) -> Tensor:
    """Token ids (clips, tokens): true words, and the kind as the answer; see `scored_answers`."""
    pairs = zip(*_said(kind, strength), strict=True)
    return _ids(tokenizer, [_ATTRIBUTION.format(level=level, kind=word) for level, word in pairs])


def token_weights(tokenizer: PreTrainedTokenizerFast) -> Tensor:
    """What is seen counts most; digits are noise, of which only the form is to be learned.

    A weight for each token of the vocabulary (tokens,).
    """
    weight = torch.ones(len(tokenizer))
    weight[tokenizer.convert_tokens_to_ids(list("0123456789"))] = 0.2
    said = [*(f" {word}" for word in (*LEVELS, *WORDS)), *WORDS]
    ids = tokenizer(said, add_special_tokens=False)["input_ids"]
    weight[torch.tensor(ids)[:, 0]] = 3.0
    return weight


def _said(kind: Tensor, strength: Tensor) -> tuple[list[str], list[str]]:
    level = (strength * len(LEVELS)).long().clamp(max=len(LEVELS) - 1)
    return [LEVELS[place] for place in level], [WORDS[place] for place in kind]


def _ids(tokenizer: PreTrainedTokenizerFast, texts: Sequence[str]) -> Tensor:
    ended = [text + tokenizer.eos_token for text in texts]
    return torch.tensor(tokenizer(ended, add_special_tokens=False)["input_ids"])
