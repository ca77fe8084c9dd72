"""One table, three ways: CSV for programs, Markdown for reading, LaTeX (booktabs) for a paper."""

import csv
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vqathinker.atomic import whole_file

__all__ = [
    "Cell",
    "Column",
    "Grid",
    "Row",
    "format_cell",
    "latex",
    "markdown",
    "markdown_rows",
    "plain_grid",
    "write_csv",
    "write_text",
]

Row = Mapping[str, Any]

_TEX = {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "–": "--", "±": r"$\pm$", "−": "$-$", "²": r"\textsuperscript{2}", "<": "$<$", ">": "$>$",
    "|": r"\textbar{}", "\n": " ",
} | {character: f"\\{character}" for character in "&%$#_{}"}  # fmt: skip


@dataclass(frozen=True)
class Cell:
    """What is read in one place; `rank` 1 is the best of its column and 2 the second."""

    text: str
    rank: int | None = None


@dataclass(frozen=True)
class Column:
    """One column; neighbours of one `group` share a heading above their own."""

    name: str
    group: str = ""
    number: bool = True


@dataclass(frozen=True)
class Grid:
    """A table for reading: `blocks` of rows, parted by a line, and notes below."""

    title: str
    columns: Sequence[Column]
    blocks: Sequence[Sequence[Sequence[Cell]]]
    notes: Sequence[str] = ()


def format_cell(value: Any) -> str:
    """A cell for reading: three decimals, a dash where nothing is defined.

    >>> format_cell(0.85512), format_cell(12), format_cell(None), format_cell("demo")
    ('0.855', '12', '–', 'demo')
    """
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def markdown(grids: Iterable[Grid]) -> str:
    """The grids one below the other; the best of a column is bold, the second in italics."""
    return "\n".join(_markdown_grid(grid) for grid in grids)


def markdown_rows(columns: Sequence[str], rows: Iterable[Row], numbers: Collection[str]) -> str:
    """A plain table of rows, without a title; columns of `numbers` are set to the right."""
    grid = plain_grid("", columns, rows, numbers)
    return "".join(f"{line}\n" for line in _markdown_lines(grid))


def plain_grid(
    title: str, columns: Sequence[str], rows: Iterable[Row], numbers: Collection[str]
) -> Grid:
    """A grid of rows as they are, without groups or ranks; `numbers` are set to the right."""
    cells = [[Cell(format_cell(row[name])) for name in columns] for row in rows]
    return Grid(title, [Column(name, number=name in numbers) for name in columns], [cells])


def _markdown_grid(grid: Grid) -> str:
    notes = [f"- {note}" for note in grid.notes]
    lines = [f"### {grid.title}", "", *_markdown_lines(grid), "", *notes, *([""] if notes else [])]
    return "\n".join(lines)


def _markdown_lines(grid: Grid) -> list[str]:
    names = [_markdown_text(f"{column.group} {column.name}".strip()) for column in grid.columns]
    rule = ["---:" if column.number else "---" for column in grid.columns]
    rows = [[_marked(cell) for cell in row] for block in grid.blocks for row in block]
    return [f"| {' | '.join(line)} |" for line in (names, rule, *rows)]


def _marked(cell: Cell) -> str:
    mark = {1: "**", 2: "*"}.get(cell.rank or 0, "")
    return f"{mark}{_markdown_text(cell.text)}{mark}"


# What would format a cell, break it or hold a link or a tag. Signs of our own numbers stay, such as
# the interval [0.1, 0.2], a star at the end and <0.001; so do underscores within a name.
_MARKDOWN = re.compile(
    r"\\(?=[!-/:-@\[-`{-~])|[|$]|<(?=[A-Za-z/!?])|\*(?=\S)|(?<!\w)_(?=\S)|(?<=\])\(|~(?=~)|&(?=#?\w+;)"
)


def _markdown_text(text: str) -> str:
    return _MARKDOWN.sub(r"\\\g<0>", text).replace("\n", " ")


def latex(grids: Iterable[Grid]) -> str:
    r"""The grids as `table*` environments; `\usepackage{booktabs, graphicx}` is all they need.

    The best of a column is bold, the second underlined. A table wider than the page is scaled down.
    """
    head = "% Needs \\usepackage{booktabs} and \\usepackage{graphicx}.\n"
    return head + "\n".join(_latex_grid(grid) for grid in grids)


def _latex_grid(grid: Grid) -> str:
    align = "".join("r" if column.number else "l" for column in grid.columns)
    body = "\n\\midrule\n".join(
        "\n".join(_latex_row(_tex_cell(cell) for cell in row) for row in block)
        for block in grid.blocks
        if block
    )
    heading = _latex_row(_tex(column.name) for column in grid.columns)
    notes = [rf"\par\smallskip\footnotesize {_tex(note)}" for note in grid.notes]
    return "\n".join(
        [
            r"\begin{table*}",
            r"\centering",
            rf"\caption{{{_tex(grid.title)}}}",
            r"\resizebox{\ifdim\width>\textwidth\textwidth\else\width\fi}{!}{%",
            rf"\begin{{tabular}}{{{align}}}",
            r"\toprule",
            *_latex_groups(grid.columns),
            heading,
            r"\midrule",
            *([body] if body else []),
            r"\bottomrule",
            r"\end{tabular}}",
            *notes,
            r"\end{table*}",
            "",
        ]
    )


def _latex_groups(columns: Sequence[Column]) -> list[str]:
    """The headings above the columns' own, with a line below each; none where there is no group."""
    if not any(column.group for column in columns):
        return []
    spans: list[list[Any]] = []
    for column in columns:
        if spans and column.group and spans[-1][0] == column.group:
            spans[-1][1] += 1
        else:
            spans.append([column.group, 1])
    cells, rules, start = [], [], 1
    for group, width in spans:
        cells.append(rf"\multicolumn{{{width}}}{{c}}{{{_tex(group)}}}" if group else "")
        if group:
            rules.append(rf"\cmidrule(lr){{{start}-{start + width - 1}}}")
        start += width
    return [_latex_row(cells), "".join(rules)]


def _latex_row(cells: Iterable[str]) -> str:
    return " & ".join(cells) + r" \\"


def _tex_cell(cell: Cell) -> str:
    command = {1: r"\textbf", 2: r"\underline"}.get(cell.rank or 0)
    return f"{command}{{{_tex(cell.text)}}}" if command else _tex(cell.text)


def _tex(text: str) -> str:
    escaped = "".join(_TEX.get(character, character) for character in text)
    # After the end of a row TeX would read these as arguments of it.
    return f"{{{escaped[0]}}}{escaped[1:]}" if escaped[:1] in {"[", "*"} else escaped


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Row], decimals: int) -> None:
    """Write these columns of rows; nothing stands where a value is None."""
    with whole_file(path) as part, part.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([_plain(row[name], decimals) for name in columns] for row in rows)


def _plain(value: Any, decimals: int) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return format_cell(value)
    return f"{value:.{decimals}f}" if isinstance(value, float) else str(value)


def write_text(path: Path, text: str) -> None:
    """Write a table for reading."""
    with whole_file(path) as part:
        part.write_text(text, encoding="utf-8")
