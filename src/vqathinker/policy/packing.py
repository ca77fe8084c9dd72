"""Packed rows: the prompt of a video, followed by all of its completions.

Completions attend to the prompt and to themselves, not to each other. A plain batch repeats the
prompt for each completion: G · (prompt + completion) tokens instead of prompt + Σ completions.
Unlike a shared key-value cache, a packed row allows gradient checkpointing. It does not work with a
sliding attention window, which counts columns of the row.

Source: docs/method.md, section 5.
"""

from typing import NamedTuple

import torch
from torch import Tensor

_PROMPT, _PADDING = -1, -2  # owners of columns that belong to no completion


class PackedRows(NamedTuple):
    """Rows of `columns` = prompt length + `fed` tokens.

    The last token of a completion predicts nothing, so it is not fed.
    """

    tokens: Tensor  # (videos, fed) completions of a video one after the other, padded with 0
    positions: Tensor  # (videos, columns) each completion continues the positions of the prompt
    mask: Tensor  # (videos, 1, columns, columns) true where a query (row) attends to a key
    is_token: Tensor  # (completions, tokens) false where a completion is padded
    predicted_by: Tensor  # (tokens,) place in the flattened rows whose state predicts the token


def pack(
    completion_ids: Tensor, lengths: Tensor, rows: Tensor, videos: int, prompt: int
) -> PackedRows:
    """Lay out completions after the prompts that they answer.

    Args:
        completion_ids: padded on the right (completions, tokens).
        lengths: tokens of each completion, at least 1 (completions,).
        rows: the video of each completion, 0 … `videos` - 1 (completions,).
        prompt: length of every prompt, at least 1.
    """
    number, max_length = completion_ids.shape
    place = torch.arange(max_length, device=completion_ids.device)  # (tokens,)
    is_token, fed = place < lengths[:, None], place < lengths[:, None] - 1  # (completions, tokens)
    before = (rows[:, None] == rows).tril(-1)  # earlier completions of the same video
    # A sum instead of a matrix product, because CUDA has no integer matmul.
    offset = torch.where(before, lengths - 1, 0).sum(1)
    column = prompt + offset[:, None] + place  # (completions, tokens)
    columns = int(column[fed].max()) + 1 if bool(fed.any()) else prompt
    row = rows[:, None].expand(number, max_length)
    at = (row[fed], column[fed])

    shape = (videos, columns)
    tokens = completion_ids.new_zeros(shape)
    tokens[at] = completion_ids[fed]
    positions = torch.arange(columns, device=place.device).repeat(videos, 1)
    positions[at] = (prompt + place).expand(number, max_length)[fed]
    owner = torch.full(shape, _PADDING, device=place.device)
    owner[:, :prompt] = _PROMPT
    owner[at] = torch.arange(number, device=place.device)[:, None].expand(number, max_length)[fed]

    # Padding attends to padding: attention over no key at all would be NaN.
    shared = (owner == _PROMPT)[:, None] | (owner[:, :, None] == owner[:, None])
    mask = shared & torch.ones(columns, columns, dtype=torch.bool, device=place.device).tril()
    # The prompt's last token predicts the first token of every completion.
    predictor = torch.where(place == 0, prompt - 1, column - 1)
    return PackedRows(
        tokens[:, prompt:],
        positions,
        mask[:, None],
        is_token,
        (row * columns + predictor)[is_token],
    )
