"""Command of the phase `perturbed`: what a policy says about clips and perturbed copies of them.

Of a manifest it reads which videos there are, and no label.
"""

from pathlib import Path
from typing import Annotated

import typer

from vqathinker.cli.options import (
    DEFAULT_PARAMS,
    Clips,
    Gpus,
    ManifestFile,
    OutFile,
    ParamsFile,
    TimesFile,
)
from vqathinker.cli.paths import folder_to_read
from vqathinker.phases.gpus import claim_gpus
from vqathinker.policy.machine import cap_kernels
from vqathinker.products import MANIFEST, POLICY

__all__ = ["perturbed"]


def perturbed(
    policy: Annotated[Path, typer.Option(**folder_to_read(POLICY), help="The policy's folder.")],
    run: Annotated[str, typer.Option(help="Name under which the predictions are kept.")],
    benchmark: Annotated[str, typer.Option(help="Name of the test set.")],
    manifest: ManifestFile,
    clips: Clips,
    out: OutFile,
    params: ParamsFile = DEFAULT_PARAMS,
    times: TimesFile = None,
    *,
    gpus: Gpus = 0,
) -> None:
    """Ask a policy about some clips of a benchmark, and about temporally perturbed copies of each.

    The videos are drawn from the whole benchmark: they are the same however it is cut into shards.

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
        load_value,
    )

    cap_kernels(load_value(params, "kernels"))
    claim_gpus(gpus, load_value(params, "device"))
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
        device=load_value(params, "device"),
    )
    typer.echo(f"{out}: predictions of {run} on perturbed copies of {benchmark}")
