"""The plan of a scale: what everything in it takes, and whether it fits."""

from dataclasses import dataclass, replace
from pathlib import Path

from vqathinker.layout import Layout
from vqathinker.params import EvaluationParams, Parameters, RunParams
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
    """What a scale takes; `refusals` say what cannot fit, one line each.

    `predictions` are those of the scale's own policy in its own setting, `predicted_hours` are of
    all `policies`, each in its setting.
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
    predicted_hours: float
    prediction_memory: Memory
    predictions: list[PlannedPrediction]
    refusals: list[str]

    @property
    def hours(self) -> dict[str, float]:
        """By the clock, if nothing runs side by side."""
        trained = sum(run.hours for run in self.runs)
        predicted = self.predicted_hours
        return {"training": trained, "prediction": predicted, "all": trained + predicted}


def make_plan(
    params: Parameters, device: Device, completion: float, measured: float | None = None
) -> Plan:
    """Plan a scale for a device.

    Args:
        completion: mean tokens of a completion.
        measured: seconds of a step of the first trained run; those of other runs are longer or
            shorter by what the device's figures say.

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
        name: _job(row, base if row.base == params.base else _planned(row), processes, device)
        for name, row in params.runs.items()
        if row.train
    }
    counts = params.data.counts
    runs = _runs(jobs, device, completion, counts[params.data.train], measured)
    how = params.evaluation
    return Plan(
        scale=params.scale, device=device, processes=processes, sizes=sizes,
        disk=disk_of(params, layout, sizes, jobs),
        videos={name: counts[name] for name in layout.sets},
        prompts=prompts, completion=completion, measured=measured is not None, runs=runs,
        policies=len(params.runs),
        predicted_hours=_predicted_hours(params, layout, base, device, completion),
        prediction_memory=_memory_of_batch(sizes, device, how, how.batch_size,
                                           prompts["evaluation"]),
        predictions=[
            _prediction(name, counts[name], sizes, device, clips[1], prompts["evaluation"], how,
                        completion)
            for name in layout.benchmarks
        ],
        refusals=[
            *_refuse_training(jobs, device), *_refuse_predictions(params, base, sizes, device)
        ],
    )  # fmt: skip


def _planned(row: RunParams) -> PlannedBase:
    clip = parse_setting(row.clips.train_setting)
    return planned_base(row.base, Path("models/base", row.base.name), clip)


def _job(row: RunParams, base: PlannedBase, processes: int, device: Device) -> TrainingJob:
    clip = parse_setting(row.clips.train_setting)
    prompt = prompt_length(base, "training", clip, **row.prompt.model_dump())
    return TrainingJob.of(row, measure(base.config), clip, prompt, processes, gpu=device.gpu)


def _predicted_hours(
    params: Parameters, layout: Layout, base: PlannedBase, device: Device, completion: float
) -> float:
    """Of every run on every benchmark. One that only evaluates a base of its own, whose sizes are
    not known before it is there, counts as the scale's."""
    hours, videos = 0.0, sum(params.data.counts[name] for name in layout.benchmarks)
    for row in params.runs.values():
        own = _planned(row) if row.train and row.base != params.base else base
        sizes, clip = measure(own.config), parse_setting(row.clips.test_setting)
        prompt = prompt_length(own, "evaluation", clip, **row.prompt.model_dump())
        sizes = replace(sizes, slowfast=sizes.slowfast and row.prompt.motion)
        hours += _prediction(
            "all", videos, sizes, device, clip, prompt, params.evaluation, completion
        ).hours
    return hours


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


def _refuse_predictions(
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
        prompt = prompt_length(base, "evaluation", parse_setting(setting))
        return _memory_of_batch(sizes, device, params.evaluation, batch, prompt)

    smaller = [
        name
        for name in _SMALLER_SETTINGS
        if params.base.kind == "hub"
        and parse_setting(name).clip_bytes < parse_setting(planned).clip_bytes
    ]
    return prediction_refusal(
        needed, params.evaluation.batch_size, [planned, *smaller], device.memory
    )
