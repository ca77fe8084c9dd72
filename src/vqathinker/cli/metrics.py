"""Commands of the phase `metrics`: predictions against labels, and against those on copies."""

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
from vqathinker.products import PERTURBED, PREDICTIONS

__all__ = ["metrics", "preference"]


def metrics(
    manifest: ManifestFile,
    predictions: Annotated[
        Path, typer.Option(**file_to_read(PREDICTIONS), help="What `predict` wrote.")
    ],
    clips: Clips,
    out: OutFile,
    params: ParamsFile = DEFAULT_PARAMS,
) -> None:
    """Correlate predictions with MOS, and count what has no score. Reads test labels.

    Example: vqathinker metrics --manifest data/demo_content/manifest.parquet --predictions
    results/demo/predictions/grpo/demo_content.parquet --clips
    clips/demo_content/6x112/*.safetensors --out my-metrics.json
    """
    from vqathinker.evaluation.metrics import write_metrics
    from vqathinker.params import MetricsParams, load_section
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
    n = f"n {result['n_scored']} of {result['n']}"
    typer.echo(f"{out}: SRCC {result['srcc']}, PLCC {result['plcc']}, {n}")


def preference(
    manifest: ManifestFile,
    perturbed: Annotated[
        Path, typer.Option(**file_to_read(PERTURBED), help="What `perturbed` wrote.")
    ],
    out: OutFile,
    params: ParamsFile = DEFAULT_PARAMS,
) -> None:
    """Measure how often clips score above their perturbed copies. Reads no labels.

    Example: vqathinker preference --manifest data/demo_indomain/manifest.parquet --perturbed
    results/demo/perturbed/grpo/demo_indomain.parquet --out my-preference.json
    """
    from vqathinker.evaluation.preference import ALL, write_preference
    from vqathinker.params import MetricsParams, load_section

    how = load_section(params, MetricsParams).intervals
    found = write_preference(manifest, perturbed, out, how)["kinds"][ALL]
    typer.echo(f"{out}: preference {found['preference'].value}, {found['n']} pairs")
