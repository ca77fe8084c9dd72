"""The result of scoring a clip, and its forms: a table, JSON and CSV."""

import csv
import dataclasses
import io
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from vqathinker.choices import ScoreKind
from vqathinker.scoring.clips import shown_name, written_name

Method = ScoreKind
METHODS: dict[Method, str] = {
    "greedy": "the number in its likeliest answer",
    "mean": "the mean of answers that are drawn",
    "expected": "the mean over all numbers that it may answer, by their probability",
}
Format = Literal["table", "json", "csv"]
Row = dict[str, Any]
_DECIMALS = {"score": 4, "low": 4, "high": 4, "spread": 4, "percentile": 1}
_BAR = 30  # characters


@dataclass(frozen=True, slots=True)
class ClipScore:
    """The score of a clip, and what is needed to understand it.

    Attributes:
        file: the clip, as it was given.
        score: on the scale of the labels that the policy was trained on; None where there is none.
        low, high: 95 % interval of the mean of drawn answers; None for other methods.
        spread: standard deviation of what the policy may say, of `mean` and `expected`; else None.
        reasoning: the thought that the policy wrote before its likeliest answer.
        answer_status: "ok", a status of `policy.answer` where the answer is no score, "missing", or
            one of `video.damage.STATUSES` where the clip cannot be read.
        method: greedy, mean or expected (see `policy.scoring`).
        percentile: percent of the training labels below the score, ties counted half; None where
            the policy does not know its training set.
        warnings: in what the clip lies outside of what the policy has seen.
        failure: a sentence about a clip that cannot be read; None for all others.
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


def as_row(result: ClipScore, **before: float) -> Row:
    """The fields of a result by name behind those of `before`, rounded to what they say."""
    row = dataclasses.asdict(result)
    row["file"] = written_name(result.file)
    row["failure"] = result.failure and written_name(result.failure)
    for name, decimals in _DECIMALS.items():
        row[name] = None if row[name] is None else round(row[name], decimals)
    return {**{name: round(value, 3) for name, value in before.items()}, **row}


def as_json(about: Mapping[str, Any], rows: Sequence[Row], **more: Any) -> str:
    """An object with `policy`, which is `about`, the list `clips`, and what `more` there is."""
    policy = {**about, "folder": written_name(str(about["folder"]))}
    content = {"policy": policy, "clips": list(rows), **more}
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def as_csv(rows: Sequence[Row]) -> str:
    """A line per row under a line of names; what is not there is empty, and warnings are joined."""
    text = io.StringIO()
    names = list(rows[0]) if rows else [field.name for field in dataclasses.fields(ClipScore)]
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows({**row, "warnings": "; ".join(row["warnings"])} for row in rows)
    return text.getvalue()


def show_scores(results: Iterable[ClipScore], console: Console) -> None:
    """A line per clip; below the table, in what a clip is unlike what the policy has seen."""
    results = list(results)
    table = _table("clip", _score_column(results), *_beside(results), "says")
    for result in results:
        said = result.failure or result.reasoning or result.answer_status
        table.add_row(
            Text(shown_name(result.file)),
            _score(result),
            *(_cell(result, name) for name in _beside(results)),
            Text(shown_name(said)),
        )
    console.print(table)
    for result in results:
        for warning in result.warnings:
            console.print(Text(f"{shown_name(result.file)}: {warning}"), soft_wrap=True)


def show_parts(parts: Iterable[tuple[float, float, ClipScore]], console: Console) -> None:
    """A line per part of a clip, with a bar between the least and the greatest score.

    Below the table stands each warning once, with the number of parts that have it.
    """
    parts = list(parts)
    scores = [result.score for _, _, result in parts if result.score is not None]
    low, high = min(scores, default=0.0), max(scores, default=0.0)
    table = _table("seconds", _score_column([part[2] for part in parts]), "", "says")
    for start, end, result in parts:
        share = 1.0 if high == low else ((result.score or low) - low) / (high - low)
        bar = "" if result.score is None else "█" * (1 + round((_BAR - 1) * share))
        said = result.reasoning or result.answer_status
        table.add_row(f"{start:.1f} to {end:.1f}", _score(result), bar, Text(said))
    console.print(table)
    counts = Counter(warning for _, _, result in parts for warning in result.warnings)
    for warning, count in counts.items():
        console.print(Text(f"{count} of {len(parts)} parts: {warning}"), soft_wrap=True)


def _table(*names: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in names:
        justify: Literal["left", "right"] = "right" if name.startswith("score") else "left"
        table.add_column(name, justify=justify, overflow="fold")
    return table


def _score_column(results: Sequence[ClipScore]) -> str:
    return ", ".join(dict.fromkeys(f"score ({result.method})" for result in results)) or "score"


def _beside(results: Sequence[ClipScore]) -> list[str]:
    """Columns that some result has something for."""
    there = {
        "95 %": any(result.low is not None for result in results),
        "spread": any(result.spread is not None for result in results),
        "better than": any(result.percentile is not None for result in results),
    }
    return [name for name, wanted in there.items() if wanted]


def _cell(result: ClipScore, name: str) -> str:
    if name == "95 %" and result.low is not None:
        return f"{result.low:.2f} to {result.high:.2f}"
    if name == "spread" and result.spread is not None:
        return f"{result.spread:.2f}"
    if name == "better than" and result.percentile is not None:
        return f"{result.percentile:.0f} % of training"
    return ""


def _score(result: ClipScore) -> str:
    return "–" if result.score is None else f"{result.score:.2f}"
