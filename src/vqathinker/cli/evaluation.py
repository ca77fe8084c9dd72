"""Commands of the phase `evaluation`: what a policy says about a benchmark, without its labels."""

from pathlib import Path
from typing import Annotated

import typer

from vqathinker.cli.options import (
    DEFAULT_PARAMS,
    Clips,
    Gpus,
    OutFile,
    ParamsFile,
    PredictionFiles,
    TimesFile,
)
from vqathinker.cli.paths import folder_to_read
from vqathinker.phases.gpus import claim_gpus
from vqathinker.policy.machine import cap_kernels
from vqathinker.products import POLICY

__all__ = ["gather", "predict"]


def predict(
    policy: Annotated[Path, typer.Option(**folder_to_read(POLICY), help="The policy's folder.")],
    run: Annotated[str, typer.Option(help="Name under which the predictions are kept.")],
    benchmark: Annotated[str, typer.Option(help="Name of the test set.")],
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
    from vqathinker.params import (
        AnswerParams,
        EvaluationParams,
        load_section,
        load_value,
    )

    cap_kernels(load_value(params, "kernels"))
    claim_gpus(gpus, load_value(params, "device"))
    from vqathinker.evaluation.predict import predict as predict_all

    how, answer = load_section(params, EvaluationParams), load_section(params, AnswerParams)
    predict_all(
        policy,
        clips,
        how,
        answer,
        run=run,
        benchmark=benchmark,
        out=out,
        times=times,
        device=load_value(params, "device"),
    )
    typer.echo(f"{out}: predictions of {run} on {benchmark}")


def gather(predictions: PredictionFiles, out: OutFile) -> None:
    """Join the predictions of a benchmark's shards, in the order in which they are given.

    Example: vqathinker gather --predictions predictions/demo/grpo/demo_content/*.parquet --out
    my-predictions.parquet
    """
    from vqathinker.evaluation.predictions import gather as join

    join(predictions, out)
    typer.echo(f"{out}: joined from {len(predictions)}")
