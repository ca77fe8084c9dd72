"""Benchmarks: predictions, metrics, temporal preference, and questions other than the score.

Only `metrics` reads labels, and only `understanding judge` and `measure` read right answers.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vqathinker.cli.options import (
    DEFAULT_PARAMS,
    BenchmarkName,
    Clips,
    Gpus,
    ManifestFile,
    OutputFile,
    ParamsFile,
    PolicyFolder,
    PredictionFiles,
    RunName,
    TimesFile,
    input_file,
    prepare_device,
)
from vqathinker.phases.hints import nearest
from vqathinker.products import MANIFEST

if TYPE_CHECKING:
    from vqathinker.params import TaskParams, UnderstandingParams

Task = Annotated[
    str,
    typer.Argument(
        metavar="task", help="Name of a row under `understanding.tasks` in params.yaml."
    ),
]
QuestionsFile = Annotated[
    Path, input_file("Questions of the task, from `vqathinker data fetch`.", "--questions")
]
AnswersFile = Annotated[
    Path, input_file("Answers, from `vqathinker understanding ask`.", "--answers")
]


def predict(
    policy: PolicyFolder,
    run: RunName,
    benchmark: BenchmarkName,
    clips: Clips,
    output: OutputFile,
    params: ParamsFile = DEFAULT_PARAMS,
    times: TimesFile = None,
    *,
    gpus: Gpus = 0,
) -> None:
    """Predict the score of every clip of a benchmark.

    Reads no labels. Rerun the same command to resume an interrupted one.

    Example: vqathinker predict --policy models/demo/grpo/policy --run grpo --benchmark
    demo_content --clips clips/demo_content/6x112/*.safetensors --output my-predictions.parquet
    """
    from vqathinker.params import AnswerParams, EvaluationParams, load_section

    device = prepare_device(params, gpus)
    from vqathinker.evaluation.predict import predict as predict_clips

    evaluation = load_section(params, EvaluationParams)
    answer = load_section(params, AnswerParams)
    predict_clips(
        policy, clips, evaluation, answer, run=run, benchmark=benchmark, out=output, times=times,
        device=device,
    )  # fmt: skip
    typer.echo(f"{output}: predictions of {run} on {benchmark}")


def predict_perturbed(
    policy: PolicyFolder,
    run: RunName,
    benchmark: BenchmarkName,
    manifest: ManifestFile,
    clips: Clips,
    output: OutputFile,
    params: ParamsFile = DEFAULT_PARAMS,
    times: TimesFile = None,
    *,
    gpus: Gpus = 0,
) -> None:
    """Predict scores of temporally perturbed clips.

    Clips are drawn from the whole benchmark, so they do not depend on the size of shards. Each is
    scored together with perturbed copies of it.

    Example: vqathinker predict-perturbed --policy models/demo/grpo/policy --run grpo --benchmark
    demo_content --manifest data/demo_content/manifest.parquet --clips
    clips/demo_content/6x112/*.safetensors --output my-perturbed.parquet
    """
    from vqathinker import params as sections

    device = prepare_device(params, gpus)
    from vqathinker.evaluation import perturbed
    from vqathinker.parquet import read_columns

    rows = read_columns(manifest, ["video", "status"], MANIFEST)
    perturbed.predict_perturbed(
        policy, clips,
        sections.load_section(params, sections.EvaluationParams),
        sections.load_section(params, sections.AnswerParams),
        sections.load_section(params, sections.DrawParams).perturbations,
        sections.load_section(params, sections.CompareParams),
        rows.loc[rows["status"] == "ok", "video"],
        run=run, benchmark=benchmark, out=output, times=times, device=device,
    )  # fmt: skip
    typer.echo(f"{output}: predictions of {run} on perturbed copies of {benchmark}")


def merge_predictions(predictions: PredictionFiles, output: OutputFile) -> None:
    """Merge the predictions of a benchmark's shards.

    The shards are merged in the given order.

    Example: vqathinker merge-predictions --predictions
    predictions/demo/grpo/demo_content/*.parquet --output my-predictions.parquet
    """
    from vqathinker.evaluation.predictions import merge_predictions as merge

    merge(predictions, output)
    typer.echo(f"{output}: merged from {len(predictions)} files")


def metrics(
    manifest: ManifestFile,
    predictions: Annotated[Path, input_file("Predictions, from `vqathinker merge-predictions`.")],
    clips: Clips,
    output: OutputFile,
    params: ParamsFile = DEFAULT_PARAMS,
) -> None:
    """Compute SRCC, PLCC and other metrics of predictions.

    Reads the labels (MOS), and counts videos without a score.

    Example: vqathinker metrics --manifest data/demo_content/manifest.parquet --predictions
    results/demo/predictions/grpo/demo_content.parquet --clips
    clips/demo_content/6x112/*.safetensors --output my-metrics.json
    """
    from vqathinker.evaluation.metrics import write_metrics
    from vqathinker.params import MetricsParams, load_section
    from vqathinker.video.store import ClipStore

    section = load_section(params, MetricsParams)
    failures = ClipStore(clips).failures.items()
    reasons = {video: failure.reason for video, failure in failures}
    result = write_metrics(
        manifest, predictions, reasons, output,
        intervals=section.intervals, allow_incomplete=section.allow_incomplete,
    )  # fmt: skip
    n = f"n {result['n_scored']} of {result['n']}"
    typer.echo(f"{output}: SRCC {result['srcc']}, PLCC {result['plcc']}, {n}")


def preference(
    manifest: ManifestFile,
    perturbed: Annotated[
        Path, input_file("Predictions on perturbed clips, from `vqathinker predict-perturbed`.")
    ],
    output: OutputFile,
    params: ParamsFile = DEFAULT_PARAMS,
) -> None:
    """Measure how often clips beat their perturbed copies.

    Compares the scores of each pair. Reads no labels.

    Example: vqathinker preference --manifest data/demo_indomain/manifest.parquet --perturbed
    results/demo/perturbed/grpo/demo_indomain.parquet --output my-preference.json
    """
    from vqathinker.evaluation.preference import ALL_KINDS, write_preference
    from vqathinker.params import MetricsParams, load_section

    intervals = load_section(params, MetricsParams).intervals
    result = write_preference(manifest, perturbed, output, intervals)["kinds"][ALL_KINDS]
    typer.echo(f"{output}: preference {result['preference']['value']}, {result['n']} pairs")


def skip_missing(
    run: Annotated[str, typer.Argument(metavar="run", help="Name of the run.")],
    benchmark: Annotated[str, typer.Argument(metavar="benchmark", help="Name of the benchmark.")],
    missing: Annotated[
        list[str],
        typer.Option(
            metavar="<set>...",
            help="Missing data sets: the benchmark, the training set of the run, or both.",
        ),
    ],
    output: OutputFile,
    params: ParamsFile = DEFAULT_PARAMS,
) -> None:
    """Write empty metrics for a missing data set.

    They name the command that fetches the data set.

    Example: vqathinker skip-missing base live_vqc --missing live_vqc --output live_vqc.json
    """
    from vqathinker.evaluation.metrics import write_missing_set_metrics
    from vqathinker.params import EvaluationParams, SetParams, load_section

    data, evaluation = load_section(params, SetParams), load_section(params, EvaluationParams)
    write_missing_set_metrics(run, benchmark, missing, data, evaluation, output)
    typer.echo(f"{output}: no metrics of {run} on {benchmark}; missing: {', '.join(missing)}")


def ask(
    task: Task,
    policy: PolicyFolder,
    run: RunName,
    questions: QuestionsFile,
    clips: Clips,
    output: OutputFile,
    params: ParamsFile = DEFAULT_PARAMS,
    times: TimesFile = None,
    *,
    gpus: Gpus = 0,
) -> None:
    """Let a policy answer every question of a task.

    Reads no right answers.

    Example: vqathinker understanding ask finevd --policy models/paper/grpo/policy --run grpo
    --questions data/finevd/source/abcd2_test.jsonl --clips clips/finevd/12x560/*.safetensors
    --output answers.parquet
    """
    from vqathinker import params as sections

    understanding = sections.load_section(params, sections.UnderstandingParams)
    wanted = _find_task(understanding, task, params)
    device = prepare_device(params, gpus)
    from vqathinker.evaluation.understanding import ask as asking
    from vqathinker.evaluation.understanding.questions import read_task

    settings = asking.AskSettings(
        understanding,
        sections.load_section(params, sections.EvaluationParams),
        sections.load_section(params, sections.AnswerParams),
    )
    asking.ask(
        policy, clips, read_task(wanted.kind, questions), settings,
        run=run, task=task, out=output, times=times, device=device,
    )  # fmt: skip
    typer.echo(f"{output}: answers of {run} to {task}")


def judge(
    task: Task,
    questions: QuestionsFile,
    answers: AnswersFile,
    output: OutputFile,
    params: ParamsFile = DEFAULT_PARAMS,
) -> None:
    """Let the judge of params.yaml, a language model, score open answers.

    Rerun the same command to resume an interrupted one.

    Example: vqathinker understanding judge q_bench_video --answers answers.parquet
    --questions data/q_bench_video/source/Q_Bench_Video_dev.json --output judged.jsonl
    """
    from vqathinker.params import ParameterError, UnderstandingParams, load_section, load_value

    wanted = _find_task(load_section(params, UnderstandingParams), task, params)
    how = load_value(params, "judge")
    if how is None:
        raise ParameterError(f"{params}: judge is null; expected an address and a model")
    from vqathinker.evaluation.understanding.judge import judge_answers

    number = judge_answers(how, wanted, questions, answers, output)
    typer.echo(f"{output}: {number} verdicts of {how.model}")


def measure(
    task: Task,
    questions: QuestionsFile,
    answers: AnswersFile,
    output: OutputFile,
    judged: Annotated[
        Path | None, input_file("Scores of the judge, from `vqathinker understanding judge`.")
    ] = None,
    params: ParamsFile = DEFAULT_PARAMS,
) -> None:
    """Compare answers with the right ones.

    The measures are accuracy, correlations, overlap of words, and the judge's scores.

    Example: vqathinker understanding measure finevd --answers answers.parquet
    --questions data/finevd/source/abcd2_test.jsonl --output measures.json
    """
    from vqathinker.params import UnderstandingParams, load_section

    wanted = _find_task(load_section(params, UnderstandingParams), task, params)
    from vqathinker.evaluation.understanding.measure import write_measures

    result = write_measures(wanted, questions, answers, output, judged)
    typer.echo(f"{output}: {len(result['rows'])} measures of {result['n']} answers")


def _find_task(understanding: "UnderstandingParams", name: str, params: Path) -> "TaskParams":
    from vqathinker.params import ParameterError

    if name not in understanding.tasks:
        known = ", ".join(understanding.tasks) or "none"
        raise ParameterError(
            f"{params}: understanding.tasks has no row {name!r}; expected one of {known}"
            f"{nearest(name, understanding.tasks)}"
        )
    return understanding.tasks[name]
