"""Packed rows: the prompt of a video, then all of its completions, which do not see each other.

Source: docs/method.md, section 5 (G completions answer one prompt). Plain rows repeat the prompt,
G × (prompt + completion) tokens. A packed row has prompt + Σ completions, and needs no cache, so
that layers can be recomputed in backward. Layers with a sliding window cannot use it, because the
window counts columns.
"""

from typing import NamedTuple

import torch
from torch import Tensor

_PROMPT, _PADDING = -1, -2  # owners of a column besides the completions


class PackedRows(NamedTuple):
    """Layout of rows of `prompt length + fed` columns.

    The last token of a completion predicts nothing and is not fed.

    `tokens` (videos, fed): the completions, padded with 0. `positions` (videos, columns): each
    completion continues the positions of the prompt. `mask` (videos, 1, columns, columns):
    true where the query of a row's column sees the key of another. `is_token` (completions,
    tokens): true for tokens of a completion, false for its padding. `predicted_by` (tokens,): for
    each of them in order the place in the flattened rows whose hidden state predicts it.
    """

    tokens: Tensor
    positions: Tensor
    mask: Tensor
    is_token: Tensor
    predicted_by: Tensor


def pack(
    completion_ids: Tensor, lengths: Tensor, rows: Tensor, videos: int, prompt: int
) -> PackedRows:
    """Lay out completions after the prompts that they answer.

    Args:
        completion_ids: padded on the right (completions, tokens).
        lengths: tokens of each completion, at least 1 (completions,).
        rows: the video that each completion is about, 0 … `videos` - 1 (completions,).
        prompt: length of every prompt, at least 1.
    """
    number, longest = completion_ids.shape
    place = torch.arange(longest, device=completion_ids.device)
    is_token, fed = place < lengths[:, None], place < lengths[:, None] - 1
    before = (rows[:, None] == rows).tril(-1)  # completions of the same video
    offset = torch.where(before, lengths - 1, 0).sum(1)  # CUDA has no integer matrix product
    column = prompt + offset[:, None] + place
    columns = int(column[fed].max()) + 1 if bool(fed.any()) else prompt
    row = rows[:, None].expand(number, longest)
    at = (row[fed], column[fed])

    shape = (videos, columns)
    tokens = completion_ids.new_zeros(shape)
    tokens[at] = completion_ids[fed]
    positions = torch.arange(columns, device=place.device).repeat(videos, 1)
    positions[at] = (prompt + place).expand(number, longest)[fed]
    owner = torch.full(shape, _PADDING, device=place.device)
    owner[:, :prompt] = _PROMPT
    owner[at] = torch.arange(number, device=place.device)[:, None].expand(number, longest)[fed]

    shared = (owner == _PROMPT)[:, None] | (owner[:, :, None] == owner[:, None])
    mask = shared & torch.ones(columns, columns, dtype=torch.bool, device=place.device).tril()
    predictor = torch.where(place == 0, prompt - 1, column - 1)
    return PackedRows(
        tokens[:, prompt:],
        positions,
        mask[:, None],
        is_token,
        (row * columns + predictor)[is_token],
    )
