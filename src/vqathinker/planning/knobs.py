"""What does not fit a device is refused, with the parameters that would make it fit.

Every remedy that is named was tried: its memory was computed and does fit.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations

from vqathinker.params import LoraParams
from vqathinker.planning.job import TrainingJob
from vqathinker.planning.memory import Memory, training_memory
from vqathinker.planning.sizes import measure
from vqathinker.policy.sizes import SIZES, config_of

__all__ = ["PlanError", "prediction_refusal", "training_refusal", "training_remedies"]

_GPUS = (2, 4, 8, 16, 32)
_GPU_KEY = "resources.train.gpu"
_MOST = 6  # remedies that are named
Change = Callable[[TrainingJob], TrainingJob]


class PlanError(ValueError):
    """A run cannot fit the device that it is planned for; the message says what would help."""


def training_refusal(job: TrainingJob, memory: int) -> str | None:
    """What to say of a training that needs more than `memory` bytes; None for one that fits."""
    needed = training_memory(job)
    if needed.peak <= memory:
        return None
    helps = training_remedies(job, memory)
    return f"{_too_much('training', needed, memory)}; {_advice(helps)}"


def training_remedies(job: TrainingJob, memory: int) -> list[str]:
    """Changes after which the job fits, alone if one is enough, else two of them together."""
    changes = _changes(job)
    for together in (1, 2, 3):
        helps = [
            " and ".join(text for text, _ in chosen)
            for chosen in combinations(changes, together)
            if training_memory(_changed(job, [change for _, change in chosen])).peak <= memory
        ]
        if helps:
            return _without_more_gpus(helps)
    return []


def prediction_refusal(
    needed: Callable[[int, str], Memory], batch: int, settings: Sequence[str], memory: int
) -> str | None:
    """One line on prediction that does not fit.

    `needed` gives the memory of a batch size and a clip setting; the first setting is the planned
    one, the others are smaller.
    """
    now = needed(batch, settings[0])
    if now.peak <= memory:
        return None
    helps = [
        f"evaluation.batch_size {size}"
        for size in _halves(batch)
        if needed(size, settings[0]).peak <= memory
    ][:1]
    helps += [
        f"clips.test_setting {setting}"
        for setting in settings[1:]
        if needed(batch, setting).peak <= memory
    ][:1]
    return f"prediction: {_too_much('a batch', now, memory)}; {_advice(helps)}"


def _without_more_gpus(helps: Sequence[str]) -> list[str]:
    """Of remedies that differ in the number of GPUs alone, the one with the fewest."""
    kept: dict[str, str] = {}
    for text in helps:
        kept.setdefault(re.sub(rf"{_GPU_KEY} \d+", _GPU_KEY, text), text)
    return list(kept.values())[:_MOST]


def _changed(job: TrainingJob, changes: Sequence[Change]) -> TrainingJob:
    for change in changes:
        job = change(job)
    return job


def _changes(job: TrainingJob) -> list[tuple[str, Change]]:
    """Every knob of this job that is not turned yet."""
    how, found = job.training, list[tuple[str, Change]]()
    if not how.gradient_checkpointing:
        found.append(_parameter("gradient_checkpointing true", gradient_checkpointing=True))
    if how.lora is None:
        lora = LoraParams(rank=64, alpha=128.0, parts=["language"])
        found.append(_parameter("lora {rank: 64, alpha: 128, parts: [language]}", lora=lora))
    if "vision" not in how.freeze:
        found.append(_parameter("freeze [vision]", freeze=[*how.freeze, "vision"]))
    if how.videos_per_device > 2:  # one alone has nothing to be ranked against
        found.append(_parameter("videos_per_device 2", videos_per_device=2))
    if how.gradient_accumulation > 1:
        found.append(_parameter("gradient_accumulation 1", gradient_accumulation=1))
    if how.max_new_tokens > 512:
        found.append(_parameter("max_new_tokens 512", max_new_tokens=512))
    if job.gpu:
        found += [_gpus(number) for number in _GPUS if number > job.processes]
    return found + _smaller_bases(job)


def _parameter(text: str, **values: object) -> tuple[str, Change]:
    return f"training.{text}", lambda job: job.changed(**values)


def _gpus(number: int) -> tuple[str, Change]:
    return f"{_GPU_KEY} {number}", lambda job: replace(job, processes=number)


def _smaller_bases(job: TrainingJob) -> list[tuple[str, Change]]:
    """Sizes of InternVL3 below this one, the largest first; the demo's has none."""
    if not job.sizes.slowfast:
        return []
    found = list[tuple[str, Change]]()
    for name in reversed(SIZES):
        sizes = measure(config_of(name))
        if sizes.total < job.sizes.total:
            text = f"base.name internvl3-{name.lower()}"
            found.append((text, lambda job, sizes=sizes: replace(job, sizes=sizes)))  # type: ignore[misc]
    return found


def _too_much(what: str, needed: Memory, memory: int) -> str:
    largest = sorted(
        {**needed.resident, **needed.rollouts, **needed.update}.items(),
        key=lambda part: -part[1],
    )[:3]
    parts = ", ".join(f"{name} {size / 1e9:.1f}" for name, size in largest)
    return f"{what} needs {needed.peak / 1e9:.1f} GB of {memory / 1e9:.1f} GB ({parts})"


def _advice(helps: Sequence[str]) -> str:
    if not helps:
        return "no single parameter makes it fit: take another device"
    return f"it fits with {', or '.join(helps)}"


def _halves(number: int) -> list[int]:
    return [number >> shift for shift in range(1, number.bit_length())]
