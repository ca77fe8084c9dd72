"""The project: resources that a scale needs, and the schema of parameters."""

import json
import os
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from vqathinker.choices import GpuName
from vqathinker.cli.options import DEFAULT_PARAMS, AsJson, ParamsFile, input_file
from vqathinker.errors import InputError, reading

if TYPE_CHECKING:
    from vqathinker.planning import Device, Plan

_GPUS = get_args(GpuName)


def plan(
    params: ParamsFile = DEFAULT_PARAMS,
    scale: Annotated[
        str | None,
        typer.Option(metavar="<scale>", help="Scale to plan; by default that of params.yaml."),
    ] = None,
    config: Annotated[
        list[str] | None,
        typer.Option(
            metavar="<key>=<value>...",
            help="Values to change, for example training.lora=null.",
        ),
    ] = None,
    gpu: Annotated[
        GpuName | None,
        typer.Option(
            metavar="<name>",
            help=f"GPU to plan for, by default that of this machine: {', '.join(_GPUS)}.",
        ),
    ] = None,
    gpu_memory: Annotated[
        float | None,
        typer.Option(min=0.001, help="Memory of the GPU in GB (10^9 bytes), if it is not usual."),
    ] = None,
    rates: Annotated[
        Path | None, input_file("Measured seconds per step, from `vqathinker train --times`.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Estimate downloads, disk, GPU memory and hours.

    The exit code is 1 if a run does not fit into the memory of the GPU.

    Example: vqathinker plan --scale paper --gpu H100
    """
    from vqathinker.params import load_all
    from vqathinker.phases.cards import describe_missing, missing_sets
    from vqathinker.planning import make_plan

    wanted = load_all(params, [*([f"scale={scale}"] if scale else []), *(config or [])])
    device = choose_device(gpu, gpu_memory, gpu=wanted.resources.train.gpu > 0)
    seconds = None if rates is None else read_step_seconds(rates)
    forecast, resolved = make_plan(wanted, device, measured=seconds), wanted.model_dump()
    missing = list(describe_missing(resolved, missing_sets(resolved)))
    assumptions, too_large = list(_assumptions(forecast)), list(_runs_too_large(forecast))
    if as_json:
        more = {"left_out": missing, "refusals": too_large}
        content = asdict(forecast) | more | {"assumptions": assumptions}
        typer.echo(json.dumps(content, indent=1))
    else:
        typer.echo("\n".join(_describe(forecast)))
        if missing:
            typer.echo("\nMissing data sets, which are included in all numbers above:")
        for line in missing:
            typer.echo(f"  {line}")
        typer.echo("\nAssumptions:\n  - " + "\n  - ".join(assumptions))
    if too_large:
        remedy = (
            "use more or larger GPUs, a smaller base policy or batch, or adapters (training.lora)"
        )
        raise InputError("\n".join([*too_large, remedy]))


def choose_device(name: GpuName | None, memory: float | None, *, gpu: bool) -> "Device":
    """The device to plan for: the named GPU, else the one of this machine, else an H100.

    A GPU that is not in `planning.DEVICES` is assumed to be as fast as an A100-40G.

    Args:
        name: name of a GPU in `planning.DEVICES`.
        memory: memory of the device in GB (10^9 bytes), if it is not the usual one.
        gpu: whether the scale uses GPUs; if not, and without a name, the CPU is planned for.
    """
    import torch

    from vqathinker.planning import CPU, DEVICES

    device = DEVICES[name or "H100"]
    if name is None and not gpu:
        device = replace(CPU, memory=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    elif name is None and torch.cuda.is_available():
        here = torch.cuda.get_device_properties(0)
        words = {kind: kind.removeprefix("RTX-").partition("-")[0] for kind in DEVICES}
        kind = next((kind for kind, word in words.items() if word in here.name), "A100-40G")
        device = replace(
            DEVICES[kind], name=f"{here.name}, as fast as {kind}", memory=here.total_memory
        )
    return device if memory is None else replace(device, memory=int(memory * 1e9))


def read_step_seconds(path: Path) -> float:
    """Median seconds per step in the --times file of a run.

    Raises:
        InputError: the file contains no such seconds.
    """
    import pandas as pd

    expected = "a CSV with columns step and seconds (`train --times`)"
    remedy = "pass the file of a run on the planned device"
    with reading(path, expected, remedy):
        seconds = float(pd.read_csv(path)["seconds"].median())
    if not seconds > 0:
        raise InputError(f"{path}: {seconds} seconds per step; expected more than 0: {remedy}")
    return seconds


def _runs_too_large(forecast: "Plan") -> Iterator[str]:
    """One line for all runs that exceed the memory of the device for the same reason."""
    runs = defaultdict[str, list[str]](list)
    for phase, needs in (
        ("training", {run.name: run.memory for run in forecast.runs}),
        ("prediction", forecast.prediction_memory),
    ):
        for run, memory in needs.items():
            if memory.peak > forecast.device.memory:
                parts = Counter(memory.resident | memory.rollouts | memory.update).most_common(3)
                largest = ", ".join(f"{name} {size / 1e9:.1f}" for name, size in parts)
                needed = f"{memory.peak / 1e9:.1f} GB of {forecast.device.memory / 1e9:.1f} GB"
                runs[f"{phase} needs {needed} ({largest})"].append(run)
    for line, names in runs.items():
        yield f"run{'s' if len(names) > 1 else ''} {', '.join(names)}: {line}"


def _describe(forecast: "Plan") -> Iterator[str]:
    from vqathinker.datasets.inventory import format_bytes as size

    count = f"{forecast.processes} x " if forecast.processes > 1 else ""
    device = f"{forecast.device.name} ({size(forecast.device.memory)})"
    yield f"Scale {forecast.scale} on {count}{device}"
    parts = ", ".join(f"{name} {number / 1e6:,.1f}" for name, number in forecast.weights.items())
    yield f"Policy: {sum(forecast.weights.values()) / 1e6:,.1f} million weights ({parts})"
    yield "Videos: " + ", ".join(f"{name} {n:,}" for name, n in forecast.videos.items())
    yield "Prompts: " + ", ".join(f"{name} {n:,} tokens" for name, n in forecast.prompts.items())
    unpublished = ", ".join(forecast.unpublished)
    unknown = f"; sizes not published: {unpublished}" if unpublished else ""
    generated = "none; videos that you have or that are generated are not included below"
    yield f"\nDownloads: {_sizes(forecast.download) if forecast.download else generated}{unknown}"
    yield f"Disk, estimated: {_sizes(forecast.disk)}\n"
    training = [(f"training of {run.name}", run.memory) for run in forecast.runs]
    prediction = [(f"prediction of {run}", m) for run, m in forecast.prediction_memory.items()]
    for what, memory in [*training[:1], *prediction[:1]]:
        yield f"Memory of a process, {what}, estimated: up to {size(memory.peak)}"
        for phase in ("resident", "rollouts", "update"):
            if parts := getattr(memory, phase):
                yield f"  {phase}: {_sizes(parts)}"
    speed = "measured for the first run, else estimated" if forecast.measured else "estimated"
    yield f"\nTraining: steps; videos, tokens, seconds per step; hours ({speed}); memory"
    for run in forecast.runs:
        yield (
            f"  {run.name:<22} {run.steps:>6,} {run.videos_per_step:>4} {run.tokens_per_step:>9,} "
            f"{run.seconds_per_step:>8.2f} s {run.hours:>8.2f} h {size(run.memory.peak):>8}"
        )
    for run in forecast.runs[:1]:
        phases = ", ".join(f"{name} {seconds:.2f}" for name, seconds in run.phases.items())
        yield f"  seconds per step of {run.name}, estimated: {phases}"
    yield "Prediction of the base policy in the scale's setting, estimated: clips, hours"
    for name, (clips, needed) in forecast.predictions.items():
        yield f"  {name:<22} {clips:>6,} {needed:>8.2f} h"
    hours = forecast.hours
    yield (
        f"Total, estimated: {hours['training']:.1f} h of training, "
        f"{hours['prediction']:.1f} h of prediction, {hours['all']:.1f} h of wall time"
    )


def _sizes(numbers: dict[str, int]) -> str:
    from vqathinker.datasets.inventory import format_bytes

    each = ", ".join(f"{name} {format_bytes(size)}" for name, size in numbers.items() if size)
    return f"{format_bytes(sum(numbers.values()))} ({each})"


def _assumptions(forecast: "Plan") -> Iterator[str]:
    """Sentences about the assumptions of the estimates."""
    from vqathinker import planning

    device = forecast.device
    yield (
        f"completions have {planning.COMPLETION_TOKENS} tokens on average, the longest of a batch "
        f"{planning.LONGEST:.0f} times as many; {planning.SUPERVISED_TOKENS} in supervised "
        "fine-tuning; memory is for completions of maximum length"
    )
    yield "every word and every digit of a prompt is one token"
    yield "all rollouts of an optimiser step are sampled at once, each with its own prompt cache"
    yield "the update uses one packed row per video"
    yield "AdamW keeps trained weights in float32; GPUs share its state and gradients (ZeRO-2)"
    yield (
        f"{device.name}: {device.matrix / 1e12:g} TFLOP/s, {device.bandwidth / 1e9:g} GB/s, "
        f"{device.link / 1e9:g} GB/s between GPUs, of which {planning.USE_OF_MATRIX:.0%} (FLOP) "
        f"and {planning.USE_OF_BANDWIDTH:.0%} (bytes) are reached"
    )
    yield f"libraries take {planning.OVERHEAD[device.gpu] / 1e9:.1f} GB"
    yield "runs are executed one after the other"
    yield "loading, checkpoints, decoding and questions other than the score are not included"
    if device.gpu:
        seconds = f"{planning.LAYER_SECONDS * 1e3:.2f} ms"
        yield f"one layer takes {seconds} per generated token on every GPU, as measured on an H100"
    if forecast.measured:
        yield "seconds per step are measured for the first run, and scaled for the others"


def schema() -> None:
    """Print the JSON schema of the parameters.

    Example: vqathinker schema > workflow/schemas/params.schema.yaml
    """
    from vqathinker.params import json_schema

    typer.echo(json_schema(), nl=False)
