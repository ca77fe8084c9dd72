"""Render fenced blocks without scripts or network.

`math` becomes MathML; a flow chart becomes a table of its arrows. Git hosts render both from the
same source.
"""

import html
import re
from typing import Any

from latex2mathml.converter import convert

_ARROW = re.compile(r"^\s*(\w+) --> (.+)$")


def math(source: str, *_: Any, **__: Any) -> str:
    """A formula in TeX, as a block of MathML."""
    return f'<div class="formula">{convert(source, display="block")}</div>'


def flow_chart(source: str, *_: Any, **__: Any) -> str:
    """Arrows `a --> b & c` of a flow chart, a row for each node that has any."""
    rows = []
    for line in source.splitlines():
        if arrow := _ARROW.match(line):
            node, several = arrow.groups()
            cells = ", ".join(f"<code>{html.escape(name)}</code>" for name in several.split(" & "))
            rows.append(f"<tr><td><code>{html.escape(node)}</code></td><td>{cells}</td></tr>")
    head = "<thead><tr><th>rule</th><th>output is used by</th></tr></thead>"
    return f"<table>{head}<tbody>{''.join(rows)}</tbody></table>"
