"""The pages on the method name only modules, tests, golden files and parameters that there are."""

import re
from pathlib import Path
from typing import Any

import pytest

FILE = re.compile(r"`([\w/]+\.(?:py|yaml|json))`")
KEY = re.compile(r"`((?:rewards|clips|training|metrics|answer)(?:\.\w+)+)(?:: [\w.]+)?`")
# Where a file may lie that a page names in short.
PLACES = (".", "src/vqathinker", "tests/goldens", "src/vqathinker/datasets")


def page(root: Path, name: str) -> str:
    return (root / "docs" / name).read_text(encoding="utf-8")


@pytest.mark.parametrize(("name", "fewest"), [("method.md", 20), ("departures.md", 1)])
def test_every_file_that_is_named_is_there(root: Path, name: str, fewest: int) -> None:
    named = set(FILE.findall(page(root, name))) - {"config.json"}
    assert len(named) >= fewest
    lost = [file for file in sorted(named) if not any((root / at / file).exists() for at in PLACES)]
    assert not lost


def test_every_parameter_that_restores_their_behaviour_is_one(
    root: Path, config: dict[str, Any]
) -> None:
    keys = set(KEY.findall(page(root, "departures.md")))
    assert len(keys) >= 6
    for key in keys:
        found: Any = config
        for part in key.split("."):
            assert part in found, key
            found = found[part]


def test_docstrings_cite_sections_that_the_page_has(root: Path) -> None:
    sections = set(re.findall(r"^## (\d)", page(root, "method.md"), re.MULTILINE))
    sources = [*(root / "src").rglob("*.py"), *(root / "tests").rglob("*.py")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    cited = set(re.findall(r"docs/method\.md,\s+sections?\s+(\d)", text))
    assert cited
    assert cited <= sections
