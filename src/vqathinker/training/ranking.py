"""The ranking reward: how well rollouts order the videos of a batch (Thurstone's model).

Source: docs/method.md, section 3.2; authors' `rank_reward` and `fidelity_reward` in
`grpo_jsonl.py` at ee47a40, taken from VisualQuality-R1.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

Floats = NDArray[np.float64]

_LARGEST = 1e100  # scores are clipped to it, so that no square overflows


def ranking(scores: ArrayLike, mos: ArrayLike, *, epsilon: float = 1e-6) -> Floats:
    """Fidelity of each rollout's comparisons with all other videos of the batch, averaged.

    Rollout j of video i against video z, with Φ the normal CDF and ε = `epsilon`:
    `p = Φ((y_ij - mean_z) / sqrt(var_i + var_z + ε))`,
    `R = sqrt(p·g + ε) + sqrt((1 - p)(1 - g) + ε)`, g = 1, ½, 0 for q_i >, =, < q_z.
    y = `scores` (..., videos, group), q = `mos` (..., videos); mean and variance (n - 1) over the
    valid rollouts of a group. Range 2√ε … √(1+ε)+√ε, about 0.002…1.001; 0 for a failure.

    A group with one valid rollout has variance 0. A video without valid rollouts is not compared
    with. If there is nothing to compare with (one video in the batch), the reward is 0.

    Raises:
        ValueError: shapes do not match, or a MOS is not finite.

    >>> ranking([[4.0, 4.2], [2.0, 4.1]], [3.9, 2.1]).round(3)
    array([[0.86 , 0.884],
           [0.96 , 0.708]])
    """
    y, valid, q = check_batch(scores, mos)
    mean, variance = _mean_and_variance(y, valid)  # (..., videos)
    g = (1 + np.sign(q[..., :, None] - q[..., None, :])) / 2  # (..., i, z)
    deviation = np.sqrt(variance[..., :, None] + variance[..., None, :] + epsilon)  # (..., i, z)
    has_score = np.asarray(valid.any(axis=-1))
    is_opponent = has_score[..., None, :] & ~np.eye(q.shape[-1], dtype=bool)  # (..., i, z)

    difference = y[..., None] - mean[..., None, None, :]  # (..., i, j, z)
    p = ndtr(difference / deviation[..., :, None, :])
    g = g[..., :, None, :]
    fidelity = np.sqrt(p * g + epsilon) + np.sqrt((1 - p) * (1 - g) + epsilon)
    total = np.einsum("...jz,...z->...j", fidelity, is_opponent.astype(float))
    average = total / np.maximum(is_opponent.sum(axis=-1, keepdims=True), 1)
    return np.where(valid, average, 0.0)


def check_batch(scores: ArrayLike, mos: ArrayLike) -> tuple[Floats, NDArray[np.bool_], Floats]:
    """Arrays of a batch: scores (..., videos, group), which of them are valid, MOS (..., videos).

    A score that is not finite is a failure: not valid, and replaced by 0.

    Raises:
        ValueError: shapes do not match, or a MOS is not finite.
    """
    y, q = np.asarray(scores, dtype=float), np.asarray(mos, dtype=float)
    if y.ndim < 2 or q.shape != y.shape[:-1] or not np.isfinite(q).all():
        raise ValueError(
            f"scores have shape {y.shape}, mos {q.shape}: {q.tolist()}; expected (..., videos, "
            "group) and a finite MOS for each video"
        )
    valid = np.isfinite(y)
    limits = (-_LARGEST, _LARGEST)
    return np.clip(np.where(valid, y, 0.0), *limits), valid, np.clip(q, *limits)


def _mean_and_variance(y: Floats, valid: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Over the valid rollouts of each group (..., videos); 0 where undefined."""
    count = valid.sum(axis=-1)
    mean = y.sum(axis=-1) / np.maximum(count, 1)
    deviation = np.where(valid, y - mean[..., None], 0.0)
    return mean, (deviation**2).sum(axis=-1) / np.maximum(count - 1, 1)
