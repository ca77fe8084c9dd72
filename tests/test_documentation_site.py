"""The documentation site builds, loads nothing external, and agrees with the code."""

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

EXTERNAL = re.compile(
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


def test_the_site_builds_without_warnings_and_loads_nothing_external(
    root: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(
        command, cwd=root, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    built = sorted(tmp_path.rglob("*.html"))
    assert len(built) > 20
    for page in built:
        assert not EXTERNAL.findall(page.read_text(encoding="utf-8")), page
    assert "<math" in (tmp_path / "formulas.html").read_text(encoding="utf-8")


def test_generated_pages_are_up_to_date(root: Path) -> None:
    generated = pages()
    assert generated.keys() == {
        *(f"docs/reference/{name}.md" for name in ("parameters", "commands")),
        *(f"docs/tutorials/{name}.md" for name in ("cluster", "released-weights")),
        *("README.md", "docs/paper-scale.md"),
    }
    for name, text in generated.items():
        assert (root / name).read_text(encoding="utf-8") == text, f"{name}: run `make docs`"


def files_page(root: Path) -> dict[str, list[list[str]]]:
    """Names in backquotes in the first two cells of each table row, by section."""
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


def test_columns_of_files_are_documented(root: Path) -> None:
    documented = files_page(root)
    for name, columns in COLUMNS.items():
        assert sorted(word for row in documented[name] for word in row[0]) == sorted(columns), name


def test_columns_of_tables_and_figures_are_documented(root: Path) -> None:
    documented = files_page(root)
    tables = {row[0][0]: row[1] for row in documented["Tables"]}
    figures = {row[0][0]: row[1] for row in documented["Numbers of figures"]}
    for name, columns in LISTS.items():
        found = tables[name] if name in tables else figures[name]
        assert sorted(found) == sorted(columns), name


def text_of(node: ast.AST) -> str | None:
    """A string of the source code, with `…` for each inserted value."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part) or "…" for part in node.values)
    return None


@pytest.fixture(scope="module")
def texts(root: Path) -> list[str]:
    def every() -> Iterator[str]:
        for path in (root / "src").rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if text := text_of(node):
                    yield text

    return list(every())


def headings(root: Path) -> list[str]:
    text = (root / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    return [line[4:-1] for line in text.splitlines() if line.startswith("## `")]


def test_every_explained_message_exists(root: Path, texts: list[str]) -> None:
    found = headings(root)
    assert len(found) >= 10
    for message in found:
        pieces = [re.escape(piece) for piece in message.replace("\\`", "`").split("…")]
        pattern = re.compile("[^\n]*?".join(pieces))
        assert any(pattern.search(text) for text in texts), message
