"""Tokens and passwords, read from the environment and never printed."""

import os

from vqathinker.errors import InputError


class Secret:
    """A text that only `reveal` returns; `name` is the variable that it was read from."""

    def __init__(self, text: str, name: str) -> None:
        self.name = name
        self._text = lambda: text  # a closure, so that printing the fields shows a function

    @classmethod
    def from_environment(cls, variable: str | None) -> "Secret | None":
        """Read an environment variable; None if it is empty, unset, or no name is given.

        Raises:
            InputError: it contains characters that are not printable; they are not shown.
        """
        text = os.environ.get(variable, "").strip() if variable else ""
        if not text:
            return None
        if not text.isprintable():
            raise InputError(f"${variable}: contains a line break or a control character")
        return cls(text, f"${variable}")

    def reveal(self) -> str:
        """The text itself."""
        return self._text()

    def __repr__(self) -> str:
        return f"<secret from {self.name}>"
