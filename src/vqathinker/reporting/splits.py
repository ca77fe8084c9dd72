"""The table `splits`: runs that were trained on a part of a benchmark, averaged over their splits.

Each run holds out other videos of its training set, drawn with its seed (`training.holdout`), and
is evaluated on these only. A split has few videos, so a line averages over all splits of a row.
Splits share videos, so they are not independent samples: the standard error says how much the mean
depends on the draw of the splits, not how much it would change with other videos.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from vqathinker.evaluation.measures import correlations
from vqathinker.evaluation.origins import HELD_OUT
from vqathinker.reporting.formats import (
    FILES,
    MEASURES,
    Cell,
    Column,
    Grid,
    Row,
    Table,
    format_cell,
    format_difference,
)
from vqathinker.reporting.main_table import HEADINGS, ReportScale

# Of each measure: after training, before it on the same videos, and their paired difference.
_VALUES = ("", "_before", "_difference")
SPLIT_COLUMNS = (
    "row", "after", "benchmark", "score", "splits", "n",
    *(f"{m}{value}{end}" for m in MEASURES for value in _VALUES for end in ("", "_error")),
    "reason",
)  # fmt: skip
_NOTES = (
    "Each split trains on a part of the videos and is evaluated on the others, n videos.",
    (
        "Mean over splits ± its standard error. Splits share videos, so the error describes the "
        "draw of the splits and not that of the videos."
    ),
    "before: the policy that training started from, on the same videos of each split.",
)

Scored = Mapping[tuple[str, str], pd.DataFrame]


def is_split(result: Row) -> bool:
    """Whether metrics are those of a run on the videos that it held out."""
    return HELD_OUT in (result.get("provenance") or {})


def splits_table(scale: ReportScale, results: Sequence[Row], scored: Scored) -> Table:
    """A line for each row of runs and benchmark, with the keys `SPLIT_COLUMNS` and `FILES`.

    `results` are metrics, of which only those of splits count; `scored` are the scored videos by
    run and benchmark, see `plot_data.read_scored_videos`. `n` is the number of videos that a split
    holds out. A mean is None, with a `reason`, if a split has no correlation; an error needs two.
    """
    groups: dict[tuple[str, str], list[Row]] = {}
    for result in filter(is_split, results):
        row = scale.runs[result["run"]].get("of") or result["run"]
        groups.setdefault((row, result["benchmark"]), []).append(result)
    rows = [_line(scale, *key, own, scored) for key, own in groups.items()]
    key = ("row", "benchmark")
    return Table("splits", "", SPLIT_COLUMNS, key, rows, 6, [splits_grid(rows)] if rows else None)


def _line(
    scale: ReportScale, row: str, benchmark: str, results: Sequence[Row], scored: Scored
) -> Row:
    after = scale.runs[row].get("after")
    line: dict[str, Any] = {
        **dict.fromkeys(SPLIT_COLUMNS), "row": row, "after": after, "benchmark": benchmark,
        "score": results[0]["score"], "splits": len(results),
        "n": max(result["n"] for result in results),
        FILES: [path for result in results for path in result[FILES]],
    }  # fmt: skip
    before = [_before(result, scored.get((str(after), benchmark))) for result in results]
    for measure in MEASURES:
        values = [result[measure] for result in results]
        started = [one[measure] for one in before]
        differences = [
            None if now is None or then is None else now - then
            for now, then in zip(values, started, strict=True)
        ]
        for end, own in zip(_VALUES, (values, started, differences), strict=True):
            name = f"{measure}{end}"
            line[name], line[f"{name}_error"] = _mean_and_error(own)
    if undefined := sum(result["srcc"] is None for result in results):
        line["reason"] = f"{undefined} of {len(results)} splits have no correlation"
    return line


def _before(result: Row, started: pd.DataFrame | None) -> Mapping[str, Any]:
    """Correlations of the policy that training started from, on the videos of a split."""
    if started is None:
        return dict.fromkeys(MEASURES)
    own = started[started["video"].isin(result["provenance"][HELD_OUT])]
    return correlations(own["score"], own["mos"])


def _mean_and_error(values: Sequence[float | None]) -> tuple[float | None, float | None]:
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return None, None
    error = float(np.std(known, ddof=1) / np.sqrt(len(known))) if len(known) > 1 else None
    return float(np.mean(known)), error


def splits_grid(rows: Sequence[Row]) -> Grid:
    """The lines of `splits_table` for reading."""
    columns = [Column("row", number=False), Column("benchmark", number=False)]
    columns += [Column("splits"), Column("n")]
    columns += [
        Column(name, group=HEADINGS[m])
        for m in MEASURES
        for name in ("ours", "before", "difference")
    ]
    block = [
        [
            Cell(row["row"]), Cell(row["benchmark"]), Cell(format_cell(row["splits"])),
            Cell(format_cell(row["n"])),
            *(Cell(mean_with_error(row, f"{m}{value}")) for m in MEASURES for value in _VALUES),
        ]
        for row in rows
    ]  # fmt: skip
    reasons = [f"{row['row']} on {row['benchmark']}: {row['reason']}." for row in rows
               if row["reason"]]  # fmt: skip
    return Grid("Trained on a part, evaluated on the rest", columns, [block], [*_NOTES, *reasons])


def mean_with_error(row: Row, name: str) -> str:
    """A mean over splits and its standard error, for reading.

    >>> mean_with_error({"srcc": 0.7512, "srcc_error": 0.0123}, "srcc")
    '0.751 ± 0.012'
    """
    value, error = row[name], row[f"{name}_error"]
    text = format_difference(value) if name.endswith("_difference") else format_cell(value)
    return text if error is None else f"{text} ± {format_cell(error)}"
