"""Claims about tables as Markdown, LaTeX and CSV."""

import html
import re
import subprocess
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from tests.programs import latex_or_skip

from vqathinker.reporting.formats import Cell, Column, Grid, latex, markdown, write_csv

NASTY = r"a_b & 50 % of ~$x$ #1 {z} ^ \n | ± – <1"
GRID = Grid(
    "Scores of a_b & others",
    [Column("method", number=False), Column("SRCC", "set_1"), Column("PLCC", "set_1"), Column("n")],
    [
        [[Cell(NASTY), Cell("0.900", 1), Cell("0.800", 2), Cell("12")]],
        [[Cell("ours"), Cell("–"), Cell("0.850 [0.8, 0.9]", 1), Cell("3")]],
    ],
    ["50 % & more_"],
)


def test_markdown_marks_the_best_bold_and_the_second_in_italics() -> None:
    lines = markdown([GRID]).splitlines()
    assert lines[:4] == [
        "### Scores of a_b & others",
        "",
        "| method | set_1 SRCC | set_1 PLCC | n |",
        "| --- | ---: | ---: | ---: |",
    ]
    assert lines[4].endswith("| **0.900** | *0.800* | 12 |")
    assert r"\| ±" in lines[4]
    assert lines[-1] == "- 50 % & more_"


@pytest.mark.parametrize(
    "name",
    ["*bold*", "**b**", "_x_", "<b>b</b>", "<!-- c -->", "[a](http://b)", "$x^2$", "~~no~~",
     r"a\|b", r"\*", "a|b", "&lt;", "two\nlines", "映像.mp4"],
)  # fmt: skip
def test_names_are_text_in_a_markdown_cell(name: str) -> None:
    grid = Grid("t", [Column("name"), Column("n")], [[[Cell(name), Cell("1")]]])
    page = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(markdown([grid]))
    cell = re.findall(r"<td[^>]*>(.*?)</td>", page)
    assert [html.unescape(text) for text in cell] == [name.replace("\n", " "), "1"]


@pytest.mark.parametrize(
    "text", ["demo_indomain", "0.855 [0.840, 0.867]", "+0.012*", "<0.001", "0.8 ± 0.1", "-0.1"]
)
def test_markdown_leaves_names_and_numbers_of_ours_readable(text: str) -> None:
    grid = Grid("t", [Column("name")], [[[Cell(text)]]])
    assert markdown([grid]).splitlines()[4] == f"| {text} |"


@pytest.mark.parametrize("name", ["[1ex] x", "*x", "two\n\nlines"])
def test_no_name_is_an_argument_of_the_end_of_a_row(name: str) -> None:
    grid = Grid("t", [Column("name")], [[[Cell("first")], [Cell(name)]]])
    body = latex([grid]).split(r"\midrule")[1].split(r"\bottomrule")[0]
    assert not re.search(r"\\\\\s*[\[*]", body)
    assert len(body.strip().splitlines()) == 2


def test_latex_has_as_many_cells_in_each_row_as_columns() -> None:
    body = latex([GRID]).split(r"\toprule")[1].split(r"\bottomrule")[0]
    for row in re.findall(r"^(.*) \\\\$", body, re.MULTILINE):
        spans = [int(width) for width in re.findall(r"\\multicolumn\{(\d+)\}", row)]
        cells = len(re.sub(r"\\&", "", row).split("&"))
        assert cells - len(spans) + sum(spans) == 4


def test_latex_escapes_what_tex_would_act_on() -> None:
    tex = latex([GRID])
    assert (
        r"a\_b \& 50 \% of \textasciitilde{}\$x\$ \#1 \{z\} \textasciicircum{} "
        r"\textbackslash{}n \textbar{} $\pm$ -- $<$1"
    ) in tex
    assert r"\caption{Scores of a\_b \& others}" in tex
    assert r"\textbf{0.900} & \underline{0.800}" in tex
    assert r"\multicolumn{2}{c}{set\_1}" in tex
    assert r"\cmidrule(lr){2-3}" in tex


def test_latex_compiles(tmp_path: Path) -> None:
    tex = latex_or_skip("booktabs.sty", "graphicx.sty")
    text = r"\documentclass{article}\usepackage{booktabs,graphicx}\begin{document}"
    (tmp_path / "t.tex").write_text(text + latex([GRID]) + r"\end{document}", encoding="utf-8")
    command = [tex, "-interaction=nonstopmode", "-halt-on-error", "t.tex"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)


def test_csv_has_nothing_where_a_value_is_none(tmp_path: Path) -> None:
    rows = [{"a": 0.5, "b": None, "c": True}, {"a": 1, "b": "x, y", "c": False}]
    write_csv(tmp_path / "t.csv", ["a", "b", "c"], rows, 9)
    assert (tmp_path / "t.csv").read_text() == 'a,b,c\n0.500000000,,yes\n1,"x, y",no\n'
