"""Command of the phase `base`: a policy that a run starts from, or evaluates as it is."""

from pathlib import Path
from typing import Annotated

import typer

from vqathinker.cli.options import DEFAULT_PARAMS, Clips, OutFolder, ParamsFile
from vqathinker.cli.paths import file_to_read
from vqathinker.policy.machine import cap_kernels
from vqathinker.products import DEGRADATIONS

__all__ = ["base"]


def base(
    out: OutFolder,
    params: ParamsFile = DEFAULT_PARAMS,
    clips: Clips = [],  # noqa: B006  typer makes a new list for every call
    degradations: Annotated[
        list[Path],
        typer.Option(
            **file_to_read(DEGRADATIONS),
            help="Kind and strength of each clip's degradation; no MOS.",
        ),
    ] = [],  # noqa: B006
) -> None:
    """Prepare a base policy: made from clips, InternVL3 of the hub, a policy, original weights.

    Example: vqathinker base --params workflow/keys/demo/base/demo.json --clips
    clips/demo_train/6x112/*.safetensors --degradations data/demo_train/source/degradations.csv
    --out my-base
    """
    from vqathinker.params import (
        DemoBaseParams,
        HubBaseParams,
        PolicyBaseParams,
        load_value,
    )

    wanted = load_value(params, "base")
    cap_kernels(load_value(params, "kernels"))
    if isinstance(wanted, DemoBaseParams):
        from vqathinker.policy.demo import prepare_base

        if not clips or len(degradations) != 1:
            raise typer.BadParameter("a demo policy needs --clips and one file of --degradations")
        prepare_base(wanted, clips, degradations[0], out)
    elif isinstance(wanted, HubBaseParams):
        from vqathinker.policy.interchange.bases import prepare_hub_base

        prepare_hub_base(wanted, out)
    elif isinstance(wanted, PolicyBaseParams):
        from vqathinker.policy.interchange.bases import prepare_policy_base

        prepare_policy_base(wanted, out)
    else:
        from vqathinker.policy.interchange.bases import prepare_original_base

        prepare_original_base(wanted, out)
    typer.echo(f"{out}: base policy {wanted.name}")
