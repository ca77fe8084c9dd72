"""Seconds of an optimiser step as they were measured, which take the place of assumed ones."""

from pathlib import Path
from typing import Any

import pandas as pd

from vqathinker.errors import InputError, read_json, reading

__all__ = ["measured_step"]

_EXPECTED = "a CSV with columns step and seconds (`train --times`), or a benchmark's JSON"
_REMEDY = "give the file of a run on the device that is planned for"


def measured_step(path: Path) -> float:
    """Seconds of a step: the median of a run's times, or what a benchmark measured of ours.

    In the JSON of a benchmark that is `seconds.ours`: a number, or numbers by phase, added up.

    Raises:
        InputError: the file is neither, or holds no positive time.
    """
    seconds = _of_benchmark(path) if path.suffix == ".json" else _of_run(path)
    if not seconds > 0:
        raise InputError(f"{path}: {seconds} seconds a step; expected more than 0: {_REMEDY}")
    return seconds


def _of_run(path: Path) -> float:
    with reading(path, _EXPECTED, _REMEDY):
        return float(pd.read_csv(path)["seconds"].median())


def _of_benchmark(path: Path) -> float:
    content: Any = read_json(path, _EXPECTED, _REMEDY)
    with reading(path, _EXPECTED, _REMEDY):
        ours = content["seconds"]["ours"]
        return float(sum(ours.values()) if isinstance(ours, dict) else ours)
