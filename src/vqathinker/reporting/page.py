"""The report of a scale as one HTML page that needs nothing outside itself.

It carries no date, so the same results give the same bytes.
"""

import base64
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from vqathinker.atomic import whole_file
from vqathinker.errors import reading
from vqathinker.evaluation.predictions import Predictions, read_predictions
from vqathinker.reporting.preference import read_preference_table
from vqathinker.reporting.remarks import NOT_THERE, NOTES
from vqathinker.reporting.tables.formats import format_cell
from vqathinker.reporting.tables.ladder import LADDER
from vqathinker.reporting.tables.ladder_grids import ladder_grids
from vqathinker.reporting.tables.main import MAIN
from vqathinker.reporting.tables.main_grids import main_grids
from vqathinker.reporting.tables.reading import read_lines
from vqathinker.reporting.tables.scale import load_table_scale
from vqathinker.reporting.tables.scoring import (
    ANSWERS,
    BY_SCORE,
    NOT_SCORED,
    NUMBERS,
    OVERALL,
    SCORING,
    read_table,
)
from vqathinker.reporting.understanding import read_attribution

__all__ = ["write_page"]

_NOT_SCORED_LISTED = 50
_OF_ONE_BENCHMARK = {"run", "benchmark"}
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:")


class _Text(NamedTuple):
    alt: str
    caption: str


_SHOWN = {
    "training_curve": _Text(
        alt="Rewards, KL divergence, entropy, length and unreadable answers over the steps of "
        "training, one line for each trained run",
        caption="Faint: every logged step; strong: the trend. Numbers: figures/training_curve.csv.",
    ),
    "ranks": _Text(
        alt="Rank by SRCC of published methods and of these runs, a panel for each domain",
        caption="Faint: a benchmark; strong: the mean over benchmarks; ours in red. Numbers: "
        "figures/ranks.csv.",
    ),
    "calibration": _Text(
        alt="Mean MOS of videos of similar score, a panel for each benchmark, a line for each run",
        caption="A point is a tenth of the videos, with a 95 % interval; on the dotted line a "
        "score is the MOS. Numbers: figures/calibration.csv.",
    ),
    "uncertainty": _Text(
        alt="Error of scores against their spread, a panel for each run and benchmark, with the "
        "mean error of videos of similar spread",
        caption="A point is a video; the line is the mean error of a fifth of them each. A rising "
        "line: the policy knows where it is less sure. Numbers: figures/uncertainty.csv.",
    ),
    "preference": _Text(
        alt="Share of clips scored above their perturbed copy, by kind of perturbation, a dot with "
        "its interval for each run and a panel for each benchmark",
        caption="Dashed: what a policy reaches that does not see the order of the frames. Numbers: "
        "figures/preference.csv.",
    ),
}
_SHOWN_OF_A_RUN = {
    "scatter": _Text(
        alt="Scores of {run} against MOS, a panel for each benchmark: {benchmarks}",
        caption="{run}: a point is a video. Numbers: figures/scatter.csv.",
    ),
    "residuals": _Text(
        alt="{run}: mean of MOS above the line through scores, by content and kind of degradation",
        caption="{run}: right of the dotted line videos are better than the policy says; bars are "
        "deviations. Numbers: figures/residuals.csv.",
    ),
}


def write_page(
    scale: str,
    tables_dir: Path,
    figures_dir: Path,
    predictions: Sequence[Path],
    out: Path,
    *,
    params: Path,
    title: str = "VQAThinker: video quality assessment",
) -> None:
    """Write the report: scores, counts, figures, a few answers, what was run and how to repeat it.

    `tables_dir` is what `tables.write` wrote with these `params`. Of `figures_dir` the page shows
    `training_curve.png` and every `scatter_<run>.png` that is there; with `scatter.csv` it sets the
    MOS beside the examples. `predictions` give the examples and what is known of each run.

    Raises:
        FileNotFoundError: a table is not there.
    """
    by_run: dict[str, list[Predictions]] = {}
    for path in predictions:
        read = read_predictions(path)
        by_run.setdefault(read.run, []).append(read)
    mos = _read_mos(figures_dir / "scatter.csv")
    scoring = read_table(tables_dir / "scoring.csv", SCORING)
    known = load_table_scale(params)
    page = _environment().get_template("page.html.j2")
    text = page.render(
        title=title,
        scale=scale,
        runs=list(by_run),
        benchmarks=list(dict.fromkeys(row["benchmark"] for row in scoring)),
        scoring=scoring,
        main=main_grids(known, read_lines(tables_dir / "main.csv", MAIN)),
        ladder=ladder_grids(known, read_lines(tables_dir / "ladder.csv", LADDER)),
        overall=read_table(tables_dir / "overall.csv", OVERALL),
        by_score=read_table(tables_dir / "scores.csv", BY_SCORE),
        answers=read_table(tables_dir / "answers.csv", ANSWERS),
        not_scored=read_table(tables_dir / "not_scored.csv", NOT_SCORED),
        not_there=read_table(tables_dir / "not_there.csv", NOT_THERE),
        notes=read_table(tables_dir / "notes.csv", NOTES),
        numbers=NUMBERS,
        listed=_NOT_SCORED_LISTED,
        figures=_figures(figures_dir, by_run),
        preferences=read_preference_table(tables_dir / "preference.csv"),
        attribution=read_attribution(tables_dir / "attribution.csv"),
        examples={run: list(_examples(files, mos)) for run, files in by_run.items()},
        origins=_provenance_table(by_run),
    )
    with whole_file(out) as part:
        part.write_text(text + "\n", encoding="utf-8")


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("vqathinker.reporting", "."),
        autoescape=True,
        undefined=StrictUndefined,
    )
    environment.filters["format_cell"] = format_cell
    return environment


def _figure(figures_dir: Path, name: str, text: _Text) -> Iterator[dict[str, str]]:
    path = figures_dir / f"{name}.png"
    if path.is_file():
        data = base64.b64encode(path.read_bytes()).decode("ascii")
        yield {"data": data, **text._asdict()}


def _figures(
    figures_dir: Path, by_run: Mapping[str, list[Predictions]]
) -> dict[str, list[dict[str, str]]]:
    """Every picture that is there, by what it shows."""
    found = {name: list(_figure(figures_dir, name, text)) for name, text in _SHOWN.items()}
    for name, text in _SHOWN_OF_A_RUN.items():
        found[name] = []
        for run, files in by_run.items():
            names = ", ".join(file.benchmark for file in files)
            filled = _Text(*(part.format(run=run, benchmarks=names) for part in text))
            found[name] += _figure(figures_dir, f"{name}_{run}", filled)
    return found


def _read_mos(path: Path) -> dict[tuple[str, str], float]:
    """MOS of (benchmark, video), as far as the scatter shows them."""
    if not path.is_file():
        return {}
    with reading(path, "what a scatter shows", "draw it with `vqathinker figures`"):
        table = pd.read_csv(path, dtype={"benchmark": str, "video": str})
        pairs = zip(table["benchmark"], table["video"], strict=True)
        return dict(zip(pairs, table["mos"].astype(float), strict=True))


def _examples(
    files: Sequence[Predictions], mos: Mapping[tuple[str, str], float]
) -> Iterator[dict[str, Any]]:
    """The videos a run rates best and worst, and one answer that could not be read."""
    rows = pd.concat([file.table.assign(benchmark=file.benchmark) for file in files])
    rows = rows.sort_values(["score", "benchmark", "video"], kind="stable")
    scored, unread = rows[rows["score"].notna()], rows[rows["score"].isna()]
    roles = (("Rated best", scored.tail(1)), ("Rated worst", scored.head(1)))
    for role, picked in (*roles, ("Could not be read", unread.head(1))):
        for row in picked.to_dict("records"):
            score = None if pd.isna(row["score"]) else row["score"]
            known = mos.get((row["benchmark"], row["video"]))
            yield {**row, "role": role, "score": score, "mos": known}


def _provenance_table(predictions: Mapping[str, list[Predictions]]) -> list[tuple[str, list[str]]]:
    """What is recorded of each run, key by key: only what is the same for all its benchmarks."""
    by_run = {
        run: _shared([_flat(file.provenance) for file in files])
        for run, files in predictions.items()
    }
    keys = dict.fromkeys(key for values in by_run.values() for key in values)
    return [(key, [values.get(key, "–") for values in by_run.values()]) for key in keys]


def _shared(origins: Sequence[dict[str, str]]) -> dict[str, str]:
    first = origins[0]
    return {
        key: value
        for key, value in first.items()
        if key not in _OF_ONE_BENCHMARK
        and not _TIME.match(value)
        and all(other.get(key) == value for other in origins)
    }


def _flat(tree: Mapping[str, Any], above: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{above}{key}.")
        else:
            flat[f"{above}{key}"] = str(value)
    return flat
