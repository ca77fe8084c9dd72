"""Render examples in docstrings as code."""

import re
from typing import Any

import griffe

_EXAMPLE = re.compile(r"(?m)(?:^>>> .*\n(?:\S.*(?:\n|$)| +.*(?:\n|$))*)")


class FencedExamples(griffe.Extension):
    """Enclose each paragraph that starts with `>>> ` in a code fence."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Change the docstring of an object."""
        if obj.docstring and ">>> " in obj.docstring.value:
            text = obj.docstring.value + "\n"
            obj.docstring.value = _EXAMPLE.sub(lambda m: f"```pycon\n{m[0].rstrip()}\n```\n", text)
