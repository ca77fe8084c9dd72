"""The expected score over a policy's own probabilities, without sampling.

Greedy decoding returns only the most probable digits. Here the reasoning is greedy, but the numbers
that may follow its `<answer>` are explored as a tree, the most probable branches first, until the
unexplored probability is negligible. Many branches share one forward pass on the cache of the
completion: each attends to the prompt, the reasoning and its own ancestors.

Numbers are recognised by their text, so a tokenizer may have single digits (as Qwen's) or merge
several into one token.
"""

import heapq
import math
import re
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedTokenizerBase

from vqathinker.choices import AnswerParsing
from vqathinker.params import EXPECTATION, ExpectationParams
from vqathinker.policy.answer import (
    PartialAnswer,
    answer_start,
    extend_prefix,
    may_close_answer,
    prefix_value,
)
from vqathinker.policy.config import attention_window
from vqathinker.policy.generation import CacheRow, select_rows
from vqathinker.policy.model import VQAThinkerForConditionalGeneration

_WIDTH = 512  # branches per forward pass; 620 MB of probabilities with InternVL3's vocabulary
_NEGLIGIBLE = 1e-5  # share of `missing`; less probable branches are not explored, only counted
_MIN_MASS = 0.01  # total probability of all numbers, below which there is no expectation
_ANSWER_PART = re.compile(r"\s*[-0-9.]*\s*")


class Expectation(NamedTuple):
    """Mean and standard deviation of the numbers in range that a policy may answer.

    Both are None if the numbers have less probability than 0.01 together, or if the completion has
    no answer. An unexplored branch counts with the number that it begins with, if any, so the error
    of `score` is at most (highest - lowest score) * missing / mass.
    """

    score: float | None
    spread: float | None  # standard deviation
    mass: float  # probability of the complete numbers in range, 0..1
    missing: float = 0.0  # probability of unexplored branches, 0..1


class _Node(NamedTuple):
    """A token of a branch, and the answer up to it."""

    token: int
    number: str  # as in `PartialAnswer`
    tail: str  # as in `PartialAnswer`
    probability: float
    ancestors: tuple[int, ...]  # their columns in the cache


class NumberTokens:
    """The tokens of a vocabulary that can be part of an answer with a number.

    With the reading "strict", an answer is a number only; with "authors", words may surround it.
    """

    def __init__(
        self, tokenizer: PreTrainedTokenizerBase, reading: AnswerParsing = "strict"
    ) -> None:
        self.reading = reading
        self.usable = [
            (token, text)
            for token in sorted(tokenizer.get_vocab().values())
            if (text := tokenizer.decode([token])) and (reading == "authors" or _is_usable(text))
        ]
        self.ids = torch.tensor([token for token, _ in self.usable])


def _is_usable(text: str) -> bool:
    """Whether a strict answer may contain this text: number, whitespace or closing tag."""
    before, bracket, rest = text.partition("<")
    if bracket:
        return bool(_ANSWER_PART.fullmatch(before)) and may_close_answer(bracket + rest)
    return bool(_ANSWER_PART.fullmatch(text)) or may_close_answer(f"<{text}")


@torch.no_grad()
def expected_score(
    policy: VQAThinkerForConditionalGeneration,
    tokenizer: PreTrainedTokenizerBase,
    tokens: NumberTokens,
    prompt_length: int,
    completion: Sequence[int],
    cached: CacheRow,
    limits: tuple[float, float] | None,
    params: ExpectationParams = EXPECTATION,
) -> Expectation:
    """The expectation of the score at the end of a completion.

    Args:
        prompt_length: tokens of the prompt.
        completion: token ids; those after the last `<answer>` are ignored.
        cached: keys and values of prompt and completion, which are not changed.
        limits: lowest and highest score that counts; None: any.
        params: when the search stops.
    """
    begun = _tokens_before_answer(tokenizer, completion, tokens.reading)
    if begun is None:
        return Expectation(None, None, 0.0)
    shared = prompt_length + begun - 1  # columns that all branches attend to
    cache = select_rows(cached.cache, slice(cached.row, cached.row + 1), shared)
    ids = tokens.ids.to(policy.device)
    root = _Node(completion[begun - 1], "", "", 1.0, ())
    search = _Search(tokens, limits, params.missing, root)
    depths: list[int] = []  # of the columns after the shared ones
    for _ in range(params.steps):
        nodes = search.pop(min(_WIDTH, params.branches - len(depths)))
        if not nodes:
            break
        first = shared + len(depths)
        depths += [len(node.ancestors) for node in nodes]
        probabilities = _next_probabilities(policy, nodes, cache, shared, depths)[:, ids]
        search.push(nodes, first, probabilities)
    return search.summary()


class _Search:
    """Best-first search over the answers that a policy may give."""

    def __init__(
        self, tokens: NumberTokens, limits: tuple[float, float] | None, missing: float, root: _Node
    ) -> None:
        self._tokens, self._limits = tokens, limits or (-math.inf, math.inf)
        self._missing = missing  # unexplored probability at which the search may stop
        self._frontier = [(-root.probability, 0, root)]  # a heap; the number breaks ties
        self._created = 1
        self._unexplored, self._dropped = root.probability, 0.0
        self._scores: list[tuple[float, float]] = []  # complete numbers and their probability

    def pop(self, number: int) -> list[_Node]:
        """Remove and return the most probable branches, at most `number`.

        Returns none if the rest is negligible.
        """
        nodes: list[_Node] = []
        if self._unexplored + self._dropped <= self._missing:
            return nodes
        # Stop at half of what may be left: the children of these nodes need the other half, or one
        # more forward pass.
        left = max(self._missing - self._dropped, 0.0) / 2
        while self._frontier and len(nodes) < number and self._unexplored > left:
            _, _, node = heapq.heappop(self._frontier)
            self._unexplored -= node.probability
            nodes.append(node)
        return nodes

    def push(self, nodes: Sequence[_Node], column: int, probabilities: Tensor) -> None:
        """Add the children of `nodes`, the first of which has this column in the cache.

        `probabilities` (nodes, tokens) are those of `NumberTokens.ids` after each node.
        """
        parents = torch.tensor([node.probability for node in nodes], dtype=torch.float64)
        joint = probabilities * parents.to(probabilities.device)[:, None]  # (nodes, tokens)
        kept = joint > _NEGLIGIBLE * self._missing
        self._dropped += float(joint[~kept].sum())
        # Converting to lists is many times faster in NumPy than in torch.
        places, kept_probabilities = (
            part.cpu().numpy().tolist() for part in (kept.nonzero(), joint[kept])
        )
        for (number, place), probability in zip(places, kept_probabilities, strict=True):
            node, (token, piece) = nodes[number], self._tokens.usable[place]
            found = extend_prefix(
                PartialAnswer(node.number, node.tail), piece, self._tokens.reading
            )
            if isinstance(found, float):
                self._scores.append((found, probability))
            elif found is not None and not self._is_out_of_range(found.number):
                ancestors = (*node.ancestors, column + number)
                child = _Node(token, found.number, found.tail, probability, ancestors)
                heapq.heappush(self._frontier, (-probability, self._created, child))
                self._created += 1
                self._unexplored += probability

    def _is_out_of_range(self, number: str) -> bool:
        value = prefix_value(PartialAnswer(number))
        if value is None:
            return False
        low, high = self._limits
        # More digits only lead away from 0.
        return value < low if number.startswith("-") else value > high

    def summary(self) -> Expectation:
        low, high = self._limits
        inside = [
            (value, probability)
            for value, probability in self._scores
            if math.isfinite(value) and low <= value <= high
        ]
        mass = math.fsum(probability for _, probability in inside)
        left = [node for _, _, node in self._frontier]
        missing = math.fsum([self._dropped, *(node.probability for node in left)])
        for node in left:
            value = prefix_value(PartialAnswer(node.number, node.tail))
            if value is not None and math.isfinite(value):
                inside.append((min(max(value, low), high), node.probability))
        return Expectation(*_mean_and_deviation(inside), mass, missing)


def _mean_and_deviation(
    values: Sequence[tuple[float, float]],
) -> tuple[float | None, float | None]:
    """Of values with their probabilities; None if these are too small."""
    total = math.fsum(probability for _, probability in values)
    if total < _MIN_MASS:
        return None, None
    mean = math.fsum(value * probability for value, probability in values) / total
    variance = math.fsum((value - mean) ** 2 * p for value, p in values) / total
    return mean, math.sqrt(variance)


def _tokens_before_answer(
    tokenizer: PreTrainedTokenizerBase, completion: Sequence[int], reading: AnswerParsing
) -> int | None:
    """Tokens up to the end of the last `<answer>`; None if no token ends there."""
    text = tokenizer.decode(completion)
    place = answer_start(text, reading)
    if place is None:
        return None
    for number in range(1, len(completion) + 1):
        beginning = tokenizer.decode(completion[:number])
        if len(beginning) >= place:
            return number if beginning.rstrip() == text[:place] else None
    return None


def _next_probabilities(
    policy: VQAThinkerForConditionalGeneration,
    nodes: Sequence[_Node],
    cache: DynamicCache,
    shared: int,
    depths: Sequence[int],
) -> Tensor:
    """Probabilities (nodes, vocabulary) of the token after each node. Extends the cache.

    All nodes attend to `shared` columns of the cache. `depths` are those of the further columns,
    which end with the columns of `nodes`.
    """
    device, past = policy.device, cache.get_seq_length()
    visible = torch.zeros((len(nodes), past + len(nodes)), dtype=torch.bool)
    visible[:, :shared] = True
    for number, node in enumerate(nodes):
        visible[number, [*node.ancestors, past + number]] = True
    positions = torch.cat([torch.arange(shared), shared + torch.tensor(depths)])
    out = policy.model(
        input_ids=torch.tensor([[node.token for node in nodes]], device=device),
        position_ids=positions[None, past:].to(device),
        attention_mask=_attention_masks(policy, visible, positions),
        past_key_values=cache,
        use_cache=True,
    )
    return policy.next_logits(out.last_hidden_state[0]).softmax(-1, dtype=torch.float64)


def _attention_masks(
    policy: VQAThinkerForConditionalGeneration, visible: Tensor, positions: Tensor
) -> Tensor | dict[str, Tensor]:
    """Additive masks for the columns that each node sees (nodes, columns), by kind of layer.

    A sliding window counts `positions` (columns,): neighbouring columns are often of different
    branches.
    """

    def additive(columns: Tensor) -> Tensor:
        mask = torch.zeros(columns.shape, dtype=policy.dtype).masked_fill(~columns, -torch.inf)
        return mask[None, None].to(policy.device)

    window = attention_window(policy.config.text_config)
    if window is None:
        return additive(visible)
    near = positions[-len(visible) :, None] - positions < window
    return {"full_attention": additive(visible), "sliding_attention": additive(visible & near)}
