"""Tests of tables as Markdown and LaTeX."""

import subprocess
from pathlib import Path

from tests.programs import latex_or_skip

from vqathinker.reporting.formats import Cell, Column, Grid, latex, markdown

SPECIAL_CHARACTERS = r"a_b & 50 % of ~$x$ #1 {z} ^ \n | ± – <1"
GRID = Grid(
    "Scores of a_b & others",
    [Column("method", number=False), Column("SRCC", "set_1"), Column("PLCC", "set_1"), Column("n")],
    [
        [[Cell(SPECIAL_CHARACTERS), Cell("0.900", 1), Cell("0.800", 2), Cell("12")]],
        [[Cell("ours"), Cell("–"), Cell("0.850 [0.8, 0.9]", 1), Cell("3")]],
    ],
    ["50 % & more_"],
)


def test_markdown_marks_the_best_bold_and_the_second_best_italic() -> None:
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


def test_latex_compiles(tmp_path: Path) -> None:
    tex = latex_or_skip("booktabs.sty", "graphicx.sty")
    text = r"\documentclass{article}\usepackage{booktabs,graphicx}\begin{document}"
    (tmp_path / "t.tex").write_text(text + latex([GRID]) + r"\end{document}", encoding="utf-8")
    command = [tex, "-interaction=nonstopmode", "-halt-on-error", "t.tex"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
