"""Extras: what a command needs beyond the smallest installation, and how it says so.

`pip install vqathinker` brings what `score` and `policy` take. Everything else is imported inside
its command, and what is not there is told with the extra of pyproject.toml that brings it.
"""

from collections.abc import Sequence
from typing import Final

__all__ = ["EXTRA_OF_COMMAND", "EXTRA_OF_PACKAGE", "describe_absent_package"]

_COMMANDS: Final = {
    "tables": ("plan",),
    "data": ("data", "decode", "perturb"),
    "train": ("base", "train", "export"),
    "evaluate": (
        *("predict", "perturbed", "gather", "metrics", "preference", "absent", "understanding"),
        *(
            "tables",
            "figures",
            "thumbnails",
            "page",
            "numbers",
            "summary",
            "explain",
            "verify",
            "archive",
        ),
    ),
    "serve": ("serve",),
}
# Commands and groups by their first word; those that are not here need no extra.
EXTRA_OF_COMMAND: Final = {
    command: extra for extra, commands in _COMMANDS.items() for command in commands
}
# Packages that a command needs for some of what it does.
EXTRA_OF_PACKAGE: Final = {
    "decord": "data",
    "matplotlib": "evaluate",
    "skimage": "demo",
}


def describe_absent_package(error: ModuleNotFoundError, words: Sequence[str]) -> str | None:
    """The sentence that says what to install, or None where no extra would help.

    Args:
        error: what the import raised.
        words: of the command line, behind the program's name.
    """
    package = (error.name or "").partition(".")[0]
    command = next((word for word in words if not word.startswith("-")), "")
    extra = EXTRA_OF_PACKAGE.get(package) or EXTRA_OF_COMMAND.get(command)
    if extra is None or package in {"", "vqathinker"}:
        return None
    return (
        f"Error: {package} is not installed, which `vqathinker {command}` needs here: "
        f'pip install "vqathinker[{extra}]"'
    )
