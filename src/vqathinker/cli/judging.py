"""Commands of the phase `judging`: answers to questions against what is right."""

from pathlib import Path
from typing import Annotated

import typer

from vqathinker.cli.options import DEFAULT_PARAMS, OutFile, ParamsFile
from vqathinker.cli.paths import file_to_read
from vqathinker.cli.tasks import Task, require_task
from vqathinker.products import ANSWERS, JUDGED, QUESTIONS

__all__ = ["judge", "measure"]

Questions = Annotated[
    Path, typer.Option(**file_to_read(QUESTIONS), help="The task's file of questions.")
]
GivenAnswers = Annotated[
    Path, typer.Option("--answers", **file_to_read(ANSWERS), help="What `ask` wrote.")
]


def judge(
    task: Task,
    questions: Questions,
    answers: GivenAnswers,
    out: OutFile,
    params: ParamsFile = DEFAULT_PARAMS,
) -> None:
    """Let the judge of params.yaml score answers in words; what it has said is not asked again.

    Example: vqathinker understanding judge q_bench_video --answers answers.parquet
    --questions data/q_bench_video/source/Q_Bench_Video_dev.json --out judged.jsonl
    """
    from vqathinker.params import ParameterError, UnderstandingParams, load_section, load_value

    wanted = require_task(load_section(params, UnderstandingParams), task, params)
    how = load_value(params, "judge")
    if how is None:
        raise ParameterError(f"{params}: judge is null, expected an address and a model")
    from vqathinker.evaluation.understanding.judge import judge_answers

    number = judge_answers(how, wanted, questions, answers, out)
    typer.echo(f"{out}: {number} verdicts of {how.model}")


def measure(
    task: Task,
    questions: Questions,
    answers: GivenAnswers,
    out: OutFile,
    judged: Annotated[
        Path | None, typer.Option(**file_to_read(JUDGED), help="What `judge` wrote, if it did.")
    ] = None,
    params: ParamsFile = DEFAULT_PARAMS,
) -> None:
    """Measure answers against the right ones: accuracy, correlations, overlap, the judge's scores.

    Example: vqathinker understanding measure finevd --answers answers.parquet
    --questions data/finevd/source/abcd2_test.jsonl --out measures.json
    """
    from vqathinker.params import UnderstandingParams, load_section

    wanted = require_task(load_section(params, UnderstandingParams), task, params)
    from vqathinker.evaluation.understanding.measure import write_measures

    result = write_measures(wanted, questions, answers, out, judged)
    typer.echo(f"{out}: {len(result['rows'])} measures of {result['n']} answers")
