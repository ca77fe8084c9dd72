"""Tokens and passwords: read from the environment, shown nowhere.

A secret goes from the environment variable into the one call that needs it. Its text is in no
`repr`, so a log line, a message or the local variables of a traceback can only ever show where it
came from.
"""

import os
from typing import NoReturn

from vqathinker.errors import InputError

__all__ = ["Secret"]


class Secret:
    """A text that only `reveal` gives away; `name` says where it came from."""

    __slots__ = ("_text", "name")

    def __init__(self, text: str, name: str) -> None:
        self.name = name
        self._text = lambda: text  # a closure: printing the object's fields shows a function

    @classmethod
    def from_environment(cls, variable: str) -> "Secret | None":
        """Read the environment variable `variable`; None when it is not set or empty.

        Raises:
            InputError: it holds characters that no token has; the message does not show them.
        """
        text = os.environ.get(variable, "").strip()
        if not text:
            return None
        if not text.isprintable():
            raise InputError(f"${variable}: holds a line break or another invisible character")
        return cls(text, f"${variable}")

    def reveal(self) -> str:
        """Give the text, for use in the argument of the call that sends it."""
        return self._text()

    def redact(self, message: str) -> str:
        """Take the secret out of a message that somebody else wrote."""
        return message.replace(self._text(), f"<{self.name}>")

    def __repr__(self) -> str:
        return f"<secret from {self.name}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{self!r} is not written to files")
