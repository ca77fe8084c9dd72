"""The result of scoring a clip, and how it is written: table, JSON and CSV."""

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
from vqathinker.scoring.clips import shown_name, written_name

Method = ScoreKind
METHODS: dict[Method, str] = {
    "greedy": "the number in the likeliest answer",
    "mean": "the mean of drawn answers",
    "expected": "the mean over all possible answers, weighted by their probability",
}
Format = Literal["table", "json", "csv"]
Row = dict[str, Any]
_DECIMALS = {"score": 4, "low": 4, "high": 4, "spread": 4, "percentile": 1}
_BAR = 30  # characters


@dataclass(frozen=True, slots=True)
class ClipScore:
    """The score of a clip, and what is needed to understand it.

    Attributes:
        file: the clip as it was given.
        score: on the scale of the labels that the policy was trained on; None if there is none.
        low, high: 95 % interval of the mean of drawn answers; None for other methods.
        spread: standard deviation of the answers, for `mean` and `expected`; else None.
        reasoning: the thought that the policy wrote before its likeliest answer.
        answer_status: "ok", a status of `policy.answer` if the answer is no score, "missing", or
            one of `video.damage.STATUSES` if the clip cannot be read.
        method: greedy, mean or expected (see `policy.scoring`).
        percentile: percent of the training labels below the score, ties counted half; None if the
            policy does not record its labels.
        warnings: how the clip differs from the training clips.
        failure: why the clip cannot be read; None for all others.
    """

    file: str
    score: float | None
    low: float | None
    high: float | None
    spread: float | None
    reasoning: str
    answer_status: str
    method: Method
    percentile: float | None
    warnings: tuple[str, ...] = ()
    failure: str | None = None


class PartScore(NamedTuple):
    """The score of a part of a clip, which begins and ends at these seconds."""

    start_s: float
    end_s: float
    result: ClipScore


def as_row(result: ClipScore, **before: float) -> Row:
    """The rounded fields of a result by name, after those of `before`."""
    row = dataclasses.asdict(result)
    row["file"] = written_name(result.file)
    row["failure"] = result.failure and written_name(result.failure)
    for name, decimals in _DECIMALS.items():
        row[name] = None if row[name] is None else round(row[name], decimals)
    return {**{name: round(value, 3) for name, value in before.items()}, **row}


def as_json(about: Mapping[str, Any], rows: Sequence[Row], **more: Any) -> str:
    """An object with `policy` (`about`), the list `clips`, and `more`."""
    policy = {**about, "folder": written_name(str(about["folder"]))}
    content = {"policy": policy, "clips": list(rows), **more}
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def as_csv(rows: Sequence[Row]) -> str:
    """A line of names and a line per row; None is empty, and warnings are joined."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({**row, "warnings": "; ".join(row["warnings"])} for row in rows)
    return text.getvalue()


def show_scores(results: Sequence[ClipScore], console: Console, last: str = "") -> None:
    """Print a table with a line per clip, then the warnings, then the line `last`."""
    optional = {
        "95 %": [_interval(result) for result in results],
        "spread": [_number(result.spread) for result in results],
        "better than": [_percentile(result) for result in results],
    }
    columns = {name: cells for name, cells in optional.items() if any(cells)}
    table = _table("clip", f"score ({results[0].method})", *columns, "says")
    for number, result in enumerate(results):
        text = result.failure or result.reasoning or result.answer_status
        cells = [column[number] for column in columns.values()]
        name, says = Text(shown_name(result.file)), Text(shown_name(text))
        table.add_row(name, _number(result.score) or "–", *cells, says)
    console.print(table)
    warnings = [f"{result.file}: {text}" for result in results for text in result.warnings]
    for line in filter(None, [*warnings, last]):
        console.print(Text(shown_name(line)), soft_wrap=True)


def show_parts(parts: Sequence[PartScore], console: Console) -> None:
    """Print a table with a line per part of a clip, and a bar from the least to the greatest score.

    Each warning is printed once, with the number of parts that have it.
    """
    scores = [part.result.score for part in parts if part.result.score is not None]
    low, high = min(scores, default=0.0), max(scores, default=0.0)
    table = _table("seconds", f"score ({parts[0].result.method})", "", "says")
    for start, end, result in parts:
        bar = ""
        if result.score is not None:
            share = 1.0 if high == low else (result.score - low) / (high - low)
            bar = "█" * (1 + round((_BAR - 1) * share))
        says = Text(shown_name(result.reasoning or result.answer_status))
        table.add_row(f"{start:.1f} to {end:.1f}", _number(result.score) or "–", bar, says)
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


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _interval(result: ClipScore) -> str:
    return "" if result.low is None else f"{result.low:.2f} to {result.high:.2f}"


def _percentile(result: ClipScore) -> str:
    return "" if result.percentile is None else f"{result.percentile:.0f} % of training"
