"""What a policy's record says of the labels and clips that it has learned from."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Self

import numpy as np

from vqathinker.params.base import RELEASED

__all__ = ["TrainedOn"]

Ends = tuple[float, float]


@dataclass(frozen=True, slots=True)
class TrainedOn:
    """The training set, as far as it is on record; older policies tell its name alone.

    Attributes:
        set: its name; None where no scores were learned from, or nothing is known.
        videos: how many had a label and a clip.
        mos: the 0th to the 100th percentile of the labels, on the scale of the scores.
        side: least and greatest number of pixels of the shorter side.
        fps: least and greatest frame rate.
        duration_s: least and greatest duration, in seconds.
    """

    set: str | None = None
    videos: int | None = None
    mos: tuple[float, ...] | None = None
    side: Ends | None = None
    fps: Ends | None = None
    duration_s: Ends | None = None

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Self:
        """Read the record of a policy's origin."""
        if record.get("source") == RELEASED:
            return cls(set="lsvq_train")
        told = record.get("trained_on")
        if told is None:
            data = record.get("data")
            return cls(set=PurePosixPath(data).parent.name if data else None)
        ends = {name: tuple(told[name]) for name in ("mos", "side", "fps", "duration_s")
                if name in told}  # fmt: skip
        return cls(set=told["set"], videos=told["videos"], **ends)

    def percentile(self, score: float | None) -> float | None:
        """How many of a hundred labels lie below a score, 0..100; None where it is not known."""
        if score is None or self.mos is None:
            return None
        return float(np.interp(score, self.mos, np.linspace(0, 100, len(self.mos))))
