"""The plan of a scale: what everything in it takes, and whether it fits."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vqathinker.layout import Layout
from vqathinker.params import Parameters, RunParams
from vqathinker.planning.bases import (
    PlannedBase,
    planned_base,
    planned_row,
    prompt_length,
    sizes_of_bases,
)
from vqathinker.planning.devices import Device
from vqathinker.planning.disk import Disk, disk_of
from vqathinker.planning.hours import step_phases
from vqathinker.planning.job import TrainingJob
from vqathinker.planning.knobs import training_refusal
from vqathinker.planning.memory import Memory, training_memory
from vqathinker.planning.predictions import (
    PREFERENCE,
    PlannedPrediction,
    clips_with_copies,
    memory_of_batch,
    planned_prediction,
    predicted_hours,
    refuse_predictions,
)
from vqathinker.planning.sizes import PolicySizes, measure
from vqathinker.video.sampling import parse_setting

__all__ = ["Plan", "PlannedRun", "make_plan"]


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
class Plan:
    """What a scale takes with all its sets.

    `predictions` are those of the scale's own policy in its own setting, `predicted_hours` are of
    all `policies`, each in its setting. `left_out` says what sets that are not there leave out,
    `refusals` what cannot fit: a line each.
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
    left_out: list[str]
    refusals: list[str]

    @property
    def hours(self) -> dict[str, float]:
        """By the clock, if nothing runs side by side."""
        trained = sum(run.hours for run in self.runs)
        predicted = self.predicted_hours
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
    processes = 2 if params.training.launch == "cpu-2" else max(1, params.resources.train.gpu)
    jobs = {
        name: _job(row, base if row.base == params.base else planned_row(row), processes, device)
        for name, row in params.runs.items()
        if row.train
    }
    counts = params.data.counts
    runs = _runs(jobs, device, completion, counts[params.data.train], measured)
    how = params.evaluation
    asked = {name: counts[name] for name in layout.benchmarks}
    asked |= {PREFERENCE: clips_with_copies(params)} if params.preference.benchmarks else {}
    return Plan(
        scale=params.scale, device=device, processes=processes, sizes=sizes,
        disk=disk_of(params, layout, sizes_of_bases(params), jobs),
        videos={name: counts[name] for name in layout.sets},
        prompts=prompts, completion=completion, measured=measured is not None, runs=runs,
        policies=len(params.runs),
        predicted_hours=predicted_hours(params, layout, base, device, completion),
        prediction_memory=memory_of_batch(sizes, device, how, how.batch_size, clips[1],
                                          prompts["evaluation"]),
        predictions=[
            planned_prediction(name, videos, sizes, device, clips[1],
                               prompts["evaluation"], how, completion)
            for name, videos in asked.items()
        ],
        left_out=list(left_out),
        refusals=[
            *_refuse_training(jobs, device), *refuse_predictions(params, base, sizes, device)
        ],
    )  # fmt: skip


def _job(row: RunParams, base: PlannedBase, processes: int, device: Device) -> TrainingJob:
    clip = parse_setting(row.clips.train_setting)
    prompt = prompt_length(base, "training", clip, **row.prompt.model_dump())
    return TrainingJob.of(row, measure(base.config), clip, prompt, processes, gpu=device.gpu)


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
