"""Tokens and passwords: read from the environment, shown nowhere."""

import os

from vqathinker.errors import InputError


class Secret:
    """A text that only `reveal` gives away; `name` says which variable it came from."""

    def __init__(self, text: str, name: str) -> None:
        self.name = name
        self._text = lambda: text  # a closure: printing the object's fields shows a function

    @classmethod
    def from_environment(cls, variable: str | None) -> "Secret | None":
        """Read the environment variable `variable`; None when there is none or it is empty.

        Raises:
            InputError: it holds characters that no token has; the message does not show them.
        """
        text = os.environ.get(variable, "").strip() if variable else ""
        if not text:
            return None
        if not text.isprintable():
            raise InputError(f"${variable}: holds a line break or another invisible character")
        return cls(text, f"${variable}")

    def reveal(self) -> str:
        """Give the text, for use in the argument of the call that sends it."""
        return self._text()

    def __repr__(self) -> str:
        return f"<secret from {self.name}>"
