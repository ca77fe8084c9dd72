"""The plan of a scale: what everything in it takes, and whether it fits."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vqathinker.layout import Layout
from vqathinker.params import EvaluationParams, Parameters
from vqathinker.params.base import BaseParams
from vqathinker.planning.bases import PlannedBase, planned_base, prompt_length
from vqathinker.planning.devices import Device
from vqathinker.planning.disk import Disk, disk_of
from vqathinker.planning.hours import prediction_seconds, step_phases
from vqathinker.planning.job import TrainingJob
from vqathinker.planning.knobs import prediction_refusal, training_refusal
from vqathinker.planning.memory import Memory, prediction_memory, training_memory
from vqathinker.planning.sizes import PolicySizes, measure
from vqathinker.video.sampling import ClipSetting, parse_setting

__all__ = ["Plan", "PlannedPrediction", "PlannedRun", "make_plan"]

_SMALLER_SETTINGS = ("12x448", "6x448")


@dataclass(frozen=True)
class PlannedRun:
    """A run that is trained; `phases` are seconds of one step."""

    name: str
    steps: int
    videos_per_step: int
    tokens_per_step: int
    memory: Memory
    phases: dict[str, float]
    seconds_per_step: float

    @property
    def hours(self) -> float:
        """Of all its steps, by the clock."""
        return self.steps * self.seconds_per_step / 3600


@dataclass(frozen=True)
class PlannedPrediction:
    """One policy on one benchmark."""

    benchmark: str
    videos: int
    hours: float


@dataclass(frozen=True)
class Plan:
    """What a scale takes with all its sets.

    `left_out` says what sets that are not there leave out, `refusals` what cannot fit: a line each.
    """

    scale: str
    device: Device
    processes: int
    sizes: PolicySizes
    disk: Disk
    videos: dict[str, int]
    prompts: dict[str, int]
    completion: float
    measured: bool
    runs: list[PlannedRun]
    policies: int
    prediction_memory: Memory
    predictions: list[PlannedPrediction]
    left_out: list[str]
    refusals: list[str]

    @property
    def hours(self) -> dict[str, float]:
        """By the clock, if nothing runs side by side."""
        trained = sum(run.hours for run in self.runs)
        predicted = self.policies * sum(row.hours for row in self.predictions)
        return {"training": trained, "prediction": predicted, "all": trained + predicted}


def make_plan(
    params: Parameters,
    device: Device,
    completion: float,
    measured: float | None = None,
    left_out: Sequence[str] = (),
) -> Plan:
    """Plan a scale for a device.

    Args:
        completion: mean tokens of a completion.
        measured: seconds of a step of the first trained run; those of other runs are longer or
            shorter by what the device's figures say.
        left_out: lines on sets that are not there; the plan counts them all the same.

    Raises:
        InputError: the base policy's sizes are not known.
    """
    layout = Layout(params.model_dump())
    clips = parse_setting(params.clips.train_setting), parse_setting(params.clips.test_setting)
    base = planned_base(params.base, Path("models/base", params.base.name), clips[0])
    sizes = measure(base.config)
    prompts = {
        "training": prompt_length(base, "training", clips[0]),
        "evaluation": prompt_length(base, "evaluation", clips[1]),
    }
    processes = max(1, params.resources.train.gpu)
    jobs = {
        name: TrainingJob.of(
            row,
            sizes if row.base == params.base else _sizes_of(row.base, clips[0]),
            clips[0],
            prompts["training"],
            processes,
            gpu=device.gpu,
        )
        for name, row in params.runs.items()
        if row.train
    }
    counts = params.data.counts
    runs = _runs(jobs, device, completion, counts[params.data.train], measured)
    refused = _refuse_prediction(params, base, sizes, device)
    how = params.evaluation
    return Plan(
        scale=params.scale, device=device, processes=processes, sizes=sizes,
        disk=disk_of(params, layout, sizes, jobs),
        videos={name: counts[name] for name in layout.sets},
        prompts=prompts, completion=completion, measured=measured is not None, runs=runs,
        policies=len(params.runs),
        prediction_memory=_memory_of_batch(sizes, device, how, how.batch_size,
                                           prompts["evaluation"]),
        predictions=[
            _prediction(name, counts[name], sizes, device, clips[1], prompts["evaluation"], how,
                        completion)
            for name in layout.benchmarks
        ],
        left_out=list(left_out),
        refusals=[*_refuse_training(jobs, device), *([refused] if refused else [])],
    )  # fmt: skip


def _sizes_of(base: BaseParams, clip: ClipSetting) -> PolicySizes:
    return measure(planned_base(base, Path("models/base", base.name), clip).config)


def _runs(
    jobs: dict[str, TrainingJob], device: Device, completion: float, videos: int,
    measured: float | None,
) -> list[PlannedRun]:  # fmt: skip
    found, factor = list[PlannedRun](), 1.0
    for name, job in jobs.items():
        phases = step_phases(job, device, completion)
        estimated = sum(phases.values())
        if measured is not None and not found:
            factor = measured / estimated
        row = job.row_tokens(min(completion, job.training.max_new_tokens))
        found.append(
            PlannedRun(
                name=name,
                steps=job.steps(videos),
                videos_per_step=job.videos_per_step,
                tokens_per_step=round(job.videos_per_step * row),
                memory=training_memory(job),
                phases=phases,
                seconds_per_step=estimated * factor,
            )
        )
    return found


def _answers(how: EvaluationParams) -> int:
    """Completions of a clip that are drawn at once: those of the mean, or the greedy one."""
    return how.sampling.answers if "mean" in how.kinds else 1


def _memory_of_batch(
    sizes: PolicySizes, device: Device, how: EvaluationParams, batch: int, prompt: int
) -> Memory:
    return prediction_memory(
        sizes, batch=batch, answers=_answers(how), prompt=prompt,
        max_new_tokens=how.max_new_tokens, gpu=device.gpu,
    )  # fmt: skip


def _prediction(
    name: str, videos: int, sizes: PolicySizes, device: Device, clip: ClipSetting, prompt: int,
    how: EvaluationParams, completion: float,
) -> PlannedPrediction:  # fmt: skip
    answers = 1 + (_answers(how) if "mean" in how.kinds else 0)
    batch = prediction_seconds(
        sizes, device, clip, prompt, batch=how.batch_size, answers=answers,
        completion=completion, max_new_tokens=how.max_new_tokens,
    )  # fmt: skip
    return PlannedPrediction(name, videos, videos / how.batch_size * batch / 3600)


def _refuse_training(jobs: dict[str, TrainingJob], device: Device) -> list[str]:
    """One line for all runs that are refused for the same reason."""
    refused: dict[str, list[str]] = {}
    for name, job in jobs.items():
        if line := training_refusal(job, device.memory):
            refused.setdefault(line, []).append(name)
    return [
        f"{'run' if len(names) == 1 else 'runs'} {', '.join(names)}: {line}"
        for line, names in refused.items()
    ]


def _refuse_prediction(
    params: Parameters, base: PlannedBase, sizes: PolicySizes, device: Device
) -> str | None:
    def needed(batch: int, setting: str) -> Memory:
        prompt = prompt_length(base, "evaluation", parse_setting(setting))
        return _memory_of_batch(sizes, device, params.evaluation, batch, prompt)

    planned = params.clips.test_setting
    smaller = [
        name
        for name in _SMALLER_SETTINGS
        if params.base.kind == "hub"
        and parse_setting(name).clip_bytes < parse_setting(planned).clip_bytes
    ]
    return prediction_refusal(
        needed, params.evaluation.batch_size, [planned, *smaller], device.memory
    )
