"""Predictions as a plan sees them: hours, memory of a batch, and what does not fit."""

from dataclasses import dataclass, replace

from vqathinker.layout import Layout
from vqathinker.params import EvaluationParams, Parameters
from vqathinker.planning.bases import PlannedBase, planned_row, prompt_length
from vqathinker.planning.devices import Device
from vqathinker.planning.hours import prediction_seconds
from vqathinker.planning.knobs import prediction_refusal
from vqathinker.planning.memory import Memory, prediction_memory
from vqathinker.planning.sizes import PolicySizes, measure
from vqathinker.video.sampling import ClipSetting, parse_setting

__all__ = [
    "PREFERENCE",
    "PlannedPrediction",
    "clips_with_copies",
    "memory_of_batch",
    "planned_prediction",
    "predicted_hours",
    "refuse_predictions",
]

PREFERENCE = "temporal preference"  # among the benchmarks
_SMALLER_SETTINGS = ("12x448", "6x448")


@dataclass(frozen=True)
class PlannedPrediction:
    """One policy on one benchmark."""

    benchmark: str
    videos: int
    hours: float


def _answers(how: EvaluationParams) -> int:
    """Completions of a clip that are drawn at once: those of the mean, or the greedy one."""
    return how.sampling.answers if "mean" in how.kinds else 1


def memory_of_batch(
    sizes: PolicySizes, device: Device, how: EvaluationParams, batch: int, clip: ClipSetting,
    prompt: int,
) -> Memory:  # fmt: skip
    """Of one process, for a batch of so many clips with a prompt of so many tokens."""
    return prediction_memory(
        sizes, clip, batch=batch, answers=_answers(how), prompt=prompt,
        max_new_tokens=how.max_new_tokens, gpu=device.gpu,
    )  # fmt: skip


def planned_prediction(
    name: str, videos: int, sizes: PolicySizes, device: Device, clip: ClipSetting, prompt: int,
    how: EvaluationParams, completion: float,
) -> PlannedPrediction:  # fmt: skip
    """Of so many videos; `completion` is the mean of tokens of a completion."""
    answers = 1 + (_answers(how) if "mean" in how.kinds else 0)
    batch = prediction_seconds(
        sizes, device, clip, prompt, batch=how.batch_size, answers=answers,
        completion=completion, max_new_tokens=how.max_new_tokens,
    )  # fmt: skip
    return PlannedPrediction(name, videos, videos / how.batch_size * batch / 3600)


def clips_with_copies(params: Parameters) -> int:
    """Clips that temporal preference asks about: each that is drawn, and a copy of every kind."""
    counts, how = params.data.counts, params.preference
    drawn = (min(how.videos or counts[name], counts[name]) for name in how.benchmarks)
    return sum(drawn) * (1 + len(params.clips.perturbations.kinds))


def refuse_predictions(
    params: Parameters, base: PlannedBase, sizes: PolicySizes, device: Device
) -> list[str]:
    """One line for each setting in which the scale's policy does not fit."""
    own = params.clips.test_setting
    runs: dict[str, list[str]] = {own: []}
    for name, row in params.runs.items():
        runs.setdefault(row.clips.test_setting, []).append(name)
    refused = {
        setting: _refuse_prediction(params, base, sizes, device, setting) for setting in runs
    }
    return [
        line if setting == own else f"{', '.join(runs[setting])} in {setting}: {line}"
        for setting, line in refused.items()
        if line
    ]


def _refuse_prediction(
    params: Parameters, base: PlannedBase, sizes: PolicySizes, device: Device, planned: str
) -> str | None:
    def needed(batch: int, setting: str) -> Memory:
        clip = parse_setting(setting)
        prompt = prompt_length(base, "evaluation", clip)
        return memory_of_batch(sizes, device, params.evaluation, batch, clip, prompt)

    smaller = [
        name
        for name in _SMALLER_SETTINGS
        if params.base.kind == "hub"
        and parse_setting(name).clip_bytes < parse_setting(planned).clip_bytes
    ]
    return prediction_refusal(
        needed, params.evaluation.batch_size, [planned, *smaller], device.memory
    )


def predicted_hours(
    params: Parameters, layout: Layout, base: PlannedBase, device: Device, completion: float
) -> float:
    """Of every run on every benchmark and on perturbed copies. One that only evaluates a base of
    its own, whose sizes are not known before it is there, counts as the scale's."""
    videos = sum(params.data.counts[name] for name in layout.benchmarks)
    hours, videos = 0.0, videos + clips_with_copies(params)
    for row in params.runs.values():
        own = planned_row(row) if row.train and row.base != params.base else base
        sizes, clip = measure(own.config), parse_setting(row.clips.test_setting)
        prompt = prompt_length(own, "evaluation", clip, **row.prompt.model_dump())
        sizes = replace(sizes, slowfast=sizes.slowfast and row.prompt.motion)
        hours += planned_prediction(
            "all", videos, sizes, device, clip, prompt, params.evaluation, completion
        ).hours
    return hours
