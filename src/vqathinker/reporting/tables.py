"""Every table of a results folder, from metrics, predictions and parameters; no model is loaded.

With the tables stand `not_there.csv` and `notes.csv` (sets that are not there, lists that differ),
the provenance of every CSV, and `inputs.json`: what all of it was made from.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from vqathinker.atomic import whole_file
from vqathinker.datasets.card import card_names, load_card
from vqathinker.errors import InputError, read_json, reading
from vqathinker.evaluation.origins import ABSENT, set_of
from vqathinker.params import (
    DataParams,
    MetricsParams,
    ReportParams,
    UnderstandingParams,
    load_section,
)
from vqathinker.phases.keys import job_params
from vqathinker.phases.parameters import read_params
from vqathinker.phases.yaml12 import dump_yaml
from vqathinker.reporting.formats import FILES, Row, Table, write_table, write_text
from vqathinker.reporting.ladder import (
    LADDER,
    LADDER_KEY,
    Agreements,
    ladder_grids,
    ladder_lines,
)
from vqathinker.reporting.main_table import MAIN, MAIN_KEY, main_grids, main_lines
from vqathinker.reporting.plot_data import read_judged
from vqathinker.reporting.preference import preference_table, read_preference
from vqathinker.reporting.provenance import Sources
from vqathinker.reporting.published import read_published
from vqathinker.reporting.scale import TableScale, ladder_rows, load_table_scale
from vqathinker.reporting.scores import read_metrics, score_tables
from vqathinker.reporting.understanding import understanding_tables

INPUTS = "inputs.json"
REMARKS = {"not_there": ("set", "rows", "reason"), "notes": ("benchmark", "note")}
_JOB = "tables"


class Inputs(NamedTuple):
    """What tables are made from; each file as it was given to the option of its name.

    Without predictions and their manifests, averages and differences have no intervals.
    """

    metrics: Sequence[Path]
    predictions: Sequence[Path] = ()
    manifest: Sequence[Path] = ()
    preference: Sequence[Path] = ()
    understanding: Sequence[Path] = ()


def by_set(manifests: Iterable[Path]) -> dict[str, Path]:
    """Manifests by the set that they name, or else that their folder is named after."""
    return {set_of(path) or path.parent.name: path for path in manifests}


def write_tables(params: Path, inputs: Inputs, out_dir: Path) -> None:
    """Write every table as csv, md and tex, with its provenance.

    Args:
        params: params.yaml or the file of a job of the report.
        inputs: in the order of rows; no metrics where nothing has run.
        out_dir: the folder to write.

    Raises:
        InputError: two files are of the same run and benchmark, one lacks a key, or a benchmark has
            no manifest.
    """
    scale, results = load_table_scale(params), read_metrics(inputs.metrics)
    if unknown := sorted({one["benchmark"] for one in results} - set(scale.domains)):
        raise InputError(
            f"metrics are of {', '.join(unknown)}, expected benchmarks of {params}: "
            f"{', '.join(scale.domains)}"
        )
    out_dir.mkdir(parents=True, exist_ok=True)
    lacking, notes = remarks(results, Path(load_section(params, DataParams).cards))
    sentences = [
        *(f"{row['reason']}. Empty rows for want of it: {row['rows']}." for row in lacking),
        *(f"{row['benchmark']}: {row['note']}" for row in notes),
    ]
    text = "".join(f"- {one}\n" for one in sentences) or "Every set is there.\n"
    write_text(out_dir / "notes.md", text)
    asked = load_section(params, UnderstandingParams)
    runs = dict.fromkeys(one["run"] for one in results)
    sources = Sources()
    for table in (
        Table("not_there", "", REMARKS["not_there"], ("set",), lacking, csv_only=True),
        Table("notes", "", REMARKS["notes"], ("benchmark",), notes, csv_only=True),
        *score_tables(results),
        *_compared(scale, results, _agreements(params, inputs), sentences),
        preference_table(read_preference(inputs.preference)),
        *understanding_tables(asked, runs, inputs.understanding),
    ):
        write_table(table, out_dir)
        sources.write(table, out_dir)
    _write_inputs(params, inputs, out_dir)


def _agreements(params: Path, inputs: Inputs) -> Agreements:
    """Resampled agreement of every run, with as many resamples as the report asks for."""
    resamples = {"resamples": load_section(params, ReportParams).resamples}
    intervals = load_section(params, MetricsParams).intervals.model_copy(update=resamples)
    return Agreements(read_judged(inputs.predictions, by_set(inputs.manifest)), intervals)


def _compared(
    scale: TableScale, results: Sequence[Row], agreements: Agreements, notes: Sequence[str]
) -> list[Table]:
    """The main table and the ladder."""
    lines = main_lines(scale, read_published(), results, agreements.average_interval)
    files = {(one["run"], one["benchmark"]): one[FILES][0] for one in results}
    rungs = ladder_lines(scale, ladder_rows(scale, agreements.runs), agreements, files)
    main, ladder = main_grids(scale, lines, notes), ladder_grids(scale, rungs)
    return [
        Table("main", "", MAIN, MAIN_KEY, lines, 9, main),
        Table("ladder", "", LADDER, LADDER_KEY, rungs, 9, ladder),
    ]


def remarks(results: Sequence[Row], cards: Path) -> tuple[list[Row], list[Row]]:
    """Sets that are not there, and the key `table_note` of each benchmark's card.

    Args:
        results: metrics, as `read_metrics` reads them.
        cards: folder of the user's own cards, which need not be there.

    Returns:
        Rows with `set`, `rows` (how many results lack it) and `reason` (what brings it), and rows
        with `benchmark` and `note`.

    Raises:
        CardError: a card is wrong.
    """
    lacks: dict[tuple[str, str], list[Path]] = {}
    of_benchmark: dict[str, list[Path]] = {}
    for result in results:
        of_benchmark.setdefault(result["benchmark"], []).extend(result[FILES])
        for lack in (result.get("provenance") or {}).get(ABSENT, {}).items():
            lacks.setdefault(lack, []).extend(result[FILES])
    known = set(card_names(cards))
    notes = {name: load_card(name, cards).table_note for name in of_benchmark if name in known}
    return (
        [{"set": name, "rows": len(files), "reason": reason, FILES: files}
         for (name, reason), files in lacks.items()],
        [{"benchmark": name, "note": note, FILES: of_benchmark[name]}
         for name, note in notes.items() if note],
    )  # fmt: skip


def _write_inputs(params: Path, inputs: Inputs, out_dir: Path) -> None:
    known = read_params(params)
    wanted = job_params(known)[_JOB] if "training" in known else known  # the file of a job is that
    files = {name: [path.as_posix() for path in paths] for name, paths in inputs._asdict().items()}
    text = json.dumps({"params": wanted, "files": files}, indent=1, ensure_ascii=False)
    write_text(out_dir / INPUTS, text + "\n")


def read_inputs(tables: Path) -> tuple[dict[str, Any], Inputs]:
    """The parameters and files that the tables of a folder were made from.

    Raises:
        InputError: it is not there, or something else.
    """
    path = tables / INPUTS
    expected, remedy = "what tables were made from", "write them again with `vqathinker tables`"
    content = read_json(path, expected, remedy)
    if not all(isinstance(content.get(key), dict) for key in ("params", "files")):
        raise InputError(f"{path}: is not {expected}, or is damaged: {remedy}")
    with reading(path, expected, remedy):
        files = {name: list(map(Path, paths)) for name, paths in content["files"].items()}
        return content["params"], Inputs(**files)


def write_params(path: Path, params: Mapping[str, Any]) -> None:
    """Write these parameters so that `write_tables` takes them, as it takes the file of a job."""
    with whole_file(path) as part:
        part.write_text(dump_yaml({"params": dict(params)}), encoding="utf-8")
