"""Command of the phase `understanding`: what a policy answers to questions beside the score."""

from pathlib import Path
from typing import Annotated

import typer

from vqathinker.cli.options import DEFAULT_PARAMS, Clips, Gpus, OutFile, ParamsFile, TimesFile
from vqathinker.cli.paths import file_to_read, folder_to_read
from vqathinker.cli.tasks import Task, require_task
from vqathinker.phases.gpus import claim_gpus
from vqathinker.policy.machine import cap_kernels
from vqathinker.products import POLICY, QUESTIONS

__all__ = ["ask"]


def ask(
    task: Task,
    policy: Annotated[Path, typer.Option(**folder_to_read(POLICY), help="The policy's folder.")],
    run: Annotated[str, typer.Option(help="Name under which the answers are kept.")],
    questions: Annotated[
        Path, typer.Option(**file_to_read(QUESTIONS), help="The task's file of questions.")
    ],
    clips: Clips,
    out: OutFile,
    params: ParamsFile = DEFAULT_PARAMS,
    times: TimesFile = None,
    *,
    gpus: Gpus = 0,
) -> None:
    """Ask a policy every question of a task; right answers are not looked at.

    Example: vqathinker understanding ask finevd --policy models/paper/grpo/policy --run grpo
    --questions data/finevd/source/abcd2_test.jsonl --clips clips/finevd/12x560/*.safetensors
    --out answers.parquet
    """
    from vqathinker.params import (
        AnswerParams,
        EvaluationParams,
        UnderstandingParams,
        load_section,
        load_value,
    )

    how = load_section(params, UnderstandingParams)
    wanted = require_task(how, task, params)
    cap_kernels(load_value(params, "kernels"))
    claim_gpus(gpus, load_value(params, "device"))
    from vqathinker.evaluation.understanding.ask import Manner
    from vqathinker.evaluation.understanding.ask import ask as ask_all
    from vqathinker.evaluation.understanding.questions import read_task

    manner = Manner(how, load_section(params, EvaluationParams), load_section(params, AnswerParams))
    ask_all(
        policy,
        clips,
        read_task(wanted.kind, questions),
        manner,
        run=run,
        task=task,
        out=out,
        times=times,
        device=load_value(params, "device"),
    )
    typer.echo(f"{out}: answers of {run} to {task}")
