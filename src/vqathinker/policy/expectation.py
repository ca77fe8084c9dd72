"""The expectation of a score over a policy's own probabilities: no sampling, and all it knows.

Greedy decoding shows the likeliest digits and hides the others. Here the reasoning is the greedy
one, and behind its `<answer>` every number that the policy may say is followed, token by token, as
a tree. All nodes of a level are one forward step over the cache of the completion: each sees the
prompt, the reasoning and its own ancestors.

Any tokenizer will do whose tokens decode to text by themselves: numbers are told by their text, so
it does not matter whether digits are tokens of their own (Qwen's are) or come in twos and threes.
"""

import math
import re
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedTokenizerBase

from vqathinker.errors import InputError
from vqathinker.policy.device import masked_attention
from vqathinker.policy.model import VQAThinkerForConditionalGeneration

__all__ = ["Expectation", "NumberTokens", "expected_score"]

_OPEN, _CLOSE = "<answer>", "</answer>"
_PREFIX = re.compile(r"-?(?:[0-9]+(?:\.[0-9]*)?)?")
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
_DEEPEST = 12  # tokens of a number
_LEAST = 1e-4  # probability below which a branch is left
_LEAST_MASS = 0.01  # of all numbers together, below which there is no expectation
_PART = re.compile(r"[-0-9.]+")


class Expectation(NamedTuple):
    """What a policy says on average where it says a number in range.

    `mass` is the probability of these numbers, 0..1; what else the policy may say, and what is too
    unlikely to be followed, is left out. `spread` is the standard deviation. Both `score` and
    `spread` are None where the mass is below 0.01, or no answer was begun.
    """

    score: float | None
    spread: float | None
    mass: float


class _Node(NamedTuple):
    token: int
    text: str  # of the number so far
    probability: float
    column: int  # of the cache
    ancestors: tuple[int, ...]  # columns


class NumberTokens:
    """The tokens of a vocabulary that numbers are made of, and those that may follow one.

    Raises:
        InputError: the vocabulary has no token for some digit, so numbers cannot be followed.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        texts = {
            index: tokenizer.decode([index]) for index in sorted(tokenizer.get_vocab().values())
        }
        self.parts = {index: text for index, text in texts.items() if _PART.fullmatch(text)}
        self.blanks = {index for index, text in texts.items() if text.isspace()}
        self.ends = {index for index, text in texts.items() if text and _CLOSE.startswith(text)}
        if lacking := sorted(set("0123456789.") - set("".join(self.parts.values()))):
            raise InputError(
                f"no token of the vocabulary holds {', '.join(lacking)}, so the numbers that the "
                "policy may say cannot be followed: set evaluation.score to greedy or mean"
            )
        self.ids = torch.tensor([*self.parts, *sorted(self.blanks | self.ends)])


@torch.no_grad()
def expected_score(
    policy: VQAThinkerForConditionalGeneration,
    tokenizer: PreTrainedTokenizerBase,
    tokens: NumberTokens,
    prompt_length: int,
    completion: Sequence[int],
    cache: DynamicCache,
    row: int,
    limits: tuple[float, float] | None,
) -> Expectation:
    """The expectation of the score that closes a completion.

    Args:
        tokens: of the tokenizer's vocabulary.
        prompt_length: tokens of the prompt.
        completion: token ids; what stands behind the last `<answer>` is said anew.
        cache: that `generate_with_cache` remembers the completion in; stays as it is.
        row: of the cache.
        limits: lowest and highest score that counts; None: any.
    """
    begun = _answer_begins(tokenizer, completion)
    if begun is None:
        return Expectation(None, None, 0.0)
    length = prompt_length + begun
    own = _row_of(cache, row, length - 1)
    ids = tokens.ids.to(policy.device)
    level = [_Node(completion[begun - 1], "", 1.0, length - 1, ())]
    values: list[tuple[float, float]] = []
    for depth in range(_DEEPEST):
        chances = _next_probabilities(policy, level, own, length - 1, depth)[:, ids].tolist()
        column, children = own.get_seq_length(), list[_Node]()
        for node, row_chances in zip(level, chances, strict=True):
            ended = 0.0
            for token, chance in zip(tokens.ids.tolist(), row_chances, strict=True):
                probability = node.probability * chance
                if token in tokens.ends or (token in tokens.blanks and node.text):
                    ended += probability
                    continue
                text = node.text + tokens.parts.get(token, "")  # a blank before the number
                if probability >= _LEAST and _PREFIX.fullmatch(text):
                    place = column + len(children)
                    above = (*node.ancestors, node.column)
                    children.append(_Node(token, text, probability, place, above))
            if _NUMBER.fullmatch(node.text):
                values.append((float(node.text), ended))
        if not children:
            break
        level = children
    return _summary(values, limits)


def _answer_begins(tokenizer: PreTrainedTokenizerBase, completion: Sequence[int]) -> int | None:
    """Tokens up to the end of the last `<answer>`; None where none ends with a token."""
    text = tokenizer.decode(completion)
    place = text.rfind(_OPEN)
    if place < 0:
        return None
    wanted = text[: place + len(_OPEN)]
    for number in range(1, len(completion) + 1):
        said = tokenizer.decode(completion[:number])
        if len(said) >= len(wanted):
            return number if said.rstrip() == wanted else None
    return None


def _row_of(cache: DynamicCache, row: int, length: int) -> DynamicCache:
    own = DynamicCache()
    for number, layer in enumerate(cache.layers):
        own.update(layer.keys[row : row + 1, :, :length], layer.values[row : row + 1, :, :length],
                   number)  # fmt: skip
    return own


def _next_probabilities(
    policy: VQAThinkerForConditionalGeneration, level: Sequence[_Node], cache: DynamicCache,
    shared: int, depth: int,
) -> Tensor:  # fmt: skip
    """Probabilities (nodes, vocabulary) of what follows each node; their keys go into the cache.

    `shared` columns of the cache are seen by all nodes.
    """
    device, past = policy.device, cache.get_seq_length()
    seen = torch.zeros((len(level), past + len(level)), dtype=torch.bool)
    seen[:, :shared] = True
    for number, node in enumerate(level):
        seen[number, [*node.ancestors, past + number]] = True
    mask = torch.zeros(seen.shape, dtype=policy.dtype).masked_fill(~seen, -torch.inf)
    with masked_attention(policy.model.language_model):
        out = policy.model(
            input_ids=torch.tensor([[node.token for node in level]], device=device),
            position_ids=torch.full((1, len(level)), shared + depth, device=device),
            attention_mask=mask[None, None].to(device),
            past_key_values=cache,
            use_cache=True,
        )
    logits = policy.lm_head(out.last_hidden_state[0]).float()
    logits[:, policy.config.image_token_id] = -torch.inf
    return logits.softmax(-1, dtype=torch.float64)


def _summary(
    values: Sequence[tuple[float, float]], limits: tuple[float, float] | None
) -> Expectation:
    low, high = limits or (-math.inf, math.inf)
    inside = [(value, chance) for value, chance in values if low <= value <= high]
    mass = math.fsum(chance for _, chance in inside)
    if mass < _LEAST_MASS:
        return Expectation(None, None, mass)
    mean = math.fsum(value * chance for value, chance in inside) / mass
    variance = math.fsum((value - mean) ** 2 * chance for value, chance in inside) / mass
    return Expectation(mean, math.sqrt(variance), mass)
