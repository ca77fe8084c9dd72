"""Tokens and passwords, read from the environment and never printed."""

import os

from pydantic import SecretStr

from vqathinker.errors import InputError


def read_secret(variable: str | None) -> SecretStr | None:
    """Read an environment variable; None if it is empty, unset, or no name is given.

    Raises:
        InputError: it contains characters that are not printable; they are not shown.
    """
    text = os.environ.get(variable, "").strip() if variable else ""
    if not text.isprintable():
        raise InputError(f"${variable}: contains a line break or a control character")
    return SecretStr(text) if text else None
