"""Questions other than the score: ask a policy, judge its answers, measure them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vqathinker.cli.options import (
    DEFAULT_PARAMS,
    Clips,
    Gpus,
    OutFile,
    ParamsFile,
    PolicyFolder,
    RunName,
    TimesFile,
    file_option,
    prepare_device,
)
from vqathinker.phases.hints import nearest
from vqathinker.products import ANSWERS, JUDGED, QUESTIONS

if TYPE_CHECKING:
    from vqathinker.params import TaskParams, UnderstandingParams

Task = Annotated[str, typer.Argument(help="A task, as under understanding.tasks in params.yaml.")]
Questions = Annotated[Path, file_option(QUESTIONS, "--questions")]
AnswersFile = Annotated[Path, file_option(ANSWERS, "--answers")]


def ask(
    task: Task,
    policy: PolicyFolder,
    run: RunName,
    questions: Questions,
    clips: Clips,
    out: OutFile,
    params: ParamsFile = DEFAULT_PARAMS,
    times: TimesFile = None,
    *,
    gpus: Gpus = 0,
) -> None:
    """Ask a policy every question of a task; it never sees the right answers.

    Example: vqathinker understanding ask finevd --policy models/paper/grpo/policy --run grpo
    --questions data/finevd/source/abcd2_test.jsonl --clips clips/finevd/12x560/*.safetensors
    --out answers.parquet
    """
    from vqathinker.params import (
        AnswerParams,
        EvaluationParams,
        UnderstandingParams,
        load_section,
    )

    how = load_section(params, UnderstandingParams)
    wanted = _task(how, task, params)
    device = prepare_device(params, gpus)
    from vqathinker.evaluation.understanding.ask import AskSettings
    from vqathinker.evaluation.understanding.ask import ask as ask_all
    from vqathinker.evaluation.understanding.questions import read_task

    manner = AskSettings(
        how, load_section(params, EvaluationParams), load_section(params, AnswerParams)
    )
    asked = read_task(wanted.kind, questions)
    ask_all(policy, clips, asked, manner, run=run, task=task, out=out, times=times, device=device)
    typer.echo(f"{out}: answers of {run} to {task}")


def judge(
    task: Task,
    questions: Questions,
    answers: AnswersFile,
    out: OutFile,
    params: ParamsFile = DEFAULT_PARAMS,
) -> None:
    """Let the judge of params.yaml score answers in words; resumes after a kill.

    Example: vqathinker understanding judge q_bench_video --answers answers.parquet
    --questions data/q_bench_video/source/Q_Bench_Video_dev.json --out judged.jsonl
    """
    from vqathinker.params import ParameterError, UnderstandingParams, load_section, load_value

    wanted = _task(load_section(params, UnderstandingParams), task, params)
    how = load_value(params, "judge")
    if how is None:
        raise ParameterError(f"{params}: judge is null, expected an address and a model")
    from vqathinker.evaluation.understanding.judge import judge_answers

    number = judge_answers(how, wanted, questions, answers, out)
    typer.echo(f"{out}: {number} verdicts of {how.model}")


def measure(
    task: Task,
    questions: Questions,
    answers: AnswersFile,
    out: OutFile,
    judged: Annotated[Path | None, file_option(JUDGED)] = None,
    params: ParamsFile = DEFAULT_PARAMS,
) -> None:
    """Compare answers with the right ones: accuracy, correlations, overlap, the judge's scores.

    Example: vqathinker understanding measure finevd --answers answers.parquet
    --questions data/finevd/source/abcd2_test.jsonl --out measures.json
    """
    from vqathinker.params import UnderstandingParams, load_section

    wanted = _task(load_section(params, UnderstandingParams), task, params)
    from vqathinker.evaluation.understanding.measure import write_measures

    result = write_measures(wanted, questions, answers, out, judged)
    typer.echo(f"{out}: {len(result['rows'])} measures of {result['n']} answers")


def _task(how: "UnderstandingParams", name: str, params: Path) -> "TaskParams":
    from vqathinker.params import ParameterError

    if name not in how.tasks:
        known = ", ".join(how.tasks) or "none"
        raise ParameterError(
            f"{params}: understanding.tasks has no row {name!r}, expected one of {known}"
            f"{nearest(name, how.tasks)}"
        )
    return how.tasks[name]
