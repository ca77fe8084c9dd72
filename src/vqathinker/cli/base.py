"""Command of the phase `base`: the policy that training starts from."""

from pathlib import Path
from typing import Annotated

import typer

from vqathinker.cli.options import DEFAULT_PARAMS, Clips, OutFolder, ParamsFile
from vqathinker.params import DemoBaseParams, ParameterError, load_base

__all__ = ["base"]


def base(
    out: OutFolder,
    params: ParamsFile = DEFAULT_PARAMS,
    clips: Clips = [],  # noqa: B006  typer makes a new list for every call
    degradations: Annotated[
        list[Path],
        typer.Option(exists=True, help="Kind and strength of each clip's degradation; no MOS."),
    ] = [],  # noqa: B006
) -> None:
    """Prepare the base policy. Only the demo's needs clips: it is built and taught to see."""
    wanted = load_base(params)
    if not isinstance(wanted, DemoBaseParams):
        raise ParameterError(
            f"{params}: base.kind is 'hub', which this version cannot prepare yet; "
            f"expected 'demo', or a policy folder of {wanted.repo} put at {out} by hand"
        )
    from vqathinker.policy.demo import prepare_base

    if not clips or len(degradations) != 1:
        raise typer.BadParameter("a demo policy needs --clips and one file of --degradations")
    prepare_base(wanted, clips, degradations[0], out)
    typer.echo(f"{out}: base policy {wanted.name}")
