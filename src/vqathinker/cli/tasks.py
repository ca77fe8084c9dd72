"""The argument that names a task of params.yaml."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vqathinker.phases.words import nearest

if TYPE_CHECKING:
    from vqathinker.params import TaskParams, UnderstandingParams

__all__ = ["Task", "require_task"]

Task = Annotated[str, typer.Argument(help="A task, as under understanding.tasks in params.yaml.")]


def require_task(how: "UnderstandingParams", name: str, params: Path) -> "TaskParams":
    """The task of that name.

    Raises:
        ParameterError: there is none.
    """
    from vqathinker.params import ParameterError

    if name not in how.tasks:
        known = ", ".join(how.tasks) or "none"
        raise ParameterError(
            f"{params}: understanding.tasks has no row {name!r}, expected one of {known}"
            f"{nearest(name, how.tasks)}"
        )
    return how.tasks[name]
