"""Scores beside what is known of each video, from which figures of agreement are drawn."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from vqathinker.errors import InputError
from vqathinker.evaluation.predictions import read_predictions
from vqathinker.parquet import read_columns
from vqathinker.products import MANIFEST

__all__ = ["COLUMNS", "groups_of", "judged_videos"]

COLUMNS = ("run", "benchmark", "video", "mos", "score", "mos_training", "content", "kind")
_LABELS = ("video", "mos", "mos_training", "content", "kind")


def judged_videos(predictions: Sequence[Path], manifests: Mapping[str, Path]) -> pd.DataFrame:
    """One row for each video with a score, of each run on each benchmark, in the order given.

    `manifests` maps a benchmark to its manifest. Columns: run, benchmark, video, mos (as
    published), score, mos_training (MOS on the scale of the scores), content and kind (of
    degradation; both missing where nobody knows them).

    Raises:
        InputError: a benchmark has no manifest, or a file is not what it should be.
    """
    labels = {name: read_columns(path, _LABELS, MANIFEST) for name, path in manifests.items()}
    parts = [pd.DataFrame(columns=COLUMNS)]
    for path in predictions:
        given = read_predictions(path)
        if given.benchmark not in labels:
            raise InputError(
                f"{path} is of {given.benchmark}, but manifests are there only of "
                f"{sorted(labels)}; give this benchmark's manifest too"
            )
        part = given.table[["video", "score"]].dropna().merge(labels[given.benchmark], on="video")
        part = part.assign(run=given.run, benchmark=given.benchmark)
        if len(part):
            parts.append(part[list(COLUMNS)])
    return pd.concat(parts[1:] or parts, ignore_index=True)


def groups_of(videos: pd.DataFrame, by: str) -> pd.Series | None:
    """The column `by` of a benchmark's `videos`; None where it groups nothing.

    It groups nothing where it is not known, or where every video is one of its own.
    """
    column = videos[by]
    known = column.dropna()
    return column if 1 < known.nunique() < len(known) else None
