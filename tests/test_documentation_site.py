"""The site builds strictly and asks for nothing outside; what is made from the code is as made."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from docs.making.references import pages

from vqathinker.datasets.manifest import _SCHEMA as MANIFEST
from vqathinker.evaluation.predictions import COLUMN_TYPES as PREDICTIONS
from vqathinker.evaluation.understanding.answers import SCHEMA as ANSWERS
from vqathinker.reporting import plot_data
from vqathinker.reporting.scores import PREFERENCE_COLUMNS, UNDERSTANDING_COLUMNS
from vqathinker.training.history import history_columns
from vqathinker.video.perturb import _TABLE_SCHEMA as PERTURBATIONS

OUTSIDE = re.compile(
    r"""<(?:script|img|iframe|link)[^>]*\s(?:src|href)=["']?(?:https?:)?//[^"'>]+"""
)
COLUMNS = {
    "Manifest": MANIFEST.names,
    "Perturbations": PERTURBATIONS.names,
    "Predictions": PREDICTIONS,
    "Answers to questions": ANSWERS.names,
    "History": {re.sub("^rewards/.+", "rewards/<name>", column) for column in history_columns()},
}
LISTS = {
    "preference": PREFERENCE_COLUMNS,
    "attribution": UNDERSTANDING_COLUMNS,
    "understanding": UNDERSTANDING_COLUMNS,
    "calibration": plot_data.CALIBRATION_COLUMNS,
    "residuals": plot_data.RESIDUAL_COLUMNS,
    "scatter": plot_data.SCORED_COLUMNS,
}


def test_the_site_builds_strictly_and_fetches_nothing(root: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(
        command, cwd=root, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    made = sorted(tmp_path.rglob("*.html"))
    assert len(made) > 20
    for page in made:
        assert not OUTSIDE.findall(page.read_text(encoding="utf-8")), page
    assert "<math" in (tmp_path / "formulas.html").read_text(encoding="utf-8")


def test_made_pages_are_as_they_would_be_made(root: Path) -> None:
    made = pages()
    assert made.keys() == {
        *(f"docs/reference/{name}.md" for name in ("parameters", "commands")),
        *(f"docs/tutorials/{name}.md" for name in ("cluster", "released-weights")),
        *("README.md", "docs/paper-scale.md"),
    }
    for name, text in made.items():
        assert (root / name).read_text(encoding="utf-8") == text, f"{name}: call `make docs`"


def files_page(root: Path) -> dict[str, list[list[str]]]:
    """First two cells of the rows of each section's table, names in backquotes taken apart."""
    text = (root / "docs" / "reference" / "files.md").read_text(encoding="utf-8")
    sections = re.split(r"(?m)^## ", text)[1:]
    return {
        section.partition("\n")[0]: [
            [re.findall(r"`([^`]+)`", cell) for cell in line.strip("|").split("|")]
            for line in section.splitlines()
            if line.startswith("| `")
        ]
        for section in sections
    }


def test_columns_of_files_are_those_of_the_code(root: Path) -> None:
    told = files_page(root)
    for name, columns in COLUMNS.items():
        assert sorted(word for row in told[name] for word in row[0]) == sorted(columns), name


def test_columns_of_tables_and_figures_are_those_of_the_code(root: Path) -> None:
    told = files_page(root)
    tables = {row[0][0]: row[1] for row in told["Tables"]}
    figures = {row[0][0]: row[1] for row in told["Numbers of figures"]}
    for name, columns in LISTS.items():
        found = tables[name] if name in tables else figures[name]
        assert sorted(found) == sorted(columns), name


def _said(node: ast.AST) -> str | None:
    """A text in the source, `…` where something is put in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(_said(part) or "…" for part in node.values)
    return None


@pytest.fixture(scope="module")
def texts(root: Path) -> list[str]:
    def every() -> Iterator[str]:
        for path in (root / "src").rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if text := _said(node):
                    yield text

    return list(every())


def headings(root: Path) -> list[str]:
    text = (root / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    return [line[4:-1] for line in text.splitlines() if line.startswith("## `")]


def test_every_message_that_is_explained_is_one(root: Path, texts: list[str]) -> None:
    found = headings(root)
    assert len(found) >= 10
    for message in found:
        pieces = [re.escape(piece) for piece in message.replace("\\`", "`").split("…")]
        pattern = re.compile("[^\n]*?".join(pieces))
        assert any(pattern.search(text) for text in texts), message
