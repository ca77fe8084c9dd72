"""Command of the phase `metrics`: predictions against the labels of a benchmark."""

from pathlib import Path
from typing import Annotated

import typer

from vqathinker.cli.options import Clips, ManifestFile, OutFile

__all__ = ["metrics"]


def metrics(
    manifest: ManifestFile,
    predictions: Annotated[Path, typer.Option(exists=True, help="What `predict` wrote.")],
    clips: Clips,
    out: OutFile,
) -> None:
    """Correlate predictions with MOS, and count what has no score. Reads test labels."""
    from vqathinker.evaluation.metrics import write_metrics
    from vqathinker.video.store import ClipStore

    result = write_metrics(manifest, predictions, ClipStore(clips).failures, out)
    typer.echo(f"{out}: SRCC {result['srcc']}, PLCC {result['plcc']}, n {result['n']}")
