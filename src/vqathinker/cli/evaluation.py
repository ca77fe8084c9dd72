"""Benchmarks: predictions of a policy, and metrics of predictions.

Only `metrics` reads labels. The other commands read which videos there are.
"""

from pathlib import Path
from typing import Annotated

import typer

from vqathinker.cli.options import (
    DEFAULT_PARAMS,
    BenchmarkName,
    Clips,
    Gpus,
    ManifestFile,
    OutFile,
    ParamsFile,
    PolicyFolder,
    PredictionFiles,
    RunName,
    TimesFile,
    file_option,
    prepare_device,
)
from vqathinker.products import MANIFEST, PERTURBED, PREDICTIONS


def predict(
    policy: PolicyFolder,
    run: RunName,
    benchmark: BenchmarkName,
    clips: Clips,
    out: OutFile,
    params: ParamsFile = DEFAULT_PARAMS,
    times: TimesFile = None,
    *,
    gpus: Gpus = 0,
) -> None:
    """Ask a policy about every clip of a benchmark; it never sees a label.

    Example: vqathinker predict --policy models/demo/grpo/policy --run grpo --benchmark
    demo_content --clips clips/demo_content/6x112/*.safetensors --out my-predictions.parquet
    """
    from vqathinker.params import AnswerParams, EvaluationParams, load_section

    device = prepare_device(params, gpus)
    from vqathinker.evaluation.predict import predict as predict_all

    how, answer = load_section(params, EvaluationParams), load_section(params, AnswerParams)
    predict_all(
        policy, clips, how, answer, run=run, benchmark=benchmark, out=out, times=times,
        device=device,
    )  # fmt: skip
    typer.echo(f"{out}: predictions of {run} on {benchmark}")


def perturbed(
    policy: PolicyFolder,
    run: RunName,
    benchmark: BenchmarkName,
    manifest: ManifestFile,
    clips: Clips,
    out: OutFile,
    params: ParamsFile = DEFAULT_PARAMS,
    times: TimesFile = None,
    *,
    gpus: Gpus = 0,
) -> None:
    """Ask a policy about some clips of a benchmark, and about temporally perturbed copies of each.

    The videos are drawn from the whole benchmark: they do not depend on the size of shards.

    Example: vqathinker perturbed --policy models/demo/grpo/policy --run grpo --benchmark
    demo_content --manifest data/demo_content/manifest.parquet --clips
    clips/demo_content/6x112/*.safetensors --out my-perturbed.parquet
    """
    from vqathinker.params import (
        AnswerParams,
        CompareParams,
        DrawParams,
        EvaluationParams,
        load_section,
    )

    device = prepare_device(params, gpus)
    from vqathinker.evaluation.perturbed import predict_perturbed
    from vqathinker.parquet import read_columns

    rows = read_columns(manifest, ["video", "status"], MANIFEST)
    predict_perturbed(
        policy,
        clips,
        load_section(params, EvaluationParams),
        load_section(params, AnswerParams),
        load_section(params, DrawParams).perturbations,
        load_section(params, CompareParams),
        rows.loc[rows["status"] == "ok", "video"],
        run=run,
        benchmark=benchmark,
        out=out,
        times=times,
        device=device,
    )
    typer.echo(f"{out}: predictions of {run} on perturbed copies of {benchmark}")


def gather(predictions: PredictionFiles, out: OutFile) -> None:
    """Join the predictions of a benchmark's shards in the given order.

    Example: vqathinker gather --predictions predictions/demo/grpo/demo_content/*.parquet --out
    my-predictions.parquet
    """
    from vqathinker.evaluation.predictions import merge_predictions

    merge_predictions(predictions, out)
    typer.echo(f"{out}: joined from {len(predictions)}")


def metrics(
    manifest: ManifestFile,
    predictions: Annotated[Path, file_option(PREDICTIONS)],
    clips: Clips,
    out: OutFile,
    params: ParamsFile = DEFAULT_PARAMS,
) -> None:
    """Correlate predictions with MOS, and count videos without a score. Reads test labels.

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
        manifest, predictions, reasons, out,
        intervals=section.intervals, allow_incomplete=section.allow_incomplete,
    )  # fmt: skip
    n = f"n {result['n_scored']} of {result['n']}"
    typer.echo(f"{out}: SRCC {result['srcc']}, PLCC {result['plcc']}, {n}")


def preference(
    manifest: ManifestFile,
    perturbed: Annotated[Path, file_option(PERTURBED)],
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
    typer.echo(f"{out}: preference {found['preference']['value']}, {found['n']} pairs")


def absent(
    run: Annotated[str, typer.Argument(help="Name of the run.")],
    benchmark: Annotated[str, typer.Argument(help="Name of the test set.")],
    lacking: Annotated[
        list[str], typer.Option(help="Sets that are missing: the test set, the run's training set.")
    ],
    out: OutFile,
    params: ParamsFile = DEFAULT_PARAMS,
) -> None:
    """Write metrics without numbers for a missing set, with the command that fetches the set.

    Example: vqathinker absent base live_vqc --lacking live_vqc --out live_vqc.json
    """
    from vqathinker.evaluation.metrics import write_missing_set_metrics
    from vqathinker.params import EvaluationParams, SetParams, load_section

    data, how = load_section(params, SetParams), load_section(params, EvaluationParams)
    write_missing_set_metrics(run, benchmark, lacking, data, how, out)
    typer.echo(f"{out}: no metrics of {run} on {benchmark}; missing: {', '.join(lacking)}")
