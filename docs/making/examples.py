"""Show examples in docstrings as code."""

import re
from typing import Any

import griffe

_EXAMPLE = re.compile(r"(?m)(?:^>>> .*\n(?:\S.*(?:\n|$)| +.*(?:\n|$))*)")


class FencedExamples(griffe.Extension):
    """Add a fence around each paragraph that begins with `>>> `."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Change the docstring of an object, if it has one."""
        if obj.docstring and ">>> " in obj.docstring.value:
            text = obj.docstring.value + "\n"
            obj.docstring.value = _EXAMPLE.sub(lambda m: f"```pycon\n{m[0].rstrip()}\n```\n", text)
