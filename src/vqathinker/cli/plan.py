"""`vqathinker plan`: what a scale takes, before anything is downloaded."""

import json
import os
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vqathinker.choices import GpuName
from vqathinker.cli.options import DEFAULT_PARAMS, ParamsFile
from vqathinker.cli.paths import file_to_read
from vqathinker.errors import InputError, reading
from vqathinker.products import Product

if TYPE_CHECKING:
    from vqathinker.planning import Device, Memory, Plan

_RATES = Product("times of training", "a run's --times file or a benchmark's JSON will do")


_REMEDY = (
    "take more or larger GPUs, a smaller base policy or batch, or adapters (training.lora), "
    "which need less memory"
)


class PlanError(ValueError):
    """Runs do not fit the device that they are planned for."""


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
        GpuName | None,
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
    from vqathinker.params import load_all
    from vqathinker.phases.cards import absent_sets, describe_absent
    from vqathinker.planning import COMPLETION_TOKENS, make_plan

    wanted = load_all(params, [*([f"scale={scale}"] if scale else []), *(config or [])])
    device = choose_device(gpu, gpu_memory, gpu=wanted.resources.train.gpu > 0)
    seconds = None if rates is None else measured_step(rates)
    tokens = completion or COMPLETION_TOKENS
    made, resolved = make_plan(wanted, device, tokens, seconds), wanted.model_dump()
    left_out = describe_absent(resolved, absent_sets(resolved))
    assumed, refusals = list(_assumptions(made, tokens)), list(_refusals(made))
    if as_json:
        rest = {"completion": tokens, "left_out": left_out, "refusals": refusals}
        typer.echo(json.dumps(_as_json(made) | rest | {"assumptions": assumed}, indent=1))
    else:
        typer.echo("\n".join(_describe(made)))
        if left_out:
            typer.echo("\nSets that are not there, which all figures above count as if they were:")
        for line in left_out:
            typer.echo(f"  {line}")
        typer.echo("\nAssumed:\n  - " + "\n  - ".join(assumed))
    if refusals:
        raise PlanError("\n".join([*refusals, _REMEDY]))


def choose_device(name: GpuName | None, memory: float | None, *, gpu: bool) -> "Device":
    """The named GPU, else the one of this machine, else an H100; the CPU where `gpu` is false.

    A GPU that no data sheet is known of is assumed to be as fast as an A100-40G. `memory` in GB
    (10^9 bytes) replaces the device's own.
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


def measured_step(path: Path) -> float:
    """Seconds of a step: the median of a run's times, or what a benchmark measured of ours.

    In the JSON of a benchmark that is `seconds.ours`: a number, or numbers by phase, added up.

    Raises:
        InputError: the file is neither, or holds no positive time.
    """
    import pandas as pd

    expected = "a CSV with columns step and seconds (`train --times`), or a benchmark's JSON"
    remedy = "give the file of a run on the device that is planned for"
    with reading(path, expected, remedy):
        if path.suffix == ".json":
            ours = json.loads(path.read_text(encoding="utf-8"))["seconds"]["ours"]
            seconds = float(sum(ours.values()) if isinstance(ours, dict) else ours)
        else:
            seconds = float(pd.read_csv(path)["seconds"].median())
    if not seconds > 0:
        raise InputError(f"{path}: {seconds} seconds a step; expected more than 0: {remedy}")
    return seconds


def _refusals(made: "Plan") -> Iterator[str]:
    """A line for all runs that do not fit the device for the same reason."""
    runs = defaultdict[str, list[str]](list)
    for phase, needs in (
        ("training", {run.name: run.memory for run in made.runs}),
        ("prediction", made.prediction_memory),
    ):
        for run, memory in needs.items():
            if memory.peak > made.device.memory:
                parts = Counter(memory.resident | memory.rollouts | memory.update).most_common(3)
                largest = ", ".join(f"{name} {size / 1e9:.1f}" for name, size in parts)
                needed = f"{memory.peak / 1e9:.1f} GB of {made.device.memory / 1e9:.1f} GB"
                runs[f"{phase} needs {needed} ({largest})"].append(run)
    for line, names in runs.items():
        yield f"run{'s' if len(names) > 1 else ''} {', '.join(names)}: {line}"


def _as_json(made: "Plan") -> dict[str, Any]:
    content = asdict(made)
    names = {"download": "download", "rooms": "disk", "unknown": "unpublished"}
    disk = {name: content.pop(field) for name, field in names.items()}
    predictions = [
        {"benchmark": name, "videos": videos, "hours": hours}
        for name, (videos, hours) in made.predictions.items()
    ]
    return content | {"disk": disk, "predictions": predictions}


def _describe(made: "Plan") -> Iterator[str]:
    from vqathinker.datasets.inventory import format_bytes as size

    count = f"{made.processes} x " if made.processes > 1 else ""
    yield f"Scale {made.scale} on {count}{made.device.name} ({size(made.device.memory)})"
    parts = ", ".join(f"{name} {number / 1e6:,.1f}" for name, number in made.weights.items())
    yield f"Policy: {sum(made.weights.values()) / 1e6:,.1f} million weights ({parts})"
    yield "Videos: " + ", ".join(f"{name} {number:,}" for name, number in made.videos.items())
    yield "Prompts: " + ", ".join(f"{name} {n:,} tokens" for name, n in made.prompts.items())
    if made.download:
        unknown = ", ".join(made.unpublished)
        unpublished = f"; sizes not published: {unknown}" if unknown else ""
        yield f"\nDownloads, as published: {_sizes(made.download)}{unpublished}"
    else:
        yield "\nDownloads: none; videos are made on the spot, and are not counted below"
    yield f"Disk, estimated: {_sizes(made.disk)}\n"
    for run in made.runs[:1]:
        yield from _describe_memory(f"training of {run.name}", run.memory)
    for name, memory in [*made.prediction_memory.items()][:1]:
        yield from _describe_memory(f"prediction of {name}", memory)
    yield from _describe_hours(made)


def _sizes(numbers: dict[str, int]) -> str:
    from vqathinker.datasets.inventory import format_bytes

    each = ", ".join(f"{name} {format_bytes(size)}" for name, size in numbers.items() if size)
    return f"{format_bytes(sum(numbers.values()))} ({each})"


def _describe_memory(what: str, memory: "Memory") -> Iterator[str]:
    from vqathinker.datasets.inventory import format_bytes

    yield f"Memory of a process, {what}, estimated: {format_bytes(memory.peak)} at most"
    for phase in ("resident", "rollouts", "update"):
        if parts := getattr(memory, phase):
            yield f"  {phase}: {_sizes(parts)}"


def _describe_hours(made: "Plan") -> Iterator[str]:
    from vqathinker.datasets.inventory import format_bytes

    speed = "measured for the first run, else estimated" if made.measured else "estimated"
    yield f"\nTraining: steps, videos and tokens a step; seconds a step and hours ({speed}); memory"
    for run in made.runs:
        yield (
            f"  {run.name:<22} {run.steps:>6,} {run.videos_per_step:>4} {run.tokens_per_step:>9,} "
            f"{run.seconds_per_step:>8.2f} s {run.hours:>8.2f} h "
            f"{format_bytes(run.memory.peak):>8}"
        )
    for run in made.runs[:1]:
        phases = ", ".join(f"{name} {seconds:.2f}" for name, seconds in run.phases.items())
        yield f"  seconds of a step of {run.name}, estimated: {phases}"
    yield "Prediction of the base policy in the scale's setting, estimated: clips, hours"
    for name, (clips, needed) in made.predictions.items():
        yield f"  {name:<22} {clips:>6,} {needed:>8.2f} h"
    hours = made.hours
    yield (
        f"In all, estimated: {hours['training']:.1f} h of training, "
        f"{hours['prediction']:.1f} h of prediction, {hours['all']:.1f} h by the clock"
    )


def _assumptions(made: "Plan", tokens: float) -> Iterator[str]:
    """What the figures rest on and this machine has not measured."""
    from vqathinker import planning as own

    device = made.device
    yield (
        f"a completion has {tokens:.0f} tokens on average, the longest of a batch "
        f"{own.LONGEST:.0f} times as many; one that supervised fine-tuning learns has "
        f"{own.SUPERVISED_TOKENS}; memory counts all completions as long as they may be"
    )
    yield "without a tokenizer, each word and each digit of a prompt is one token"
    yield (
        "all rollouts of an optimiser step are drawn at once, each with its own copy of the "
        "prompt's keys and values; the update takes one packed row a video"
    )
    yield "AdamW keeps trained weights in float32; several GPUs share it and gradients (ZeRO-2)"
    yield (
        f"{device.name}: {device.matrix / 1e12:g} TFLOP/s, {device.bandwidth / 1e9:g} GB/s, "
        f"{device.link / 1e9:g} GB/s between GPUs, of which {own.USE_OF_MATRIX:.0%} (FLOP) and "
        f"{own.USE_OF_BANDWIDTH:.0%} (bytes) are used; the libraries take "
        f"{own.OVERHEAD[device.gpu] / 1e9:.1f} GB"
    )
    yield (
        "runs do not overlap; loading, checkpoints, decoding of videos and questions other than "
        "the score are not counted"
    )
    if device.gpu:
        yield (
            f"measured on an H100: {own.LAYER_SECONDS * 1e3:.2f} ms a layer of a token step, which "
            "waits for kernel launches; assumed for every GPU"
        )
    if made.measured:
        yield "seconds of a step are measured for the first run, the others in proportion"
