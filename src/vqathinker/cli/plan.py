"""`vqathinker plan`: what a scale will take, before anything is downloaded.

It is no phase: what it says is no result, so a change here makes nothing out of date.
"""

from pathlib import Path
from typing import Annotated

import typer

from vqathinker.cli.options import DEFAULT_PARAMS, ParamsFile
from vqathinker.cli.paths import file_to_read
from vqathinker.products import Product

__all__ = ["plan"]

_RATES = Product("times of training", "a run's --times file or a benchmark's JSON will do")


def plan(
    params: ParamsFile = DEFAULT_PARAMS,
    scale: Annotated[str | None, typer.Option(help="Another scale than params.yaml says.")] = None,
    config: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE",
            help="Laid over the scale: training.lora=null; several may follow.",
        ),
    ] = None,
    gpu: Annotated[
        str | None,
        typer.Option(help="Device to plan for, such as H100; else the one that is here."),
    ] = None,
    gpu_memory: Annotated[
        float | None, typer.Option(min=0.001, help="GB (10^9 bytes) of it, if not the usual.")
    ] = None,
    rates: Annotated[
        Path | None,
        typer.Option(**file_to_read(_RATES), help="Measured seconds of a step: CSV or JSON."),
    ] = None,
    completion: Annotated[
        float | None, typer.Option(min=1, help="Mean tokens of a completion, if you know better.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The plan as JSON.")] = False,
) -> None:
    """Say what a scale takes: downloads, disk, memory of a GPU, hours; exit code 1 if none fits.

    Example: vqathinker plan --scale paper --gpu H100
    """
    import json

    from vqathinker.params import load_all
    from vqathinker.phases.presence import absent_sets, describe_absent
    from vqathinker.planning import text
    from vqathinker.planning.assumptions import COMPLETION_TOKENS
    from vqathinker.planning.devices import choose_device
    from vqathinker.planning.knobs import PlanError
    from vqathinker.planning.plan import make_plan
    from vqathinker.planning.rates import measured_step

    wanted = load_all(params, [*([f"scale={scale}"] if scale else []), *(config or [])])
    device = choose_device(gpu, gpu_memory, gpu=wanted.resources.train.gpu > 0)
    measured = None if rates is None else measured_step(rates)
    resolved = wanted.model_dump()
    left_out = describe_absent(resolved, absent_sets(resolved))
    made = make_plan(wanted, device, completion or COMPLETION_TOKENS, measured, left_out)
    typer.echo(json.dumps(text.as_json(made), indent=1) if as_json else text.as_text(made))
    if made.refusals:
        raise PlanError("\n".join(made.refusals))
