"""Tables as CSV for programs, Markdown for reading and LaTeX (booktabs) for a paper."""

import csv
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from vqathinker.atomic import whole_file
from vqathinker.errors import InputError, read_json, reading
from vqathinker.policy.answer import STATUSES
from vqathinker.products import TABLE, Product

Row = Mapping[str, Any]

FILES = "files"  # key of a row: the files that its values come from; not a column
COUNTS = ("n", "n_missing", "n_damaged", "n_null")
MEASURES = ("srcc", "plcc")
BOUNDS = tuple(f"{name}_{end}" for name in MEASURES for end in ("low", "high"))
NUMBERS = frozenset((
    *COUNTS, *MEASURES, *BOUNDS, *STATUSES, "benchmarks", "benchmarks_scored", "n_scored",
    "distinct", "spread_error", "n_failed", "value", "low", "high", "chance", "majority",
    "published",
))  # fmt: skip
# Columns of names and sentences: these stay text even if a value looks like a number.
_TEXTS = frozenset(
    ("run", "benchmark", "video", "method", "training_data", "row", "differs", "domain", "set",
     "task", "name", "group", "kind", "by", "part", "reason", "note", "source")
)  # fmt: skip
_ANSWERS = {"": None, "yes": True, "no": False, "True": True, "False": False}


_TEX = {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "–": "--", "±": r"$\pm$", "−": "$-$", "²": r"\textsuperscript{2}", "<": "$<$", ">": "$>$",
    "|": r"\textbar{}", "\n": " ",
} | {character: f"\\{character}" for character in "&%$#_{}"}  # fmt: skip


class Cell(NamedTuple):
    """A text in a table; `rank` is 1 for the best of its column and 2 for the second best."""

    text: str
    rank: int | None = None


class Column(NamedTuple):
    """A column; neighbouring columns of one `group` share a heading above their own."""

    name: str
    group: str = ""
    number: bool = True


class Grid(NamedTuple):
    """A table for reading: `blocks` of rows, separated by a rule, and notes below."""

    title: str
    columns: Sequence[Column]
    blocks: Sequence[Sequence[Sequence[Cell]]]
    notes: Sequence[str] = ()


class Table(NamedTuple):
    """A table of results. Its files are named `name`.

    The values of the columns `key` name a row. `FILES` of a row lists the files it comes from.
    `decimals` apply to the CSV; None writes numbers in full. `grids` are the form for reading,
    None means the rows of the CSV. With `csv_only` only the CSV is written.
    """

    name: str
    title: str
    columns: Sequence[str]
    key: Sequence[str]
    rows: Sequence[Row]
    decimals: int | None = 6
    grids: Sequence[Grid] | None = None
    csv_only: bool = False


def flat(tree: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """The leaves of a tree by their dotted keys.

    >>> flat({"a": {"b": 1}, "c": None})
    {'a.b': 1, 'c': None}
    """
    leaves: dict[str, Any] = {}
    for key, value in tree.items():
        leaves |= (
            flat(value, f"{above}{key}.") if isinstance(value, Mapping) else {above + key: value}
        )
    return leaves


def format_cell(value: Any, decimals: int = 3) -> str:
    """A cell for reading; a dash where nothing is defined.

    >>> format_cell(0.85512), format_cell(12), format_cell(None), format_cell("demo")
    ('0.855', '12', '–', 'demo')
    """
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.{decimals}f}" if isinstance(value, float) else str(value)


def interval_text(
    value: float | None, low: float | None, high: float | None, decimals: int = 3
) -> str:
    """A value with its interval, if it has one.

    >>> interval_text(0.85512, 0.84, 0.8666), interval_text(0.85512, None, None)
    ('0.855 [0.840, 0.867]', '0.855')
    """
    if value is None or low is None or high is None:
        return format_cell(value, decimals)
    ends = f"{format_cell(low, decimals)}, {format_cell(high, decimals)}"
    return f"{format_cell(value, decimals)} [{ends}]"


def signed(difference: float | None) -> str:
    """A difference with its sign.

    >>> signed(0.0123), signed(-0.0004), signed(None)
    ('+0.012', '-0.000', '–')
    """
    return "–" if difference is None else f"{difference:+.3f}"


def plain_grid(
    title: str, columns: Sequence[str], rows: Iterable[Row], numbers: Collection[str]
) -> Grid:
    """A grid of rows without groups or ranks; the columns `numbers` are aligned to the right."""
    cells = [[Cell(format_cell(row[name])) for name in columns] for row in rows]
    return Grid(title, [Column(name, number=name in numbers) for name in columns], [cells])


def markdown(grids: Iterable[Grid]) -> str:
    """All grids with titles and notes; the best of a column is bold, the second in italics."""
    lines: list[str] = []
    for grid in grids:
        notes = [f"- {note}" for note in grid.notes]
        lines += [f"### {grid.title}", "", *_markdown_lines(grid), ""]
        lines += [*notes, ""] if notes else []
    return "\n".join(lines)


def _markdown_lines(grid: Grid) -> list[str]:
    names = [_markdown_text(f"{column.group} {column.name}".strip()) for column in grid.columns]
    rule = ["---:" if column.number else "---" for column in grid.columns]
    rows = [[_marked(cell) for cell in row] for block in grid.blocks for row in block]
    return [f"| {' | '.join(line)} |" for line in (names, rule, *rows)]


def _marked(cell: Cell) -> str:
    mark = {1: "**", 2: "*"}.get(cell.rank or 0, "")
    return f"{mark}{_markdown_text(cell.text)}{mark}"


def _markdown_text(text: str) -> str:
    return text.replace("|", r"\|").replace("\n", " ")


def latex(grids: Iterable[Grid]) -> str:
    """All grids as `table*` environments, scaled down if wider than the page.

    The best of a column is bold, the second underlined. They need booktabs and graphicx.
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
    """A row of group headings and the rules below them; nothing if no column has a group."""
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
    """Write a table as CSV, and as Markdown and LaTeX for reading."""
    write_csv(out_dir / f"{table.name}.csv", table.columns, table.rows, table.decimals)
    if table.csv_only:
        return
    grids = table.grids
    if grids is None:
        grids = [plain_grid(table.title, table.columns, table.rows, NUMBERS)]
    # A single grid needs no title: the file is named after it.
    lines = [*_markdown_lines(grids[0]), ""] if len(grids) == 1 else [markdown(grids)]
    write_text(out_dir / f"{table.name}.md", "\n".join(lines))
    write_text(out_dir / f"{table.name}.tex", latex(grids))


def write_csv(
    path: Path, columns: Sequence[str], rows: Iterable[Row], decimals: int | None
) -> None:
    """Write these columns of rows; None becomes an empty cell."""
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
    """The rows of a CSV of tables or figures with typed values; an empty cell is None.

    Raises:
        InputError: the file cannot be read, or lacks one of `columns`; it may have more.
    """
    with reading(path, *product), path.open(encoding="utf-8", newline="") as file:
        table = csv.DictReader(file)
        lacking = [name for name in columns if name not in (table.fieldnames or ())]
        if not lacking:
            return [{name: _value(name, cell) for name, cell in row.items()} for row in table]
    raise InputError(f"{path}: has no column {', '.join(lacking)}; expected {product}")


def _value(column: str, cell: str) -> str | int | float | bool | None:
    """The value of a cell.

    >>> [_value("n", cell) for cell in ("12", "0.5", "", "yes", "greedy")]
    [12, 0.5, None, True, 'greedy']
    >>> _value("run", "1.5")
    '1.5'
    """
    if cell in _ANSWERS and not (cell and column in _TEXTS):
        return _ANSWERS[cell]
    if column in _TEXTS:
        return cell
    try:
        return int(cell) if cell.isdecimal() else float(cell)
    except ValueError:
        return cell


def read_measured(
    paths: Sequence[Path], product: Product, pair: Sequence[str], needed: Sequence[str]
) -> dict[tuple[str, ...], dict[str, Any]]:
    """JSON files by the values of their keys `pair`, each with its path under `FILES`.

    Raises:
        InputError: two files have the same pair, or one lacks a key.
    """
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for path in paths:
        content = read_json(path, *product)
        if lacking := [name for name in (*pair, *needed) if name not in content]:
            raise InputError(f"{path}: no {', '.join(lacking)}; expected {product}")
        key = tuple(content[name] for name in pair)
        if key in found:
            raise InputError(f"{path}: a second file of {key}; expected one of each")
        found[key] = {**content, FILES: [path]}
    return found
