"""Commands of the phase `judging`: answers to questions against what is right."""

from pathlib import Path
from typing import Annotated

import typer

from vqathinker.cli.options import DEFAULT_PARAMS, OutFile, ParamsFile
from vqathinker.cli.paths import file_to_read
from vqathinker.cli.tasks import Task, require_task
from vqathinker.params import UnderstandingParams, load_section
from vqathinker.products import ANSWERS, QUESTIONS

__all__ = ["measure"]

Questions = Annotated[
    Path, typer.Option(**file_to_read(QUESTIONS), help="The task's file of questions.")
]
GivenAnswers = Annotated[
    Path, typer.Option("--answers", **file_to_read(ANSWERS), help="What `ask` wrote.")
]


def measure(
    task: Task,
    questions: Questions,
    answers: GivenAnswers,
    out: OutFile,
    params: ParamsFile = DEFAULT_PARAMS,
) -> None:
    """Measure answers against the right ones: accuracy, correlations, overlap, the judge's scores.

    Example: vqathinker understanding measure finevd --answers answers.parquet
    --questions data/finevd/source/abcd2_test.jsonl --out measures.json
    """
    wanted = require_task(load_section(params, UnderstandingParams), task, params)
    from vqathinker.evaluation.understanding.measure import write_measures

    result = write_measures(wanted, questions, answers, out)
    typer.echo(f"{out}: {len(result['rows'])} measures of {result['n']} answers")
