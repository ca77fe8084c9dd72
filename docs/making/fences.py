"""Render fenced blocks without scripts or network.

`math` is rendered as MathML, and a flow chart as a table of its arrows. Git hosts render the same
source as a formula and a chart.
"""

import html
import re
from typing import Any

from latex2mathml.converter import convert

_ARROW = re.compile(r"^\s*(\w+) --> (.+)$")


def math(source: str, *_: Any, **__: Any) -> str:
    """Render a TeX formula as a block of MathML."""
    return f'<div class="formula">{convert(source, display="block")}</div>'


def flow_chart(source: str, *_: Any, **__: Any) -> str:
    """Render the arrows `a --> b & c` of a flow chart as a table with a row for each node."""
    rows = []
    for line in source.splitlines():
        if arrow := _ARROW.match(line):
            node, targets = arrow.groups()
            cells = ", ".join(f"<code>{html.escape(name)}</code>" for name in targets.split(" & "))
            rows.append(f"<tr><td><code>{html.escape(node)}</code></td><td>{cells}</td></tr>")
    head = "<thead><tr><th>rule</th><th>output is used by</th></tr></thead>"
    return f"<table>{head}<tbody>{''.join(rows)}</tbody></table>"
