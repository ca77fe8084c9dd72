"""How fast SRCC and PLCC are resampled, compared with a loop over scipy's functions.

As many videos as in LSVQ-test, with ties. The loop runs on fewer of the same resamples, and its
time is scaled up. The report includes the largest difference between the correlations.
"""

import argparse
import json
import platform
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import pearsonr, spearmanr

from vqathinker.evaluation.intervals import bootstrap
from vqathinker.evaluation.resampling import group_numbers, resample_counts

VIDEOS, CONTENTS, RESAMPLES, LOOPED = 7182, 20, 10_000, 200
TARGET_S = 5.0


def main() -> None:
    """Time resampling by video and by content, and write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--repeats", type=int, default=3, help="timings; the best one counts")
    parser.add_argument("--quick", action="store_true", help="few resamples, as a test")
    arguments = parser.parse_args()
    resamples, looped = (100, 10) if arguments.quick else (RESAMPLES, LOOPED)
    scores, mos = draw()
    units = {"by video": None, "by content": np.arange(VIDEOS) % CONTENTS}
    seconds, differences = {}, []
    for unit, groups in units.items():
        ours, drawn = clock(lambda g=groups: ours_of(scores, mos, g, resamples), arguments.repeats)
        loop, expected = clock(lambda g=groups: loop_over_resamples(scores, mos, g, looped), 1)
        seconds[unit] = {"ours": ours, "loop": loop * resamples / looped}
        differences.append(float(np.abs(drawn[:, :looped] - expected).max()))
    report = {
        "what": f"SRCC and PLCC of {resamples} resamples of {VIDEOS} videos",
        "target_seconds": dict.fromkeys(units, TARGET_S),
        "ratios": {
            unit: {"times scipy": one["loop"] / one["ours"]} for unit, one in seconds.items()
        },
        "seconds": seconds,
        "counts": {"videos": VIDEOS, "resamples": resamples, "resamples of the loop": looped},
        "scaled": f"the loop's seconds are of {looped} resamples, times {resamples / looped:g}",
        "largest_difference": max(differences),
        "machine": {"processor": platform.machine(), "system": platform.system()},
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("numpy", "scipy")},
        },
    }
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def draw() -> tuple[np.ndarray, np.ndarray]:
    """Scores with one decimal, and MOS with two, each (videos,)."""
    rng = np.random.default_rng(0)
    mos = rng.normal(3, 0.7, VIDEOS)
    return (mos + rng.normal(0, 0.3, VIDEOS)).round(1), mos.round(2)


def clock(work: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    """Shortest time, which other work on the machine affects least, and the last result."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - start)
    return min(seconds), result


def ours_of(
    scores: np.ndarray, mos: np.ndarray, groups: np.ndarray | None, resamples: int
) -> np.ndarray:
    """SRCC and PLCC of each resample: (2, resamples)."""
    generator = np.random.default_rng(7)
    (found,) = bootstrap([scores], mos, groups, generator=generator, resamples=resamples)
    return np.stack([found.srcc.replicates, found.plcc.replicates])


def loop_over_resamples(
    scores: np.ndarray, mos: np.ndarray, groups: np.ndarray | None, resamples: int
) -> np.ndarray:
    """SRCC and PLCC of the first resamples, computed one at a time."""
    found = []
    blocks = resample_counts(group_numbers(groups, VIDEOS), RESAMPLES, np.random.default_rng(7))
    for counts in blocks:
        for times in counts.T.astype(int):
            x, y = np.repeat(scores, times), np.repeat(mos, times)
            found.append((spearmanr(x, y).statistic, pearsonr(x, y).statistic))
            if len(found) == resamples:
                return np.array(found).T
    return np.array(found).T


if __name__ == "__main__":
    main()
