"""All tables of a results folder, from metrics, predictions and parameters, without a model.

`missing_sets.csv` and `notes.csv` list missing sets, and labels that differ from the published
ones. `provenance.json` records what every row comes from.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from vqathinker.datasets.card import card_names, load_card
from vqathinker.errors import InputError
from vqathinker.evaluation.origins import MISSING_SETS, set_name
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
from vqathinker.reporting.ladder import AgreementCache, ladder_table
from vqathinker.reporting.main_table import load_report_scale, main_table
from vqathinker.reporting.plot_data import read_scored_videos
from vqathinker.reporting.provenance import write_provenance
from vqathinker.reporting.scores import (
    preference_table,
    read_metrics,
    read_preference,
    score_tables,
    understanding_tables,
)
from vqathinker.reporting.splits import is_split, splits_table

NOTE_COLUMNS = {"missing_sets": ("set", "rows", "reason"), "notes": ("benchmark", "note")}


class TableInputs(NamedTuple):
    """Input files of the tables, by option of `vqathinker tables`, in the order of rows.

    Without predictions and their manifests, averages and differences have no intervals.
    """

    metrics: Sequence[Path]
    predictions: Sequence[Path] = ()
    manifest: Sequence[Path] = ()
    preference: Sequence[Path] = ()
    understanding: Sequence[Path] = ()


def manifests_by_set(manifests: Iterable[Path]) -> dict[str, Path]:
    """Manifests by the set that they list, or else by the name of their folder."""
    return {set_name(path) or path.parent.name: path for path in manifests}


def write_tables(params: Path, inputs: TableInputs, out_dir: Path) -> None:
    """Write every table as CSV, Markdown and LaTeX, and their provenance.

    `params` is params.yaml or the parameter file of a report job. Without metrics, the tables
    contain only published rows.

    Raises:
        InputError: two files have the same run and benchmark, one lacks a key, or a benchmark has
            no manifest.
    """
    scale, results = load_report_scale(params), read_metrics(inputs.metrics)
    if unknown := sorted({one["benchmark"] for one in results} - set(scale.domains)):
        raise InputError(
            f"metrics of {', '.join(unknown)}; expected only benchmarks of {params}: "
            f"{', '.join(scale.domains)}"
        )
    missing, notes = table_notes(results, Path(load_section(params, DataParams).cards))
    sentences = [
        *(f"{row['reason']}. Rows that are empty without it: {row['rows']}." for row in missing),
        *(f"{row['benchmark']}: {row['note']}" for row in notes),
    ]
    text = "".join(f"- {one}\n" for one in sentences) or "No set is missing.\n"
    write_text(out_dir / "notes.md", text)
    resamples = {"resamples": load_section(params, ReportParams).resamples}
    intervals = load_section(params, MetricsParams).intervals.model_copy(update=resamples)
    scored = read_scored_videos(inputs.predictions, manifests_by_set(inputs.manifest))
    splits = [one for one in results if is_split(one)]
    whole = [one for one in results if not is_split(one)]
    of_splits = {(one["run"], one["benchmark"]) for one in splits}
    # Splits have few videos, and others than the rest: they are not compared with other runs.
    agreements = AgreementCache(
        {pair: videos for pair, videos in scored.items() if pair not in of_splits}, intervals
    )
    runs = dict.fromkeys(one["run"] for one in results)
    understanding = load_section(params, UnderstandingParams)
    tables = [
        Table("missing_sets", "", NOTE_COLUMNS["missing_sets"], ("set",), missing, csv_only=True),
        Table("notes", "", NOTE_COLUMNS["notes"], ("benchmark",), notes, csv_only=True),
        *score_tables(results),
        main_table(scale, whole, agreements.average_interval, sentences),
        ladder_table(scale, whole, agreements),
        *([splits_table(scale, splits, scored)] if splits else []),
        preference_table(read_preference(inputs.preference)),
        *understanding_tables(understanding, runs, inputs.understanding),
    ]
    for table in tables:
        write_table(table, out_dir)
    known = read_params(params)
    # A job's parameter file has only the parameters of that job.
    used = job_params(known)["tables"] if "training" in known else known
    write_provenance(tables, out_dir, used, inputs._asdict())


def table_notes(results: Sequence[Row], cards: Path) -> tuple[list[Row], list[Row]]:
    """Missing sets, and the `table_note` in the card of each benchmark.

    `results` come from `read_metrics`; `cards` is the folder of the user's cards. Rows of missing
    sets have `set`, `rows` (number of results that lack it) and `reason`; notes have `benchmark`
    and `note`.
    """
    missing: dict[tuple[str, str], list[Path]] = {}
    of_benchmark: dict[str, list[Path]] = {}
    for result in results:
        of_benchmark.setdefault(result["benchmark"], []).extend(result[FILES])
        for reason in (result.get("provenance") or {}).get(MISSING_SETS, {}).items():
            missing.setdefault(reason, []).extend(result[FILES])
    known = set(card_names(cards))
    notes = {name: load_card(name, cards).table_note for name in of_benchmark if name in known}
    return (
        [{"set": name, "rows": len(files), "reason": reason, FILES: files}
         for (name, reason), files in missing.items()],
        [{"benchmark": name, "note": note, FILES: of_benchmark[name]}
         for name, note in notes.items() if note],
    )  # fmt: skip
