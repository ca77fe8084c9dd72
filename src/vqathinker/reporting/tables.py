"""Every table of a results folder, from metrics, predictions and parameters; no model is loaded.

`not_there.csv` and `notes.csv` name absent sets and label lists that differ from the published
ones. `provenance.json` records where every row comes from.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from vqathinker.datasets.card import card_names, load_card
from vqathinker.errors import InputError
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
from vqathinker.reporting.formats import FILES, Row, Table, write_table, write_text
from vqathinker.reporting.ladder import Agreements, ladder_table
from vqathinker.reporting.main_table import load_table_scale, main_table
from vqathinker.reporting.plot_data import read_judged
from vqathinker.reporting.provenance import write_provenance
from vqathinker.reporting.scores import (
    preference_table,
    read_metrics,
    read_preference,
    score_tables,
    understanding_tables,
)

REMARKS = {"not_there": ("set", "rows", "reason"), "notes": ("benchmark", "note")}


class Inputs(NamedTuple):
    """What tables are made from, by option of `vqathinker tables`, in the order of rows.

    Without predictions and their manifests, averages and differences have no intervals.
    """

    metrics: Sequence[Path]
    predictions: Sequence[Path] = ()
    manifest: Sequence[Path] = ()
    preference: Sequence[Path] = ()
    understanding: Sequence[Path] = ()


def by_set(manifests: Iterable[Path]) -> dict[str, Path]:
    """Manifests by the set that they name, or else by the name of their folder."""
    return {set_of(path) or path.parent.name: path for path in manifests}


def write_tables(params: Path, inputs: Inputs, out_dir: Path) -> None:
    """Write every table as CSV, Markdown and LaTeX, and their provenance.

    `params` is params.yaml or the file of a job of the report. Without metrics the tables contain
    published rows only.

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
    lacking, notes = remarks(results, Path(load_section(params, DataParams).cards))
    sentences = [
        *(f"{row['reason']}. Empty rows for want of it: {row['rows']}." for row in lacking),
        *(f"{row['benchmark']}: {row['note']}" for row in notes),
    ]
    text = "".join(f"- {one}\n" for one in sentences) or "Every set is there.\n"
    write_text(out_dir / "notes.md", text)
    resamples = {"resamples": load_section(params, ReportParams).resamples}
    intervals = load_section(params, MetricsParams).intervals.model_copy(update=resamples)
    judged = read_judged(inputs.predictions, by_set(inputs.manifest))
    agreements = Agreements(judged, intervals)
    runs = dict.fromkeys(one["run"] for one in results)
    asked = load_section(params, UnderstandingParams)
    tables = [
        Table("not_there", "", REMARKS["not_there"], ("set",), lacking, csv_only=True),
        Table("notes", "", REMARKS["notes"], ("benchmark",), notes, csv_only=True),
        *score_tables(results),
        main_table(scale, results, agreements.average_interval, sentences),
        ladder_table(scale, results, agreements),
        preference_table(read_preference(inputs.preference)),
        *understanding_tables(asked, runs, inputs.understanding),
    ]
    for table in tables:
        write_table(table, out_dir)
    known = read_params(params)
    # The file of a job has only the parameters of that job.
    used = job_params(known)["tables"] if "training" in known else known
    write_provenance(tables, out_dir, used, inputs._asdict())


def remarks(results: Sequence[Row], cards: Path) -> tuple[list[Row], list[Row]]:
    """Absent sets, and the key `table_note` of each benchmark's card.

    `results` are as `read_metrics` reads them; `cards` is the folder of the user's own cards. Rows
    of absent sets have `set`, `rows` (how many results lack it) and `reason`; notes have
    `benchmark` and `note`.
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
