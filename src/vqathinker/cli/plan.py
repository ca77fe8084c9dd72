"""`vqathinker plan`: what a scale needs, before anything is downloaded."""

import json
import os
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vqathinker.choices import GpuName
from vqathinker.cli.options import DEFAULT_PARAMS, FILE, AsJson, ParamsFile
from vqathinker.errors import InputError, reading

if TYPE_CHECKING:
    from vqathinker.planning import Device, Plan


class PlanError(ValueError):
    """Runs do not fit the device that they are planned for."""


def plan(
    params: ParamsFile = DEFAULT_PARAMS,
    scale: Annotated[
        str | None, typer.Option(help="Another scale than that of params.yaml.")
    ] = None,
    config: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE",
            help="Overrides a value of the scale: training.lora=null; several may follow.",
        ),
    ] = None,
    gpu: Annotated[
        GpuName | None,
        typer.Option(help="Device to plan for, such as H100; by default that of this machine."),
    ] = None,
    gpu_memory: Annotated[
        float | None, typer.Option(min=0.001, help="Its memory in GB (10^9 bytes), if not usual.")
    ] = None,
    rates: Annotated[
        Path | None,
        typer.Option(
            **FILE,
            help="Measured seconds of a step: the CSV of a run's --times.",
        ),
    ] = None,
    completion: Annotated[
        float | None, typer.Option(min=1, help="Mean tokens of a completion, if known.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Forecast a scale: downloads, disk, memory of a GPU, hours; exit code 1 if a run cannot fit.

    Example: vqathinker plan --scale paper --gpu H100
    """
    from vqathinker.params import load_all
    from vqathinker.phases.cards import describe_missing, missing_sets
    from vqathinker.planning import COMPLETION_TOKENS, make_plan

    wanted = load_all(params, [*([f"scale={scale}"] if scale else []), *(config or [])])
    device = choose_device(gpu, gpu_memory, gpu=wanted.resources.train.gpu > 0)
    seconds = None if rates is None else read_step_seconds(rates)
    tokens = completion or COMPLETION_TOKENS
    forecast, resolved = make_plan(wanted, device, tokens, seconds), wanted.model_dump()
    missing = list(describe_missing(resolved, missing_sets(resolved)))
    assumptions, refusals = list(_assumptions(forecast, tokens)), list(_refusals(forecast))
    if as_json:
        more = {"completion": tokens, "left_out": missing, "refusals": refusals}
        content = asdict(forecast) | more | {"assumptions": assumptions}
        typer.echo(json.dumps(content, indent=1))
    else:
        typer.echo("\n".join(_describe(forecast)))
        if missing:
            typer.echo("\nMissing sets, which all figures above include:")
        for line in missing:
            typer.echo(f"  {line}")
        typer.echo("\nAssumed:\n  - " + "\n  - ".join(assumptions))
    if refusals:
        remedy = (
            "use more or larger GPUs, a smaller base policy or batch, or adapters (training.lora)"
        )
        raise PlanError("\n".join([*refusals, remedy]))


def choose_device(name: GpuName | None, memory: float | None, *, gpu: bool) -> "Device":
    """The named GPU, or that of this machine, or an H100; the CPU if `gpu` is false.

    A GPU without a data sheet in `planning.DEVICES` is assumed to be as fast as an A100-40G.
    `memory` in GB (10^9 bytes) replaces the device's own.
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
    """Median seconds of a step in the --times file of a run; InputError if it holds none."""
    import pandas as pd

    expected = "a CSV with columns step and seconds (`train --times`)"
    remedy = "give the file of a run on the planned device"
    with reading(path, expected, remedy):
        seconds = float(pd.read_csv(path)["seconds"].median())
    if not seconds > 0:
        raise InputError(f"{path}: {seconds} seconds a step; expected more than 0: {remedy}")
    return seconds


def _refusals(forecast: "Plan") -> Iterator[str]:
    """One line for all runs that do not fit the device for the same reason."""
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
    made = "none; videos are made on the spot, and are not counted below"
    yield f"\nDownloads: {_sizes(forecast.download) if forecast.download else made}{unknown}"
    yield f"Disk, estimated: {_sizes(forecast.disk)}\n"
    training = [(f"training of {run.name}", run.memory) for run in forecast.runs]
    prediction = [(f"prediction of {run}", m) for run, m in forecast.prediction_memory.items()]
    for what, memory in [*training[:1], *prediction[:1]]:
        yield f"Memory of a process, {what}, estimated: {size(memory.peak)} at most"
        for phase in ("resident", "rollouts", "update"):
            if parts := getattr(memory, phase):
                yield f"  {phase}: {_sizes(parts)}"
    speed = "measured for the first run, else estimated" if forecast.measured else "estimated"
    yield f"\nTraining: steps, videos and tokens a step; seconds a step and hours ({speed}); memory"
    for run in forecast.runs:
        yield (
            f"  {run.name:<22} {run.steps:>6,} {run.videos_per_step:>4} {run.tokens_per_step:>9,} "
            f"{run.seconds_per_step:>8.2f} s {run.hours:>8.2f} h {size(run.memory.peak):>8}"
        )
    for run in forecast.runs[:1]:
        phases = ", ".join(f"{name} {seconds:.2f}" for name, seconds in run.phases.items())
        yield f"  seconds of a step of {run.name}, estimated: {phases}"
    yield "Prediction of the base policy in the scale's setting, estimated: clips, hours"
    for name, (clips, needed) in forecast.predictions.items():
        yield f"  {name:<22} {clips:>6,} {needed:>8.2f} h"
    hours = forecast.hours
    yield (
        f"In all, estimated: {hours['training']:.1f} h of training, "
        f"{hours['prediction']:.1f} h of prediction, {hours['all']:.1f} h by the clock"
    )


def _sizes(numbers: dict[str, int]) -> str:
    from vqathinker.datasets.inventory import format_bytes

    each = ", ".join(f"{name} {format_bytes(size)}" for name, size in numbers.items() if size)
    return f"{format_bytes(sum(numbers.values()))} ({each})"


def _assumptions(forecast: "Plan", tokens: float) -> Iterator[str]:
    """Assumptions behind the figures that this machine has not measured."""
    from vqathinker import planning

    device = forecast.device
    yield (
        f"a completion has {tokens:.0f} tokens on average, the longest of a batch "
        f"{planning.LONGEST:.0f} times as many; in supervised fine-tuning it has "
        f"{planning.SUPERVISED_TOKENS}; memory counts every completion at its maximum"
    )
    yield "each word and each digit of a prompt is one token"
    yield "all rollouts of an optimiser step are drawn at once, each with its own prompt cache"
    yield "the update takes one packed row per video"
    yield "AdamW keeps trained weights in float32; several GPUs share it and gradients (ZeRO-2)"
    yield (
        f"{device.name}: {device.matrix / 1e12:g} TFLOP/s, {device.bandwidth / 1e9:g} GB/s, "
        f"{device.link / 1e9:g} GB/s between GPUs, of which {planning.USE_OF_MATRIX:.0%} (FLOP) "
        f"and {planning.USE_OF_BANDWIDTH:.0%} (bytes) are used"
    )
    yield f"the libraries take {planning.OVERHEAD[device.gpu] / 1e9:.1f} GB"
    yield "runs do not overlap"
    yield "loading, checkpoints, decoding and questions other than the score are not counted"
    if device.gpu:
        seconds = f"{planning.LAYER_SECONDS * 1e3:.2f} ms"
        yield f"a layer of a token step takes {seconds} on every GPU, as measured on an H100"
    if forecast.measured:
        yield "seconds of a step are measured for the first run, the others in proportion"
