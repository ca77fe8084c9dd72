"""Command of the phase `metrics`: predictions against the labels of a benchmark."""

from pathlib import Path
from typing import Annotated

import typer

from vqathinker.cli.options import (
    DEFAULT_PARAMS,
    Clips,
    ManifestFile,
    OutFile,
    ParamsFile,
)
from vqathinker.cli.paths import file_to_read
from vqathinker.params import MetricsParams, load_section
from vqathinker.products import PREDICTIONS

__all__ = ["metrics"]


def metrics(
    manifest: ManifestFile,
    predictions: Annotated[
        Path, typer.Option(**file_to_read(PREDICTIONS), help="What `predict` wrote.")
    ],
    clips: Clips,
    out: OutFile,
    params: ParamsFile = DEFAULT_PARAMS,
) -> None:
    """Correlate predictions with MOS, and count what has no score. Reads test labels."""
    from vqathinker.evaluation.metrics import write_metrics
    from vqathinker.video.store import ClipStore

    section = load_section(params, MetricsParams)
    failures = ClipStore(clips).failures.items()
    reasons = {video: failure.reason for video, failure in failures}
    result = write_metrics(
        manifest,
        predictions,
        reasons,
        out,
        intervals=section.intervals,
        allow_incomplete=section.allow_incomplete,
    )
    typer.echo(f"{out}: SRCC {result['srcc']}, PLCC {result['plcc']}, n {result['n']}")
