"""A plan for reading, and as JSON."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from vqathinker.datasets.inventory import format_bytes
from vqathinker.planning import assumptions
from vqathinker.planning.memory import Memory
from vqathinker.planning.plan import Plan
from vqathinker.policy.head import TOKENS_AT_A_TIME

__all__ = ["as_json", "as_text", "assumptions_of"]


def as_text(plan: Plan) -> str:
    """The plan in sections, numbers first, what they rest on last."""
    sections = (_what, _disk, _memory, _hours, _left_out, _rests_on)
    return "\n".join(line for section in sections for line in section(plan))


def as_json(plan: Plan) -> dict[str, Any]:
    """The same, ready for JSON: bytes, tokens, seconds and hours as plain numbers."""
    content = asdict(plan)
    for run, row in zip(content["runs"], plan.runs, strict=True):
        run["hours"], run["memory"]["peak"] = row.hours, row.memory.peak
    content["prediction_memory"]["peak"] = plan.prediction_memory.peak
    return content | {"hours": plan.hours, "assumptions": assumptions_of(plan)}


def assumptions_of(plan: Plan) -> list[str]:
    """Everything that the numbers rest on and that nobody has measured here."""
    own = assumptions
    lines = [
        (
            f"a completion has {plan.completion:.0f} tokens on the average where it may; "
            f"in time the longest of a batch has {own.LONGEST:.0f} times as many, in memory all "
            "have as many as they may"
        ),
        (
            "rollouts of one optimiser step are drawn at once, each with its own copy of the "
            "prompt's keys and values; the update runs one packed row a video"
        ),
        f"logits of {TOKENS_AT_A_TIME} positions stand in memory at once",
        "AdamW keeps trained weights in float32 beside two moments"
        + ("; several GPUs share gradients and optimiser (ZeRO-2)" if plan.processes > 1 else ""),
        (
            f"the libraries take {format_bytes(own.GPU_OVERHEAD)} of a GPU, "
            f"{format_bytes(own.CPU_OVERHEAD)} on the CPU"
        ),
        (
            f"{plan.device.name}: {plan.device.matrix / 1e12:g} TFLOP/s, "
            f"{plan.device.bandwidth / 1e9:g} GB/s, of which {own.USE_OF_MATRIX:.0%} and "
            f"{own.USE_OF_BANDWIDTH:.0%} are used; between GPUs {own.USE_OF_LINK:.0%} of "
            f"{plan.device.link / 1e9:g} GB/s"
        ),
        (
            f"an answer that supervised fine-tuning learns has {own.SUPERVISED_TOKENS} tokens; "
            "such a run is one packed row a video, without rollouts and reference"
        ),
        (
            "runs do not overlap; loading, checkpoints, the decoding of videos and questions "
            "beside the score are not counted"
        ),
    ]
    if plan.sizes.slowfast:
        lines.insert(0, "pieces of the prompt's text are one token each, where no tokenizer is yet")
    if plan.device.gpu:
        lines.append(
            f"measured on an H100: {own.LAYER_SECONDS * 1e3:.2f} ms a layer of a token step, which "
            "waits for kernel launches; taken for every GPU"
        )
    if plan.measured:
        lines.append("seconds of a step are measured for the first run, the others in proportion")
    return lines


def _what(plan: Plan) -> Iterator[str]:
    count = f"{plan.processes} x " if plan.processes > 1 else ""
    yield f"Scale {plan.scale} on {count}{plan.device.name} ({format_bytes(plan.device.memory)})"
    parts = ", ".join(f"{name} {number / 1e6:,.1f}" for name, number in plan.sizes.weights.items())
    yield f"Policy: {plan.sizes.total / 1e6:,.1f} million weights ({parts})"
    yield "Videos: " + ", ".join(f"{name} {number:,}" for name, number in plan.videos.items())
    yield "Prompts: " + ", ".join(f"{name} {n:,} tokens" for name, n in plan.prompts.items())


def _disk(plan: Plan) -> Iterator[str]:
    disk = plan.disk
    unknown = f"; sizes not published: {', '.join(disk.unknown)}" if disk.unknown else ""
    if not disk.download:
        yield "\nDownloads: none; videos are made on the spot, and are not counted below"
    else:
        yield f"\nDownloads, as published: {format_bytes(sum(disk.download.values()))}{unknown}"
        yield "  " + ", ".join(f"{name} {format_bytes(n)}" for name, n in disk.download.items())
    rooms = ", ".join(f"{name}/ {format_bytes(size)}" for name, size in disk.rooms.items())
    yield f"Disk, estimated: {format_bytes(sum(disk.rooms.values()))} ({rooms})"


def _memory(plan: Plan) -> Iterator[str]:
    where = "GPU" if plan.device.gpu else "process"
    for run in plan.runs[:1]:
        peak = format_bytes(run.memory.peak)
        yield f"\nMemory of a {where}, training {run.name}, estimated: {peak} at most"
        yield from _parts(run.memory)
    peak = format_bytes(plan.prediction_memory.peak)
    yield f"Memory of a {where}, prediction, estimated: {peak} at most"
    yield from _parts(plan.prediction_memory)


def _parts(memory: Memory) -> Iterator[str]:
    phases = {"always": memory.resident, "rollouts": memory.rollouts, "update": memory.update}
    for phase, parts in phases.items():
        if sum(parts.values()):
            sizes = ", ".join(f"{name} {format_bytes(n)}" for name, n in parts.items() if n)
            yield f"  {phase:<9} {format_bytes(sum(parts.values())):>8}: {sizes}"


def _hours(plan: Plan) -> Iterator[str]:
    speed = f"measured for {plan.runs[0].name}, else estimated" if plan.measured else "estimated"
    yield f"\nTraining: steps, videos and tokens a step; seconds a step and hours ({speed}); memory"
    for run in plan.runs:
        yield (
            f"  {run.name:<22} {run.steps:>6,} {run.videos_per_step:>4} {run.tokens_per_step:>9,} "
            f"{run.seconds_per_step:>8.2f} s {run.hours:>8.2f} h {format_bytes(run.memory.peak):>8}"
        )
    for run in plan.runs[:1]:
        shares = ", ".join(f"{name} {s:.2f}" for name, s in run.phases.items())
        yield f"  seconds of a step of {run.name}, estimated: {shares}"
    yield (
        f"Prediction of one policy in the scale's setting, of {plan.policies}, estimated: "
        "clips, hours"
    )
    for row in plan.predictions:
        yield f"  {row.benchmark:<22} {row.videos:>6,} {row.hours:>8.2f} h"
    hours = plan.hours
    yield (
        f"In all, estimated: {hours['training']:.1f} h of training, "
        f"{hours['prediction']:.1f} h of prediction, {hours['all']:.1f} h by the clock"
    )


def _left_out(plan: Plan) -> Iterator[str]:
    if plan.left_out:
        yield "\nSets that are not there, and that all figures above count as if they were:"
        yield from (f"  {line}" for line in plan.left_out)


def _rests_on(plan: Plan) -> Iterator[str]:
    yield "\nAssumed:"
    for line in assumptions_of(plan):
        yield f"  - {line}"
