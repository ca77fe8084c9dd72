"""Tables as CSV for programs, Markdown for reading, and LaTeX (booktabs) for a paper."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from vqathinker.atomic import whole_file
from vqathinker.errors import InputError, read_json, reading
from vqathinker.policy.answer import STATUSES
from vqathinker.products import TABLE, Product

Row = Mapping[str, Any]

FILES = "files"  # key of a row, not a column: the files that its values come from
COUNT_COLUMNS = ("n", "n_missing", "n_damaged", "n_no_score")
MEASURES = ("srcc", "plcc")
INTERVAL_ENDS = tuple(f"{name}_{end}" for name in MEASURES for end in ("low", "high"))
NUMBER_COLUMNS = frozenset((
    *COUNT_COLUMNS, *MEASURES, *INTERVAL_ENDS, *STATUSES, "benchmarks", "benchmarks_scored",
    "n_scored", "distinct", "spread_error", "n_failed", "value", "low", "high", "chance",
    "majority", "published",
))  # fmt: skip
# Columns of names and sentences, which stay text even if a value looks like a number.
_TEXT_COLUMNS = frozenset(
    ("run", "benchmark", "video", "method", "training_data", "row", "variant", "domain", "set",
     "task", "name", "group", "kind", "by", "part", "reason", "note", "source", "after")
)  # fmt: skip
_LITERALS = {"": None, "yes": True, "no": False, "True": True, "False": False}


_TEX = {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "–": "--", "±": r"$\pm$", "−": "$-$", "²": r"\textsuperscript{2}", "<": "$<$", ">": "$>$",
    "|": r"\textbar{}", "\n": " ",
} | {character: f"\\{character}" for character in "&%$#_{}"}  # fmt: skip


class Cell(NamedTuple):
    """Text of a table cell; `rank` is 1 for the best of its column and 2 for the second best."""

    text: str
    rank: int | None = None


class Column(NamedTuple):
    """A column. Neighbouring columns with the same `group` share a heading above their own."""

    name: str
    group: str = ""
    number: bool = True


class Grid(NamedTuple):
    """A table for reading: `blocks` of rows, separated by rules, with notes below."""

    title: str
    columns: Sequence[Column]
    blocks: Sequence[Sequence[Sequence[Cell]]]
    notes: Sequence[str] = ()


class Table(NamedTuple):
    """A table of results, written to files called `name`.

    The values of the columns in `key` name a row. `FILES` of a row lists its source files.
    `decimals` apply to the CSV; None writes full precision. `grids` is the version for reading; if
    None, it has the rows of the CSV. With `csv_only`, only the CSV is written.
    """

    name: str
    title: str
    columns: Sequence[str]
    key: Sequence[str]
    rows: Sequence[Row]
    decimals: int | None = 6
    grids: Sequence[Grid] | None = None
    csv_only: bool = False


def format_cell(value: Any, decimals: int = 3) -> str:
    """A value for reading; a dash if it is undefined.

    >>> format_cell(0.85512), format_cell(12), format_cell(None), format_cell("demo")
    ('0.855', '12', '–', 'demo')
    """
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.{decimals}f}" if isinstance(value, float) else str(value)


def format_interval(
    value: float | None, low: float | None, high: float | None, decimals: int = 3
) -> str:
    """A value with its interval, if it has one.

    >>> format_interval(0.85512, 0.84, 0.8666), format_interval(0.85512, None, None)
    ('0.855 [0.840, 0.867]', '0.855')
    """
    if value is None or low is None or high is None:
        return format_cell(value, decimals)
    ends = f"{format_cell(low, decimals)}, {format_cell(high, decimals)}"
    return f"{format_cell(value, decimals)} [{ends}]"


def format_difference(difference: float | None) -> str:
    """A difference with its sign.

    >>> format_difference(0.0123), format_difference(-0.0004), format_difference(None)
    ('+0.012', '-0.000', '–')
    """
    return "–" if difference is None else f"{difference:+.3f}"


def plain_grid(title: str, columns: Sequence[str], rows: Iterable[Row]) -> Grid:
    """A grid of rows without groups or ranks; `NUMBER_COLUMNS` are right-aligned."""
    cells = [[Cell(format_cell(row[name])) for name in columns] for row in rows]
    return Grid(title, [Column(name, number=name in NUMBER_COLUMNS) for name in columns], [cells])


def markdown(grids: Iterable[Grid]) -> str:
    """All grids with titles and notes; the best of a column is bold, the second best italic."""
    lines: list[str] = []
    for grid in grids:
        notes = [f"- {note}" for note in grid.notes]
        lines += [f"### {grid.title}", "", *_markdown_lines(grid), ""]
        lines += [*notes, ""] if notes else []
    return "\n".join(lines)


def _markdown_lines(grid: Grid) -> list[str]:
    names = [_markdown_text(f"{column.group} {column.name}".strip()) for column in grid.columns]
    rule = ["---:" if column.number else "---" for column in grid.columns]
    rows = [[_markdown_cell(cell) for cell in row] for block in grid.blocks for row in block]
    return [f"| {' | '.join(line)} |" for line in (names, rule, *rows)]


def _markdown_cell(cell: Cell) -> str:
    mark = {1: "**", 2: "*"}.get(cell.rank or 0, "")
    return f"{mark}{_markdown_text(cell.text)}{mark}"


def _markdown_text(text: str) -> str:
    return text.replace("|", r"\|").replace("\n", " ")


def latex(grids: Iterable[Grid]) -> str:
    """All grids as `table*` environments, scaled down if wider than the page.

    The best of a column is bold, the second best underlined. They need booktabs and graphicx.
    """
    head = "% Needs \\usepackage{booktabs} and \\usepackage{graphicx}.\n"
    return head + "\n".join(_latex_grid(grid) for grid in grids)


def _latex_grid(grid: Grid) -> str:
    align = "".join("r" if column.number else "l" for column in grid.columns)
    heading = _latex_row(_tex(column.name) for column in grid.columns)
    blocks = [block for block in grid.blocks if block] or [[]]
    rows = [[_latex_row(map(_tex_cell, row)) for row in block] for block in blocks]
    lines = [
        r"\begin{table*}", r"\centering", rf"\caption{{{_tex(grid.title)}}}",
        r"\resizebox{\ifdim\width>\textwidth\textwidth\else\width\fi}{!}{%",
        rf"\begin{{tabular}}{{{align}}}", r"\toprule", *_latex_groups(grid.columns), heading,
        *(line for block in rows for line in (r"\midrule", *block)),
        r"\bottomrule", r"\end{tabular}}",
        *(rf"\par\smallskip\footnotesize {_tex(note)}" for note in grid.notes),
        r"\end{table*}", "",
    ]  # fmt: skip
    return "\n".join(lines)


def _latex_groups(columns: Sequence[Column]) -> list[str]:
    """A row of group headings and the rules below them; empty if no column has a group."""
    if not any(column.group for column in columns):
        return []
    cells: list[str] = []
    rules, start = "", 1
    for group, own in groupby(columns, key=lambda column: column.group):
        width = len(list(own))
        if group:
            cells.append(rf"\multicolumn{{{width}}}{{c}}{{{_tex(group)}}}")
            rules += rf"\cmidrule(lr){{{start}-{start + width - 1}}}"
        else:
            cells += [""] * width
        start += width
    return [_latex_row(cells), rules]


def _latex_row(cells: Iterable[str]) -> str:
    return " & ".join(cells) + r" \\"


def _tex_cell(cell: Cell) -> str:
    command = {1: r"\textbf", 2: r"\underline"}.get(cell.rank or 0)
    return f"{command}{{{_tex(cell.text)}}}" if command else _tex(cell.text)


def _tex(text: str) -> str:
    return "".join(_TEX.get(character, character) for character in text)


def write_table(table: Table, out_dir: Path) -> None:
    """Write a table as CSV and, for reading, as Markdown and LaTeX."""
    write_csv(out_dir / f"{table.name}.csv", table.columns, table.rows, table.decimals)
    if table.csv_only:
        return
    grids = table.grids or [plain_grid(table.title, table.columns, table.rows)]
    # A single grid needs no title, because the file has its name.
    lines = [*_markdown_lines(grids[0]), ""] if len(grids) == 1 else [markdown(grids)]
    write_text(out_dir / f"{table.name}.md", "\n".join(lines))
    write_text(out_dir / f"{table.name}.tex", latex(grids))


def write_csv(
    path: Path, columns: Sequence[str], rows: Iterable[Row], decimals: int | None
) -> None:
    """Write these columns of rows as CSV; None becomes an empty cell."""
    with whole_file(path) as part, part.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([_plain(row[name], decimals) for name in columns] for row in rows)


def _plain(value: Any, decimals: int | None) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return format_cell(value)
    if isinstance(value, float) and decimals is not None:
        return f"{value:.{decimals}f}"
    return str(value)


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically."""
    with whole_file(path) as part:
        part.write_text(text, encoding="utf-8")


def read_table(
    path: Path, columns: Sequence[str] = (), product: Product = TABLE
) -> list[dict[str, Any]]:
    """The rows of a CSV of tables or figures, with typed values; an empty cell is None.

    Raises:
        InputError: the file cannot be read, or lacks one of `columns`; more columns are allowed.
    """
    with reading(path, *product), path.open(encoding="utf-8", newline="") as file:
        table = csv.DictReader(file)
        missing = [name for name in columns if name not in (table.fieldnames or ())]
        if not missing:
            return [{name: _value(name, cell) for name, cell in row.items()} for row in table]
    raise InputError(f"{path}: lacks the columns {', '.join(missing)}; expected {product}")


def _value(column: str, cell: str) -> str | int | float | bool | None:
    """The value of a cell.

    >>> [_value("n", cell) for cell in ("12", "0.5", "", "yes", "greedy")]
    [12, 0.5, None, True, 'greedy']
    >>> _value("run", "1.5")
    '1.5'
    """
    if cell in _LITERALS and not (cell and column in _TEXT_COLUMNS):
        return _LITERALS[cell]
    if column in _TEXT_COLUMNS:
        return cell
    try:
        return int(cell) if cell.isdecimal() else float(cell)
    except ValueError:
        return cell


def read_results(
    paths: Sequence[Path], product: Product, key: Sequence[str], required: Sequence[str]
) -> dict[tuple[str, ...], dict[str, Any]]:
    """JSON files by the values of the keys in `key`, each with its path under `FILES`.

    Raises:
        InputError: two files have the same values, or one lacks a required key.
    """
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for path in paths:
        content = read_json(path, *product)
        if missing := [name for name in (*key, *required) if name not in content]:
            raise InputError(f"{path}: lacks {', '.join(missing)}; expected {product}")
        values = tuple(content[name] for name in key)
        if values in found:
            raise InputError(f"{path}: another file also has {values}; expected one file for each")
        found[values] = {**content, FILES: [path]}
    return found
