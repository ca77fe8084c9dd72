"""Training: prepare a base policy, train a run, export its last checkpoint."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from vqathinker.cli.options import (
    DEFAULT_PARAMS,
    Clips,
    Gpus,
    ManifestFile,
    OutputFolder,
    ParamsFile,
    PolicyFolder,
    TimesFile,
    input_file,
    input_files,
    input_folder,
)
from vqathinker.phases.gpus import claim_gpus
from vqathinker.policy.machine import cap_kernels

RunArgument = Annotated[
    str, typer.Argument(metavar="run", help="Name of a row under `runs` in params.yaml.")
]


def base(
    output: OutputFolder,
    params: ParamsFile = DEFAULT_PARAMS,
    clips: Clips = [],  # noqa: B006  typer makes a new list for every call
    degradations: Annotated[
        list[Path], input_files("Degradations of the clips, from `vqathinker data fetch`.")
    ] = [],  # noqa: B006
) -> None:
    """Prepare a base policy, from which training starts.

    Depending on `base` in the parameters, it is a tiny policy trained on --clips, InternVL3 from
    the hub, an existing policy, or weights in the authors' layout.

    Example: vqathinker base --params workflow/keys/demo/base/demo.json --clips
    clips/demo_train/6x112/*.safetensors --degradations data/demo_train/source/degradations.csv
    --output my-base
    """
    from vqathinker.params import DemoBaseParams, HubBaseParams, PolicyBaseParams, load_value

    wanted = load_value(params, "base")
    cap_kernels(load_value(params, "kernels"))
    if isinstance(wanted, DemoBaseParams):
        from vqathinker.policy.demo import prepare_base

        if not clips or len(degradations) != 1:
            raise typer.BadParameter("a demo policy needs --clips and one file of --degradations")
        prepare_base(wanted, clips, degradations[0], output)
    else:
        from vqathinker.policy.interchange import bases

        if isinstance(wanted, HubBaseParams):
            bases.prepare_hub_base(wanted, output)
        elif isinstance(wanted, PolicyBaseParams):
            bases.prepare_policy_base(wanted, output)
        else:
            bases.prepare_original_base(wanted, output)
    typer.echo(f"{output}: base policy {wanted.name}")


def train(
    run: RunArgument,
    policy: PolicyFolder,
    manifest: ManifestFile,
    clips: Clips,
    output: OutputFolder,
    perturbations: Annotated[
        Path | None,
        input_file("Temporal perturbations of the training videos, from `vqathinker perturb`."),
    ] = None,
    params: ParamsFile = DEFAULT_PARAMS,
    times: TimesFile = None,
    *,
    gpus: Gpus = 0,
) -> None:
    """Train a policy with GRPO or supervised fine-tuning.

    Writes checkpoints/ and history.csv. Rewards that use perturbed clips, such as `temporal`, need
    --perturbations. Rerun the same command to resume from the last checkpoint.

    Example: vqathinker train grpo --policy models/base/demo --manifest
    data/demo_train/manifest.parquet --clips clips/demo_train/6x112/*.safetensors --perturbations
    clips/demo_train/6x112/perturbations.parquet --output my-run
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
        out=output, times=times,
    )  # fmt: skip
    typer.echo(f"{output}: trained run {run}")


def export(
    run: RunArgument,
    run_folder: Annotated[
        Path, input_folder("Folder of the run, from `vqathinker train`.", "--from")
    ],
    output: OutputFolder,
    params: ParamsFile = DEFAULT_PARAMS,
) -> None:
    """Export the last checkpoint of a run as a policy folder.

    The folder records `evaluation.score` of the parameters, which `score` and `serve` then use.

    Example: vqathinker export grpo --from models/demo/grpo --output my-policy
    """
    from vqathinker.params import load_run
    from vqathinker.phases.parameters import read_params

    settings = load_run(params, run)
    cap_kernels(settings.kernels)
    from vqathinker.policy.folder.checkpoint import evaluation_record
    from vqathinker.policy.folder.export import export as export_policy

    evaluation = evaluation_record(read_params(params), str(params))
    export_policy(run, settings, run_folder, output, evaluation)
    typer.echo(f"{output}: policy of run {run}")
