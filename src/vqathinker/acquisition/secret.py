"""Tokens and passwords, read from the environment and never printed."""

import os

from pydantic import SecretStr

from vqathinker.errors import InputError


def read_secret(variable: str | None) -> SecretStr | None:
    """Read an environment variable; None if it is unset or empty, or `variable` is None.

    Raises:
        InputError: the value contains unprintable characters; the message does not show it.
    """
    text = os.environ.get(variable, "").strip() if variable else ""
    if not text.isprintable():
        raise InputError(f"${variable}: contains a line break or a control character; remove it")
    return SecretStr(text) if text else None
