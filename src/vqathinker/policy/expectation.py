"""The expected score over a policy's own probabilities, without sampling.

Greedy decoding gives the likeliest digits only. Here the reasoning is the greedy one, and after its
`<answer>` the possible numbers are explored as a tree, the most probable branches first, until the
unexplored probability is negligible. Many branches share one forward step over the cache of the
completion: each attends to the prompt, the reasoning and its own ancestors.

Numbers are recognised by their text, so digits may be single tokens (as Qwen's) or come in twos and
threes.
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
from vqathinker.policy.answer import ANSWER_END, Prefix, answer_begins, extend, tags_agree, value_of
from vqathinker.policy.config import attention_window
from vqathinker.policy.generation import rows_of
from vqathinker.policy.model import VQAThinkerForConditionalGeneration

_WIDTH = 512  # branches of one forward step; 620 MB of probabilities with InternVL3's vocabulary
_NEGLIGIBLE = 1e-5  # share of `missing`; a less probable branch is not kept, only counted
_LEAST_MASS = 0.01  # of all numbers together, below which there is no expectation
_ANSWER_PART = re.compile(r"\s*[-0-9.]*\s*")


class Expectation(NamedTuple):
    """Mean of the numbers in range that a policy may answer.

    `mass` is the probability of the complete numbers in range, 0..1, `missing` that of unexplored
    branches. Each of these counts with the number that it begins with, if any, so the error of
    `score` is at most (highest - lowest score) * missing / mass. `spread` is the standard
    deviation. `score` and `spread` are None if the numbers have less than 0.01 together, or no
    answer was begun.
    """

    score: float | None
    spread: float | None
    mass: float
    missing: float = 0.0


class _Node(NamedTuple):
    token: int
    text: str  # of the number so far
    tail: str  # what follows it, see `Prefix`
    probability: float
    ancestors: tuple[int, ...]  # columns of the cache


class NumberTokens:
    """The tokens of a vocabulary that an answer with a number can be made of.

    Args:
        reading: `strict` leaves nothing but the number, `authors` any words around it.
    """

    def __init__(
        self, tokenizer: PreTrainedTokenizerBase, reading: AnswerParsing = "strict"
    ) -> None:
        self.reading = reading
        self.usable = [
            (token, text)
            for token in sorted(tokenizer.get_vocab().values())
            if (text := tokenizer.decode([token])) and (reading == "authors" or _may_belong(text))
        ]
        self.ids = torch.tensor([index for index, _ in self.usable])


def _may_belong(text: str) -> bool:
    """Whether a strict answer may hold this text: in its number, its blanks or its closing tag."""
    before, mark, rest = text.partition("<")
    if mark:
        return bool(_ANSWER_PART.fullmatch(before)) and tags_agree(mark + rest, ANSWER_END)
    return bool(_ANSWER_PART.fullmatch(text)) or tags_agree(text, ANSWER_END[1:])


@torch.no_grad()
def expected_score(  # noqa: PLR0913  what was said, where it lies, and how far to look
    policy: VQAThinkerForConditionalGeneration, tokenizer: PreTrainedTokenizerBase,
    tokens: NumberTokens, prompt_length: int, completion: Sequence[int], cache: DynamicCache,
    row: int, limits: tuple[float, float] | None, *, how: ExpectationParams = EXPECTATION,
) -> Expectation:  # fmt: skip
    """The expectation of the score that closes a completion.

    Args:
        tokens: of the tokenizer's vocabulary.
        prompt_length: tokens of the prompt.
        completion: token ids; what follows the last `<answer>` is ignored.
        cache: of `generate_with_cache`, with the completion; not changed.
        row: of the cache.
        limits: lowest and highest score that counts; None: any.
        how: when the search ends.
    """
    begun = _tokens_before_answer(tokenizer, completion, tokens.reading)
    if begun is None:
        return Expectation(None, None, 0.0)
    shared = prompt_length + begun - 1  # columns that every branch sees
    own = rows_of(cache, slice(row, row + 1), shared)
    ids = tokens.ids.to(policy.device)
    root = _Node(completion[begun - 1], "", "", 1.0, ())
    search = _Search(tokens, limits, how.missing, root)
    depths: list[int] = []  # of the columns behind the shared ones
    for _ in range(how.steps):
        nodes = search.pop(min(_WIDTH, how.branches - len(depths)))
        if not nodes:
            break
        first = shared + len(depths)
        depths += [len(node.ancestors) for node in nodes]
        chances = _next_probabilities(policy, nodes, own, shared, depths)[:, ids]
        search.push(nodes, first, chances)
    return search.summary()


class _Search:
    """Best-first search over the answers that a policy may give."""

    def __init__(
        self, tokens: NumberTokens, limits: tuple[float, float] | None, missing: float, root: _Node
    ) -> None:
        self._tokens, self._limits = tokens, limits or (-math.inf, math.inf)
        self._missing = missing  # that may be left
        self._frontier = [(-root.probability, 0, root)]  # a heap
        self._made = 1
        self._unexplored, self._dropped = root.probability, 0.0
        self._read: list[tuple[float, float]] = []  # score and probability

    def pop(self, number: int) -> list[_Node]:
        """Pop the most probable branches, at most `number`; none once the rest may be left."""
        nodes: list[_Node] = []
        if self._unexplored + self._dropped <= self._missing:
            return nodes
        # Half of it may be left now; their children need the other half, or one more step.
        left = max(self._missing - self._dropped, 0.0) / 2
        while self._frontier and len(nodes) < number and self._unexplored > left:
            _, _, node = heapq.heappop(self._frontier)
            self._unexplored -= node.probability
            nodes.append(node)
        return nodes

    def push(self, nodes: Sequence[_Node], column: int, chances: Tensor) -> None:
        """Take in what follows `nodes`, the first of which has this column in the cache.

        `chances` (nodes, tokens) are the probabilities of `NumberTokens.ids`.
        """
        before = torch.tensor([node.probability for node in nodes], dtype=torch.float64)
        joint = chances * before.to(chances.device)[:, None]
        kept = joint > _NEGLIGIBLE * self._missing
        self._dropped += float(joint[~kept].sum())
        # NumPy's lists are made many times faster than torch's.
        places, probabilities = (
            part.cpu().numpy().tolist() for part in (kept.nonzero(), joint[kept])
        )
        for (number, place), probability in zip(places, probabilities, strict=True):
            node, (token, piece) = nodes[number], self._tokens.usable[place]
            found = extend(Prefix(node.text, node.tail), piece, self._tokens.reading)
            if isinstance(found, float):
                self._read.append((found, probability))
            elif found is not None and not self._is_out_of_range(found.number):
                above = (*node.ancestors, column + number)
                child = _Node(token, found.number, found.tail, probability, above)
                heapq.heappush(self._frontier, (-probability, self._made, child))
                self._made += 1
                self._unexplored += probability

    def _is_out_of_range(self, number: str) -> bool:
        """Whether every number that begins like this lies outside: more digits lead away from 0."""
        value = value_of(Prefix(number))
        if value is None:
            return False
        low, high = self._limits
        return value < low if number.startswith("-") else value > high

    def summary(self) -> Expectation:
        low, high = self._limits
        inside = [
            (value, chance)
            for value, chance in self._read
            if math.isfinite(value) and low <= value <= high
        ]
        mass = math.fsum(chance for _, chance in inside)
        left = [node for _, _, node in self._frontier]
        missing = math.fsum([self._dropped, *(node.probability for node in left)])
        for node in left:
            value = value_of(Prefix(node.text, node.tail))
            if value is not None and math.isfinite(value):
                inside.append((min(max(value, low), high), node.probability))
        return Expectation(*_moments(inside), mass, missing)


def _moments(values: Sequence[tuple[float, float]]) -> tuple[float | None, float | None]:
    """Mean and standard deviation of values with probabilities; None where these are too small."""
    total = math.fsum(chance for _, chance in values)
    if total < _LEAST_MASS:
        return None, None
    mean = math.fsum(value * chance for value, chance in values) / total
    variance = math.fsum((value - mean) ** 2 * chance for value, chance in values) / total
    return mean, math.sqrt(variance)


def _tokens_before_answer(
    tokenizer: PreTrainedTokenizerBase, completion: Sequence[int], reading: AnswerParsing
) -> int | None:
    """Tokens up to the end of the last `<answer>`; None where none ends with a token."""
    text = tokenizer.decode(completion)
    place = answer_begins(text, reading)
    if place is None:
        return None
    for number in range(1, len(completion) + 1):
        beginning = tokenizer.decode(completion[:number])
        if len(beginning) >= place:
            return number if beginning.rstrip() == text[:place] else None
    return None


def _next_probabilities(
    policy: VQAThinkerForConditionalGeneration, level: Sequence[_Node], cache: DynamicCache,
    shared: int, depths: Sequence[int],
) -> Tensor:  # fmt: skip
    """Probabilities (nodes, vocabulary) of what follows each node; their keys go into the cache.

    `shared` columns of the cache are seen by all nodes; `depths` of the others count from there,
    those of `level` last.
    """
    device, past = policy.device, cache.get_seq_length()
    seen = torch.zeros((len(level), past + len(level)), dtype=torch.bool)
    seen[:, :shared] = True
    for number, node in enumerate(level):
        seen[number, [*node.ancestors, past + number]] = True
    positions = torch.cat([torch.arange(shared), shared + torch.tensor(depths)])
    out = policy.model(
        input_ids=torch.tensor([[node.token for node in level]], device=device),
        position_ids=positions[None, past:].to(device),
        attention_mask=_masks(policy, seen, positions),
        past_key_values=cache,
        use_cache=True,
    )
    return policy.next_logits(out.last_hidden_state[0]).softmax(-1, dtype=torch.float64)


def _masks(
    policy: VQAThinkerForConditionalGeneration, seen: Tensor, positions: Tensor
) -> Tensor | dict[str, Tensor]:
    """What attention adds for the columns that each node sees (nodes, columns), by kind of layer.

    `positions` (columns,) are those of tokens, for columns that follow each other need not be
    neighbours in an answer.
    """

    def added(visible: Tensor) -> Tensor:
        mask = torch.zeros(visible.shape, dtype=policy.dtype).masked_fill(~visible, -torch.inf)
        return mask[None, None].to(policy.device)

    window = attention_window(policy.config.text_config)
    if window is None:
        return added(seen)
    near = positions[-len(seen) :, None] - positions < window
    return {"full_attention": added(seen), "sliding_attention": added(seen & near)}
