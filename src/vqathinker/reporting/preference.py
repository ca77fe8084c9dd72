"""Table and figure of temporal preference: by kind of perturbation, runs side by side.

Source: docs/preference.md; what is shown is measured by `evaluation.preference`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vqathinker.atomic import whole_file
from vqathinker.errors import InputError, read_json, reading
from vqathinker.evaluation.preference import ALL
from vqathinker.products import PREFERENCE, TABLE
from vqathinker.reporting.figures.drawing import COLOURS, save_figure, style_axis
from vqathinker.reporting.tables.formats import latex, markdown_rows, plain_grid, write_text

__all__ = [
    "describe_preference",
    "read_preference_table",
    "write_preference_figure",
    "write_preference_tables",
]

_BY_KIND = (
    "n", "n_null", "preference", "low", "high", "ties",
    "difference", "difference_low", "difference_high", "reason",
)  # fmt: skip
_COLUMNS = ("run", "benchmark", "score", "kind", *_BY_KIND)
_NAME = "preference"
_CHANCE = 0.5
_TITLE = "Share of clips scored above their perturbed copies"


def write_preference_tables(preferences: Sequence[Path], out_dir: Path) -> None:
    """Write `preference.csv`, `.md` and `.tex` of the JSON files that `preference` wrote.

    The CSV has a row for each run on each benchmark and each kind of perturbation, with numbers as
    they were measured; what is not defined is empty, and `reason` says why. The others have a
    row for each run on each benchmark, and a column for each kind.

    Raises:
        InputError: a file is none of these, or two are of the same run and benchmark.
    """
    table = _read_measured(preferences)
    with whole_file(out_dir / f"{_NAME}.csv") as part:
        table.to_csv(part, index=False, lineterminator="\n")
    rows = _wide(table)
    names = list(rows[0]) if rows else ["run", "benchmark"]
    write_text(out_dir / f"{_NAME}.md", markdown_rows(names, rows, ()))
    write_text(out_dir / f"{_NAME}.tex", latex([plain_grid(_TITLE, names, rows, ())]))


def read_preference_table(path: Path) -> list[dict[str, str]]:
    """The rows of the Markdown from the CSV, as texts for reading; none where it is not there.

    Raises:
        InputError: it cannot be read, or lacks a column.
    """
    return _wide(_read_table(path))


def describe_preference(path: Path, run: str) -> list[str]:
    """Which copies a run prefers to clips, and which clips to copies, as the CSV has it.

    A sentence for each benchmark; a kind counts where its interval leaves one half out.

    Raises:
        InputError: as `read_preference_table`.
    """
    table = _read_table(path)
    own = table[(table["run"] == run) & (table["kind"] != ALL)]
    sentences = []
    for benchmark, rows in own.groupby("benchmark", sort=False):
        copies, clips = rows[rows["high"] < _CHANCE], rows[rows["low"] > _CHANCE]
        told = [
            f"{what} for {', '.join(_share(row) for row in found.to_dict('records'))}"
            for what, found in (("prefers the copies", copies), ("prefers the clips", clips))
            if len(found)
        ] or ["prefers neither clips nor copies of any kind"]
        sentences.append(
            f"On {benchmark}, {run} {'; it '.join(told)} (share of clips above their copy; chance "
            f"is {_CHANCE:g})."
        )
    return sentences


def _share(row: Mapping[Any, Any]) -> str:
    return f"{str(row['kind']).replace('_', ' ')} {_cell(row)}"


def _read_table(path: Path) -> pd.DataFrame:
    if not path.is_file():
        return pd.DataFrame(columns=list(_COLUMNS))
    with reading(path, *TABLE):
        return pd.read_csv(path, dtype={"run": str, "benchmark": str})[list(_COLUMNS)]


def write_preference_figure(preferences: Sequence[Path], out_dir: Path) -> None:
    """Draw `preference.png` and `.svg`, and write what they show to `preference.csv`.

    A panel for each benchmark: kinds from top to bottom, for each of them a dot with its interval
    for every run. Nothing is drawn where nothing was measured.

    Raises:
        InputError: as `write_preference_tables`.
    """
    table = _read_measured(preferences)
    shown = table[["run", "benchmark", "score", "kind", "n", "preference", "low", "high"]]
    with whole_file(out_dir / f"{_NAME}.csv") as part:
        shown.to_csv(part, index=False, lineterminator="\n")
    if len(table):
        save_figure(_draw(table), out_dir / f"{_NAME}.png")


def _read_measured(preferences: Sequence[Path]) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    for path in preferences:
        content = read_json(path, *PREFERENCE)
        with reading(path, *PREFERENCE):
            rows += _rows(content)
    table = pd.DataFrame(rows, columns=list(_COLUMNS))
    twice = table[table.duplicated(["run", "benchmark", "kind"])]
    if len(twice):
        run, benchmark = twice.iloc[0][["run", "benchmark"]]
        raise InputError(f"two files of temporal preference of {run} on {benchmark}; give one")
    return table


def _rows(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    about = {name: content[name] for name in ("run", "benchmark", "score")}
    return [
        {
            **about,
            "kind": kind,
            "n": found["n"],
            "n_null": found["n_null"],
            **_interval(found["preference"], "preference", ""),
            "ties": found["ties"],
            **_interval(found["difference"], "difference", "difference_"),
            "reason": found["preference"]["reason"],
        }
        for kind, found in content["kinds"].items()
    ]


def _interval(found: Mapping[str, Any], name: str, before: str) -> dict[str, Any]:
    return {name: found["value"], f"{before}low": found["low"], f"{before}high": found["high"]}


def _wide(table: pd.DataFrame) -> list[dict[str, str]]:
    """A row for each run on each benchmark, a column for each kind; the shares of ties of all."""
    rows = []
    for (run, benchmark), of_run in table.groupby(["run", "benchmark"], sort=False):
        by_kind = of_run.set_index("kind").to_dict("index")
        cells = {kind: _cell(row) for kind, row in by_kind.items()}
        ties = by_kind[ALL]["ties"] if ALL in by_kind else None
        rows.append({"run": run, "benchmark": benchmark, **cells, "ties": _number(ties)})
    return rows


def _cell(row: Mapping[Any, Any]) -> str:
    if pd.isna(row["preference"]) or pd.isna(row["low"]):
        return _number(row["preference"])
    return f"{_number(row['preference'])} [{_number(row['low'])}, {_number(row['high'])}]"


def _number(value: Any) -> str:
    return "–" if pd.isna(value) else f"{value:.2f}"


def _draw(table: pd.DataFrame) -> Figure:
    benchmarks, runs = table["benchmark"].unique(), list(table["run"].unique())
    kinds = list(table["kind"].unique())
    height = 1.2 + len(kinds) * max(0.45, 0.14 * len(runs))
    figure = Figure(figsize=(2 + 4 * len(benchmarks), height), layout="constrained")
    axes = figure.subplots(1, len(benchmarks), sharey=True, squeeze=False)[0]
    for axis, benchmark in zip(axes, benchmarks, strict=True):
        for number, run in enumerate(runs):
            rows = table[(table["benchmark"] == benchmark) & (table["run"] == run)]
            _draw_run(axis, rows, kinds, run, number, len(runs))
        axis.axvline(0.5, color="0.5", linewidth=0.8, linestyle="--")
        axis.set_title(str(benchmark), loc="left", fontsize=10)
        axis.set_xlabel("share of clips scored above their copy")
        axis.set_xlim(-0.02, 1.02)
        style_axis(axis)
    axes[0].set_yticks(range(len(kinds)), [kind.replace("_", " ") for kind in kinds])
    axes[0].invert_yaxis()
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=4, frameon=False)
    return figure


def _draw_run(
    axis: Axes, rows: pd.DataFrame, kinds: Sequence[str], run: str, number: int, runs: int
) -> None:
    rows = rows.dropna(subset=["preference"]).astype({"preference": float})
    value = rows["preference"].to_numpy()
    low = rows["low"].astype(float).fillna(rows["preference"]).to_numpy()
    high = rows["high"].astype(float).fillna(rows["preference"]).to_numpy()
    places = [kinds.index(kind) + 0.7 * ((number + 0.5) / runs - 0.5) for kind in rows["kind"]]
    axis.errorbar(
        value, places, xerr=[value - low, high - value], fmt="o", markersize=4, elinewidth=1.2,
        color=COLOURS[number % len(COLOURS)], label=run,
    )  # fmt: skip
