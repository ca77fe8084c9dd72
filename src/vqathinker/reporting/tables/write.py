"""Every table of a results folder, from metrics, predictions and parameters."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from vqathinker.errors import InputError
from vqathinker.evaluation.intervals import average_over_sets
from vqathinker.params import MetricsParams, ReportParams, load_section
from vqathinker.reporting.published import read_published
from vqathinker.reporting.tables.agreement import Agreements, read_agreements
from vqathinker.reporting.tables.formats import Grid, Row, latex, markdown, write_csv, write_text
from vqathinker.reporting.tables.ladder import LADDER, ladder_lines
from vqathinker.reporting.tables.ladder_grids import ladder_grids
from vqathinker.reporting.tables.main import MAIN, AverageInterval, main_lines
from vqathinker.reporting.tables.main_grids import main_grids
from vqathinker.reporting.tables.rows import ladder_rows
from vqathinker.reporting.tables.scale import TableScale, load_table_scale
from vqathinker.reporting.tables.scoring import read_metrics, write_scoring

__all__ = ["write_tables"]

_DECIMALS = 9


def write_tables(
    params: Path,
    metrics: Sequence[Path],
    predictions: Sequence[Path],
    manifests: Mapping[str, Path],
    out_dir: Path,
    *,
    notes: Sequence[str] = (),
) -> None:
    """Write what `write_scoring` writes, and `main` and `ladder`, each as csv, md and tex.

    Args:
        params: params.yaml or the file of a job of the report.
        metrics: what `write_metrics` wrote, in the order of rows; none where nothing has run.
        predictions: those that the metrics are of; without them averages have no intervals.
        manifests: the manifest of each of their benchmarks.
        out_dir: the folder to write.
        notes: sentences below the main table, of the benchmarks say.

    Raises:
        InputError: two files are of the same run and benchmark, one lacks a key, or a benchmark has
            no manifest.
    """
    scale, results = load_table_scale(params), read_metrics(metrics)
    if strange := sorted({one["benchmark"] for one in results} - set(scale.domains)):
        raise InputError(
            f"metrics are of {', '.join(strange)}, expected benchmarks of {params}: "
            f"{', '.join(scale.domains)}"
        )
    fewer = {"resamples": load_section(params, ReportParams).resamples}
    intervals = load_section(params, MetricsParams).intervals.model_copy(update=fewer)
    agreements = read_agreements(predictions, manifests, intervals)
    out_dir.mkdir(parents=True, exist_ok=True)
    write_scoring(results, out_dir)
    lines = main_lines(scale, read_published(), results, _average_interval(scale, agreements))
    _write(out_dir, "main", MAIN, lines, main_grids(scale, lines, notes))
    rungs = ladder_lines(scale, ladder_rows(scale, agreements.runs), agreements)
    _write(out_dir, "ladder", LADDER, rungs, ladder_grids(scale, rungs))


def _write(
    out_dir: Path, name: str, columns: Sequence[str], lines: Sequence[Row], grids: Sequence[Grid]
) -> None:
    write_csv(out_dir / f"{name}.csv", columns, lines, _DECIMALS)
    write_text(out_dir / f"{name}.md", markdown(grids))
    write_text(out_dir / f"{name}.tex", latex(grids))


def _average_interval(scale: TableScale, agreements: Agreements) -> AverageInterval:
    def interval(
        run: str, measure: str, benchmarks: Sequence[str], weighted: bool
    ) -> tuple[float | None, float | None]:
        sets = []
        for name in benchmarks:
            found = agreements.of([run], name)
            if found is None:
                return None, None
            sets.append(getattr(found[0], measure))
        weights = [scale.counts[name] if weighted else 1 for name in benchmarks]
        average = average_over_sets(sets, weights)
        estimate = average.estimate(agreements.params.confidence)
        return estimate.low, estimate.high

    return interval
