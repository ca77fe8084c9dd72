"""Speed of scoring 10,000 completions, compared with plain Python loops.

The loops implement the formulas and regular expressions of docs/method.md, section 3, one
completion and one pair of videos at a time. The report includes the largest difference of results.
"""

import argparse
import json
import math
import platform
import re
import statistics
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from vqathinker.params import AnswerParams, RewardsParams
from vqathinker.policy.answer import Completion
from vqathinker.training.rewards import compute_rewards

COMPLETIONS = 10_000
TARGET_S = 0.050
EPSILON, SIGMA, PENALTY = 1e-6, 0.5, 0.8


class Shape(NamedTuple):
    """Videos of a batch, rollouts per video, and whether the target applies."""

    videos: int
    group: int
    targeted: bool


class Timed(NamedTuple):
    """Seconds of our code and of the loops, and the largest difference of their rewards."""

    ours: float
    loops: float
    difference: float


SHAPES = {
    "device batches of 2 videos": Shape(2, 4, True),
    "step batches of 25 videos": Shape(25, 4, True),
    "one batch of 1250 videos": Shape(1250, 8, False),  # 12.5 million pairs
}
PARAMS = RewardsParams.model_validate(
    {
        "regression": {"sigma": SIGMA, "coarse_penalty": PENALTY},
        "ranking": {"scope": "device", "epsilon": EPSILON},
        "temporal": {
            "rule": "batch",
            "perturbed_rollouts": None,
            "bonus": 0.3,
            "ranking_above": 0.5,
            "regression_above": 0.9,
        },
        "weights": {"regression": 1, "ranking": 1, "format": 1, "temporal": 1},
    }
)

AUTHORS = AnswerParams(parsing="authors", range=None)


def main() -> None:
    """Measure all shapes and write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True, help="JSON file to write")
    parser.add_argument(
        "--repeats", type=int, default=15, help="number of measurements; the fastest counts"
    )
    parser.add_argument("--quick", action="store_true", help="few completions, as a test")
    arguments = parser.parse_args()
    number = COMPLETIONS // 10 if arguments.quick else COMPLETIONS
    shapes = {k: shape for k, shape in SHAPES.items() if shape.videos * shape.group <= number}
    timed = {name: time_shape(shape, number, arguments.repeats) for name, shape in shapes.items()}
    report = {
        "what": f"rewards of {number} completions, parsing included, no perturbed rollouts",
        "target_seconds": {name: TARGET_S for name, shape in shapes.items() if shape.targeted},
        "ratios": {name: {"times loops": one.loops / one.ours} for name, one in timed.items()},
        "seconds": {name: {"ours": one.ours, "loops": one.loops} for name, one in timed.items()},
        "counts": {"completions": number},
        "largest_difference": max(one.difference for one in timed.values()),
        "machine": {"processor": platform.machine(), "system": platform.system()},
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("numpy", "scipy")},
        },
    }
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def time_shape(shape: Shape, number: int, repeats: int) -> Timed:
    """Measure our code and the loops."""
    texts, mos = draw(number // shape.group, shape.group)
    completions = [[Completion(text) for text in group] for group in texts]
    batches = len(mos) // shape.videos
    ours, rewards = clock(
        lambda: (
            compute_rewards(completions, mos, None, PARAMS, AUTHORS, device_batches=batches).total
        ),
        repeats,
    )
    most = 3 if shape.targeted else 1  # a whole batch takes the loops many seconds
    loops, expected = clock(lambda: loop_over_batches(texts, mos, shape.videos), min(repeats, most))
    return Timed(ours, loops, float(np.abs(rewards - expected).max()))


def draw(videos: int, group: int) -> tuple[list[list[str]], list[float]]:
    """Completions of about 500 characters, of which 90 % have the format, and labels."""
    rng = np.random.default_rng(0)
    mos = rng.uniform(1, 5, videos)
    thought = "The frames are slightly blurred and the motion stutters. " * 8
    scores = np.clip(mos[:, None] + rng.normal(0, 0.4, (videos, group)), 1, 5)
    blank = np.where(rng.random((videos, group)) < 0.1, " so ", "\n")
    texts = [
        [
            f"<think>{thought}</think>{between}<answer>{score:.2f}</answer>"
            for score, between in zip(*row, strict=True)
        ]
        for row in zip(scores, blank, strict=True)
    ]
    return texts, mos.tolist()


def clock(work: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    """Shortest time, which other processes affect least, and the last result."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - start)
    return min(seconds), result


def loop_over_batches(
    texts: Sequence[Sequence[str]], mos: Sequence[float], videos: int
) -> list[list[float]]:
    """Total rewards by plain loops."""
    totals: list[list[float]] = []
    for start in range(0, len(mos), videos):
        totals += loop_over_pairs(texts[start : start + videos], mos[start : start + videos])
    return totals


def loop_over_pairs(texts: Sequence[Sequence[str]], mos: Sequence[float]) -> list[list[float]]:
    """Total rewards of one batch by plain loops."""
    scores = [[read(text) for text in group] for group in texts]
    means = [statistics.fmean(group) for group in scores]
    variances = [statistics.variance(group) for group in scores]
    totals = []
    for i, group in enumerate(texts):
        row = []
        for text, y in zip(group, scores[i], strict=True):
            ranked = 0.0
            for z in range(len(mos)):
                if z != i:
                    x = (y - means[z]) / math.sqrt(variances[i] + variances[z] + EPSILON)
                    p = 0.5 * math.erfc(-x / math.sqrt(2))
                    g = 1.0 if mos[i] > mos[z] else 0.0 if mos[i] < mos[z] else 0.5
                    ranked += math.sqrt(p * g + EPSILON) + math.sqrt((1 - p) * (1 - g) + EPSILON)
            row.append(ranked / (len(mos) - 1) + closeness(y, mos[i]) + tags(text))
        totals.append(row)
    return totals


def read(text: str) -> float:
    """The score of a completion."""
    answers = re.findall(r"<answer>(.*?)</answer>", text, re.DOTALL)
    found = re.search(r"-?\d+(\.\d+)?", answers[-1] if answers else text)
    return float(found.group()) if found else math.nan


def closeness(y: float, q: float) -> float:
    """Regression reward of one completion."""
    decimals = str(y).partition(".")[2].rstrip("0")
    return math.exp(-((y - q) ** 2) / (2 * SIGMA**2)) * (PENALTY if len(decimals) < 2 else 1.0)


def tags(text: str) -> float:
    """Format reward of one completion."""
    whole = r"<think>.*?</think>\s*<answer>.*?</answer>"
    return float(re.fullmatch(whole, text, re.DOTALL) is not None)


if __name__ == "__main__":
    main()
