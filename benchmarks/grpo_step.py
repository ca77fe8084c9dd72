"""One GRPO step in phases: (a) ours, (b) the authors' implementation, (c) plain TRL.

Measures seconds, computed tokens (counted by hooks) and peak memory of a step of two videos with
four rollouts each of predetermined lengths, with the perturbed rollouts of the temporal reward or
without (`--temporal off`, where (c) does the same work). Weights are random. Each variant runs in a
process of its own; the fastest of `--repeat` steps counts. For (b) and (c), see `grpo/recipe.py`
and `grpo/plain_trl.py`.

    python benchmarks/grpo_step.py --shape small --output step.json
    python benchmarks/grpo_step.py --shape internvl3-8b --device cuda --repeat 3 --output step.json

Weights, reference, gradients and AdamW's moments of 8B take 80 GB in bfloat16. On a GPU of that
size add `--optimiser sgd`, which has no moments.
"""

import argparse
import json
import platform
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
from grpo import ours, recipe
from grpo.limits import bandwidth, language_weights, least_operations, least_tokens, matrix_rate
from grpo.measure import Step, peak_bytes
from grpo.shapes import SHAPES, Shape, shape_of
from grpo.step import prepare, run_step

from vqathinker.policy.machine import describe_machine
from vqathinker.video.store import ClipStore, write_shard

VARIANTS = {"a": "ours", "b": "authors", "c": "trl"}
NOTES = {
    "authors": "clips are read from the store for each rollout, not decoded from video",
    "trl": "InternVL without motion token or perturbed rollouts: has a ratio with temporal off",
}


def main() -> None:
    """Measure the requested variants and write the report."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as folder:
        clips = _in_process(_store_clips, arguments, Path(folder))
        variants = [VARIANTS[letter] for letter in arguments.variants.split(",")]
        results = {
            variant: _in_process(_measure, arguments, variant, clips) for variant in variants
        }
    done = {variant: result for variant, result in results.items() if "skipped" not in result}
    report = {
        "what": f"a GRPO step at the shape {arguments.shape}, temporal {arguments.temporal}",
        "ratios": _ratios(arguments, done),
        "seconds": {variant: result["seconds"] for variant, result in done.items()},
        "counts": _counts(arguments, done),
        "limits": _in_process(_limits, arguments, done),
        "notes": {variant: NOTES[variant] for variant in done if variant in NOTES},
        "skipped": {
            variant: result["skipped"] for variant, result in results.items() if variant not in done
        },
        "machine": describe_machine(),
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in ("torch", "transformers", "trl")},
    }
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(json.dumps({name: report[name] for name in ("ratios", "skipped")}, indent=2))  # noqa: T201


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--shape", choices=SHAPES, default="small")
    parser.add_argument("--temporal", choices=("on", "off"), default="on")
    parser.add_argument("--variants", default="a,b,c", help="comma-separated list of a, b and c")
    parser.add_argument("--repeat", type=int, default=1, help="number of steps; the fastest counts")
    parser.add_argument("--repeats", type=int, dest="repeat", help=argparse.SUPPRESS)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--optimiser", choices=("adamw", "sgd"), default="adamw")
    arguments = parser.parse_args()
    unknown = set(arguments.variants.split(",")) - set(VARIANTS)
    if unknown:
        parser.error(f"--variants: {sorted(unknown)}; expected some of {', '.join(VARIANTS)}")
    return arguments


def _in_process(work: Callable[..., Any], arguments: argparse.Namespace, *rest: Any) -> Any:
    """The result of `work` in a separate process, so that memory is measured separately."""
    # On the CPU, forked processes share imports; after CUDA is initialised, forking fails.
    context = get_context("spawn" if arguments.device.startswith("cuda") else "forkserver")
    context.set_forkserver_preload(["vqathinker.training.trainer"])
    with ProcessPoolExecutor(1, mp_context=context) as process:
        return process.submit(work, arguments, *rest).result()


def _store_clips(arguments: argparse.Namespace, folder: Path) -> Path:
    """Write a shard of noise clips."""
    shape = shape_of(arguments.shape)
    frames, size = shape.clip.frames, shape.clip.size
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(
        256, (shape.videos, frames, 3, size, size), dtype=torch.uint8, generator=generator
    )
    ids = [f"video{number}" for number in range(shape.videos)]
    indices = torch.arange(frames).expand(shape.videos, -1)
    write_shard(folder / "clips.safetensors", ids, pixels, indices, {}, shape.setting, {})
    return folder / "clips.safetensors"


def _measure(arguments: argparse.Namespace, variant: str, clips: Path) -> dict[str, Any]:
    """Seconds by phase, tokens and peak memory of the fastest step, or why it was skipped."""
    device, shape = torch.device(arguments.device), shape_of(arguments.shape)
    before, store = peak_bytes(device), ClipStore([clips])
    try:
        if variant == "trl":
            from grpo.plain_trl import measure  # noqa: PLC0415  slow

            steps = measure(shape, device, store, arguments.optimiser, arguments.repeat)
        else:
            steps = _policy_steps(arguments, shape, store, variant)
    except torch.OutOfMemoryError as error:
        return {"skipped": str(error).partition("\n")[0]}
    fastest = min(steps, key=lambda step: sum(step.seconds.values()))
    return {
        "seconds": {**fastest.seconds, "step": sum(fastest.seconds.values())},
        "tokens": fastest.tokens, "peak_bytes": peak_bytes(device), "bytes_after_imports": before,
    }  # fmt: skip


def _policy_steps(
    arguments: argparse.Namespace, shape: Shape, clips: ClipStore, variant: str
) -> list[Step]:
    """Steps of our implementation or the authors', on the same policy."""
    temporal = arguments.temporal == "on"
    setup = prepare(shape, torch.device(arguments.device), clips, temporal, arguments.optimiser)
    module = {"ours": ours, "authors": recipe}[variant]
    steps = []
    for _ in range(arguments.repeat):
        setup.counter.restart()
        with setup.clock("other"):
            run_step(setup, module.rollout, module.log_probs)
        steps.append(setup.counter.step())
    return steps


def _ratios(
    arguments: argparse.Namespace, done: dict[str, dict[str, Any]]
) -> dict[str, dict[str, float]]:
    """How many times ours is faster, computes fewer tokens and uses less memory."""
    if "ours" not in done:
        return {}
    same_work = {"authors"} if arguments.temporal == "on" else {"authors", "trl"}
    own = done["ours"]
    return {
        f"ours over {variant}": {
            "videos per second": other["seconds"]["step"] / own["seconds"]["step"],
            "tokens": _total_tokens(other["tokens"]) / _total_tokens(own["tokens"]),
            "peak memory": other["peak_bytes"] / own["peak_bytes"],
        }
        for variant, other in done.items()
        if variant in same_work
    }


def _total_tokens(tokens: dict[str, dict[str, int]]) -> int:
    kinds = ("prompt_tokens", "completion_tokens")
    return sum(phase.get(kind, 0) for phase in tokens.values() for kind in kinds)


def _counts(arguments: argparse.Namespace, done: dict[str, dict[str, Any]]) -> dict[str, Any]:
    shape = shape_of(arguments.shape)
    copies = shape.group if arguments.temporal == "on" else 0
    least = least_tokens(shape, copies)
    return {
        "videos": shape.videos, "group": shape.group, "perturbed_rollouts_a_video": copies,
        "prompt_tokens": len(shape.prompt()), "visual_tokens": shape.visual,
        "completion_lengths": shape.drawn_lengths(shape.videos * shape.group, seed=0).tolist(),
        "tokens": {variant: result["tokens"] for variant, result in done.items()},
        "tokens_a_video": {
            **{name: _total_tokens(one["tokens"]) / shape.videos for name, one in done.items()},
            "least": sum(least.values()) / shape.videos,
        },
        "least_tokens": least,
        "peak_bytes": {variant: result["peak_bytes"] for variant, result in done.items()},
        "bytes_after_imports": {name: one["bytes_after_imports"] for name, one in done.items()},
        "optimiser": arguments.optimiser,
    }  # fmt: skip


def _limits(arguments: argparse.Namespace, done: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Lower bounds of times: operations / matrix rate, and weights / bandwidth."""
    shape, device = shape_of(arguments.shape), torch.device(arguments.device)
    rate, speed = matrix_rate(device), bandwidth(device)
    copies = shape.group if arguments.temporal == "on" else 0
    operations = least_operations(shape, copies)
    weights = language_weights(shape) * (2 if device.type == "cuda" else 4)
    limits: dict[str, Any] = {
        "matrix_operations_a_second": rate,
        "bytes_a_second": speed,
        "least_operations": operations,
        "language_weight_bytes": weights,
        "step_seconds_at_least": operations / rate,
        "token_step_seconds_at_least": weights / speed,
    }
    for variant, result in done.items():
        steps = result["tokens"]["decode"]["token_steps"]
        each = result["seconds"]["decode"] / steps
        limits[variant] = {
            "step_over_limit": result["seconds"]["step"] / limits["step_seconds_at_least"],
            "token_step_seconds": each,
            "token_step_over_limit": each / limits["token_step_seconds_at_least"],
        }
    return limits


if __name__ == "__main__":
    main()
