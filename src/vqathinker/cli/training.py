"""Commands of the phase `training`: GRPO, and the policy that comes out of it."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from vqathinker.choices import ScoreKind
from vqathinker.cli.options import (
    DEFAULT_PARAMS,
    Clips,
    Gpus,
    ManifestFile,
    OutFolder,
    ParamsFile,
    TimesFile,
)
from vqathinker.cli.paths import file_to_read, folder_to_read
from vqathinker.phases.gpus import claim_gpus
from vqathinker.policy.machine import cap_kernels
from vqathinker.products import PERTURBATIONS, POLICY, RUN

__all__ = ["export", "train"]

RunName = Annotated[str, typer.Argument(metavar="RUN", help="A row of `runs` in params.yaml.")]


def train(
    run: RunName,
    policy: Annotated[
        Path, typer.Option(**folder_to_read(POLICY), help="The base policy's folder.")
    ],
    manifest: ManifestFile,
    clips: Clips,
    out: OutFolder,
    perturbations: Annotated[
        Path | None,
        typer.Option(
            **file_to_read(PERTURBATIONS),
            help="What `perturb` drew; needed if a reward compares with perturbed copies, as "
            "`temporal` does, and its weight is not 0.",
        ),
    ] = None,
    params: ParamsFile = DEFAULT_PARAMS,
    times: TimesFile = None,
    *,
    gpus: Gpus = 0,
) -> None:
    """Train a policy, by GRPO or on the scores themselves; writes checkpoints/ and history.csv.

    Example: vqathinker train grpo --policy models/base/demo --manifest
    data/demo_train/manifest.parquet --clips clips/demo_train/6x112/*.safetensors --perturbations
    clips/demo_train/6x112/perturbations.parquet --out my-run
    """
    from vqathinker.params import load_run

    settings = load_run(params, run)
    cap_kernels(settings.kernels)
    claim_gpus(gpus, settings.device)
    from vqathinker.training.launch import die_with_launcher, launch, launch_command

    if command := launch_command(settings.training.launch, sys.argv[1:], os.environ, _gpus()):
        launch(command)
    die_with_launcher()
    from vqathinker.training.run import train as train_run

    train_run(
        run,
        settings,
        policy=policy,
        manifest=manifest,
        clips=clips,
        perturbations=perturbations,
        out=out,
        times=times,
    )
    typer.echo(f"{out}: trained run {run}")


def _gpus() -> int:
    import torch

    return torch.cuda.device_count()


def export(
    run: RunName,
    source: Annotated[
        Path,
        typer.Option(
            "--from",
            **folder_to_read(RUN),
            help="What `train` wrote.",
        ),
    ],
    out: OutFolder,
    params: ParamsFile = DEFAULT_PARAMS,
    score: Annotated[
        ScoreKind | None,
        typer.Option(
            help="The kind of score that `score` and `serve` show of this policy; else "
            "the one of `evaluation` in --params."
        ),
    ] = None,
) -> None:
    """Turn the last checkpoint of a run into a policy folder that loads by path.

    Example: vqathinker export grpo --from models/demo/grpo --out my-policy
    """
    from vqathinker.params import load_run
    from vqathinker.phases.parameters import read_params

    settings = load_run(params, run)
    cap_kernels(settings.kernels)
    from vqathinker.policy.folder.checkpoint import own_evaluation
    from vqathinker.policy.folder.export import export as export_policy

    own = own_evaluation(read_params(params), str(params))
    if score is not None:
        own = own.model_copy(update={"score": score})
    export_policy(run, settings, source, out, own)
    typer.echo(f"{out}: policy of run {run}")
