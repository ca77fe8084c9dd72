"""Policies: prepare a base policy, train a run, export its last checkpoint."""

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
    PolicyFolder,
    TimesFile,
    file_option,
    folder_option,
)
from vqathinker.phases.gpus import claim_gpus
from vqathinker.policy.machine import cap_kernels
from vqathinker.products import DEGRADATIONS, PERTURBATIONS, RUN

RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="A row of `runs` in params.yaml.")]


def base(
    out: OutFolder,
    params: ParamsFile = DEFAULT_PARAMS,
    clips: Clips = [],  # noqa: B006  typer makes a new list for every call
    degradations: Annotated[list[Path], file_option(DEGRADATIONS)] = [],  # noqa: B006
) -> None:
    """Prepare a base policy: made from clips, InternVL3 of the hub, a policy, original weights.

    Example: vqathinker base --params workflow/keys/demo/base/demo.json --clips
    clips/demo_train/6x112/*.safetensors --degradations data/demo_train/source/degradations.csv
    --out my-base
    """
    from vqathinker.params import DemoBaseParams, HubBaseParams, PolicyBaseParams, load_value

    wanted = load_value(params, "base")
    cap_kernels(load_value(params, "kernels"))
    if isinstance(wanted, DemoBaseParams):
        from vqathinker.policy.demo import prepare_base

        if not clips or len(degradations) != 1:
            raise typer.BadParameter("a demo policy needs --clips and one file of --degradations")
        prepare_base(wanted, clips, degradations[0], out)
    else:
        from vqathinker.policy.interchange import bases

        if isinstance(wanted, HubBaseParams):
            bases.prepare_hub_base(wanted, out)
        elif isinstance(wanted, PolicyBaseParams):
            bases.prepare_policy_base(wanted, out)
        else:
            bases.prepare_original_base(wanted, out)
    typer.echo(f"{out}: base policy {wanted.name}")


def train(
    run: RunArgument,
    policy: PolicyFolder,
    manifest: ManifestFile,
    clips: Clips,
    out: OutFolder,
    perturbations: Annotated[Path | None, file_option(PERTURBATIONS)] = None,
    params: ParamsFile = DEFAULT_PARAMS,
    times: TimesFile = None,
    *,
    gpus: Gpus = 0,
) -> None:
    """Train a policy by GRPO or by supervised fine-tuning; writes checkpoints/ and history.csv.

    Rewards that compare with perturbed copies, such as `temporal`, need --perturbations.

    Example: vqathinker train grpo --policy models/base/demo --manifest
    data/demo_train/manifest.parquet --clips clips/demo_train/6x112/*.safetensors --perturbations
    clips/demo_train/6x112/perturbations.parquet --out my-run
    """
    from vqathinker.params import load_run

    settings = load_run(params, run)
    cap_kernels(settings.kernels)
    claim_gpus(gpus, settings.device)
    import torch

    from vqathinker.training.launch import die_with_launcher, launch, launch_command

    number = torch.cuda.device_count()
    if command := launch_command(settings.training.launch, sys.argv[1:], os.environ, number):
        launch(command)
    die_with_launcher()
    from vqathinker.training.run import train as train_run

    train_run(
        run, settings, policy=policy, manifest=manifest, clips=clips, perturbations=perturbations,
        out=out, times=times,
    )  # fmt: skip
    typer.echo(f"{out}: trained run {run}")


def export(
    run: RunArgument,
    source: Annotated[Path, folder_option(RUN, "--from")],
    out: OutFolder,
    params: ParamsFile = DEFAULT_PARAMS,
    score: Annotated[
        ScoreKind | None,
        typer.Option(
            help="Kind of score that `score` and `serve` show of this policy; by default that of "
            "`evaluation` in --params."
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
    from vqathinker.policy.folder.checkpoint import evaluation_record
    from vqathinker.policy.folder.export import export as export_policy

    own = evaluation_record(read_params(params), str(params))
    if score is not None:
        own = own.model_copy(update={"score": score})
    export_policy(run, settings, source, out, own)
    typer.echo(f"{out}: policy of run {run}")
