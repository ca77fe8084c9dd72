"""How a command fails: in one line that names what was given, and with an exit code."""

from collections.abc import Sequence
from typing import Final

import typer

from vqathinker.cli.extras import describe_absent_package
from vqathinker.errors import explain

__all__ = ["DEBUG", "STOPPED", "describe_error", "exit_code_of", "say_stopped"]

DEBUG: Final = "--debug"
STOPPED: Final = 130  # what a shell has for Ctrl-C
_WRONG_USE, _FAILED = 2, 1


def describe_error(error: Exception, words: Sequence[str] = ()) -> str:
    """What the user reads. Faults of parameters, one each, may take a line each.

    Args:
        error: whatever ended the command.
        words: of the command line, behind the program's name.
    """
    if isinstance(error, ModuleNotFoundError) and (told := describe_absent_package(error, words)):
        return told
    if isinstance(error, typer.TyperException):
        return _describe_wrong_use(error)
    if type(error).__module__.startswith("vqathinker."):
        return f"Error: {error}"
    if isinstance(error, OSError):
        return f"Error: {explain(error)}"
    if isinstance(error, MemoryError) or _is_out_of_memory(error):
        return (
            "Error: out of memory: close other programs, make batches smaller "
            "(evaluation.batch_size, training.videos_per_device in params.yaml), or take a machine "
            "with more of it"
        )
    lines = str(error).splitlines() or [""]
    return (
        f"Error in the program itself: {type(error).__name__}: {lines[0]}; the same command with "
        f"{DEBUG} shows where: please report that"
    )


def exit_code_of(error: Exception) -> int:
    """2 where the command line is wrong, 1 where the job failed."""
    return _WRONG_USE if isinstance(error, typer.TyperException) else _FAILED


def say_stopped(words: str) -> str:
    """What the user reads after Ctrl-C in the middle of a command."""
    return f"Stopped: {words}. Nothing half-written has its name; the same command goes on."


def _is_out_of_memory(error: Exception) -> bool:
    """As torch says it: of a GPU by a class of its own, of the machine by words."""
    words = ("can't allocate memory", "not enough memory")
    return type(error).__name__ == "OutOfMemoryError" or (
        isinstance(error, RuntimeError) and any(each in str(error) for each in words)
    )


def _describe_wrong_use(error: typer.TyperException) -> str:
    message = error.format_message().removesuffix(".")
    if type(error).__name__ == "NoArgsIsHelpError":  # the message is the help
        return message
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "vqathinker"
    return f"Error: {message} (see `{command} --help`)"
