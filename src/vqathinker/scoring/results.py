"""Results of scoring clips, written as a table, JSON or CSV."""

import csv
import dataclasses
import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from rich.console import Console
from rich.table import Table
from rich.text import Text

from vqathinker.choices import ScoreKind
from vqathinker.scoring.clips import escape_bytes, printable

METHODS: dict[ScoreKind, str] = {
    "greedy": "the number in the most likely answer",
    "mean": "the mean of sampled answers",
    "expected": "the mean over all possible answers, weighted by their probability",
}
Format = Literal["table", "json", "csv"]
Row = dict[str, Any]
_DECIMALS = {"score": 4, "low": 4, "high": 4, "spread": 4, "percentile": 1}
_BAR_LENGTH = 30  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipScore:
    """The score of a clip, with its uncertainty and the reasoning of the policy.

    Attributes:
        file: file name or address of the clip, as you passed it.
        score: on the scale of the training labels; None if the clip has no score.
        low, high: 95 % confidence interval of the mean of sampled answers; None for other methods.
        spread: standard deviation of the answers, for `mean` and `expected`; else None.
        reasoning: the text that the policy wrote before its most likely answer.
        answer_status: "ok", a status of `policy.answer` if the answer is not a score, "missing", or
            one of `video.damage.STATUSES` if the clip cannot be read.
        method: greedy, mean or expected (see `policy.scoring`).
        percentile: percentage of training labels below the score, 0..100, where ties count half;
            None if the policy does not record its labels.
        warnings: how the clip differs from the training clips.
        failure: why the clip cannot be read; None if it can.
    """

    file: str
    score: float | None = None
    low: float | None = None
    high: float | None = None
    spread: float | None = None
    reasoning: str = ""
    answer_status: str
    method: ScoreKind
    percentile: float | None = None
    warnings: tuple[str, ...] = ()
    failure: str | None = None


class PartScore(NamedTuple):
    """The score of a part of a clip, with its start and end in seconds."""

    start_s: float
    end_s: float
    result: ClipScore


def as_row(result: ClipScore, **first_columns: float) -> Row:
    """The fields of a result, rounded, after `first_columns`."""
    row = dataclasses.asdict(result)
    row["file"] = escape_bytes(result.file)
    row["failure"] = result.failure and escape_bytes(result.failure)
    for name, decimals in _DECIMALS.items():
        row[name] = None if row[name] is None else round(row[name], decimals)
    return {**{name: round(value, 3) for name, value in first_columns.items()}, **row}


def as_json(metadata: Mapping[str, Any], rows: Sequence[Row], **more: Any) -> str:
    """A JSON object with `policy` (the metadata), the list `clips`, and `more`."""
    policy = {**metadata, "folder": escape_bytes(str(metadata["folder"]))}
    content = {"policy": policy, "clips": list(rows), **more}
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def as_csv(rows: Sequence[Row]) -> str:
    """A CSV table with a header; None becomes an empty cell, and warnings are joined."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({**row, "warnings": "; ".join(row["warnings"])} for row in rows)
    return text.getvalue()


def print_scores(results: Sequence[ClipScore], console: Console, last: str = "") -> None:
    """Print a table with a row for each clip, then the warnings, then the line `last`."""
    optional = {
        "95 %": [_format_interval(result) for result in results],
        "spread": [_format_number(result.spread) for result in results],
        "better than": [_format_percentile(result) for result in results],
    }
    columns = {name: cells for name, cells in optional.items() if any(cells)}
    table = _table("clip", f"score ({results[0].method})", *columns, "reasoning")
    for number, result in enumerate(results):
        text = result.failure or result.reasoning or result.answer_status
        cells = [column[number] for column in columns.values()]
        name = Text(printable(result.file))
        reasoning = Text(printable(text))
        table.add_row(name, _format_number(result.score) or "–", *cells, reasoning)
    console.print(table)
    warnings = [f"{result.file}: {text}" for result in results for text in result.warnings]
    for line in filter(None, [*warnings, last]):
        console.print(Text(printable(line)), soft_wrap=True)


def print_parts(parts: Sequence[PartScore], console: Console) -> None:
    """Print a table with a row and a bar for each part of a clip.

    Bars range from the lowest to the highest score. Each warning is printed once, with the number
    of parts that have it.
    """
    scores = [part.result.score for part in parts if part.result.score is not None]
    low, high = min(scores, default=0.0), max(scores, default=0.0)
    table = _table("seconds", f"score ({parts[0].result.method})", "", "reasoning")
    for start, end, result in parts:
        bar = ""
        if result.score is not None:
            share = 1.0 if high == low else (result.score - low) / (high - low)
            bar = "█" * (1 + round((_BAR_LENGTH - 1) * share))
        reasoning = Text(printable(result.reasoning or result.answer_status))
        score = _format_number(result.score) or "–"
        table.add_row(f"{start:.1f} to {end:.1f}", score, bar, reasoning)
    console.print(table)
    counts = Counter(text for part in parts for text in part.result.warnings)
    for text, count in counts.items():
        console.print(Text(f"{count} of {len(parts)} parts: {text}"), soft_wrap=True)


def _table(*names: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in names:
        justify: Literal["left", "right"] = "right" if name.startswith("score") else "left"
        table.add_column(name, justify=justify, overflow="fold")
    return table


def _format_number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _format_interval(result: ClipScore) -> str:
    return "" if result.low is None else f"{result.low:.2f} to {result.high:.2f}"


def _format_percentile(result: ClipScore) -> str:
    return "" if result.percentile is None else f"{result.percentile:.0f} % of training"
