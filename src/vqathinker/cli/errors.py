"""Error messages of commands: one line on standard error."""

from collections.abc import Sequence
from typing import Final

import typer

from vqathinker.errors import explain

DEBUG: Final = "--debug"

# Extras of pyproject.toml by command or group of commands. `pip install vqathinker` installs what
# `score` and `policy` need; commands import everything else inside their functions.
_COMMANDS: Final = {
    "tables": "plan",
    "data": "data decode perturb",
    "train": "base train export",
    "evaluate": (
        "predict predict-perturbed merge-predictions metrics preference skip-missing understanding "
        "tables figures thumbnails report metrics-json summary explain verify archive "
        "score"  # only `--plot`
    ),
    "serve": "serve",
}
EXTRA_OF_COMMAND: Final = {
    command: extra for extra, commands in _COMMANDS.items() for command in commands.split()
}
# Packages that only some uses of a command need.
EXTRA_OF_PACKAGE: Final = {"decord": "data", "matplotlib": "evaluate", "skimage": "demo"}


def describe_error(error: Exception, words: Sequence[str] = ()) -> str:
    """The message for an error; several errors in parameters take a line each.

    Args:
        error: the exception that ended the command.
        words: the command line after the program's name.
    """
    if isinstance(error, ModuleNotFoundError) and (text := _describe_missing(error, words)):
        return text
    if isinstance(error, typer.TyperException):
        return _describe_wrong_use(error)
    if type(error).__module__.startswith("vqathinker."):
        return f"Error: {error}"
    if isinstance(error, OSError):
        return f"Error: {explain(error)}"
    if isinstance(error, MemoryError) or _is_out_of_memory(error):
        return (
            "Error: out of memory: close other programs, reduce batches (evaluation.batch_size, "
            "training.videos_per_device in params.yaml), or use a machine with more memory"
        )
    lines = str(error).splitlines() or [""]
    return (
        f"Error in vqathinker itself: {type(error).__name__}: {lines[0]}; run the same command "
        f"with {DEBUG} and report the traceback"
    )


def _describe_missing(error: ModuleNotFoundError, words: Sequence[str]) -> str | None:
    package = (error.name or "").partition(".")[0]
    command = next((word for word in words if not word.startswith("-")), "")
    extra = EXTRA_OF_PACKAGE.get(package) or EXTRA_OF_COMMAND.get(command)
    if extra is None or package in {"", "vqathinker"}:
        return None
    return (
        f"Error: {package} is not installed; `vqathinker {command}` needs it: "
        f'pip install "vqathinker[{extra}]"'
    )


def _is_out_of_memory(error: Exception) -> bool:
    # torch has an exception class for GPUs, and raises RuntimeError for the CPU.
    texts = ("can't allocate memory", "not enough memory")
    return type(error).__name__ == "OutOfMemoryError" or (
        isinstance(error, RuntimeError) and any(text in str(error) for text in texts)
    )


def _describe_wrong_use(error: typer.TyperException) -> str:
    message = error.format_message().removesuffix(".")
    if type(error).__name__ == "NoArgsIsHelpError":  # the message is the help
        return message
    expected = getattr(getattr(error, "param", None), "help", None)
    if expected:
        message += f". Expected: {expected.removesuffix('.')}"
    context = getattr(error, "ctx", None)
    return f"Error: {message} (see `{context.command_path if context else 'vqathinker'} --help`)"
