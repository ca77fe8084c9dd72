"""Files, parameters and sections that the documentation names exist."""

import re
from pathlib import Path
from typing import Any

import pytest
from docs.making.wording import faults, load_rules, passages

FILE = re.compile(r"`([\w/]+\.(?:py|yaml|json))`")
KEY = re.compile(r"`((?:rewards|clips|training|metrics|answer)(?:\.\w+)+)(?:: [\w.]+)?`")
# Folders to which file names are relative.
FOLDERS = (".", "src/vqathinker", "tests/goldens", "src/vqathinker/datasets")


def page(root: Path, name: str) -> str:
    return (root / "docs" / name).read_text(encoding="utf-8")


@pytest.mark.parametrize(("name", "fewest"), [("method.md", 20), ("departures.md", 1)])
def test_every_named_file_exists(root: Path, name: str, fewest: int) -> None:
    named = set(FILE.findall(page(root, name))) - {"config.json"}
    assert len(named) >= fewest
    missing = [
        file
        for file in sorted(named)
        if not any((root / folder / file).exists() for folder in FOLDERS)
    ]
    assert not missing


def test_every_parameter_of_a_departure_exists(root: Path, config: dict[str, Any]) -> None:
    keys = set(KEY.findall(page(root, "departures.md")))
    assert len(keys) >= 6
    for key in keys:
        found: Any = config
        for part in key.split("."):
            assert part in found, key
            found = found[part]


def test_cited_sections_of_the_method_exist(root: Path) -> None:
    sections = set(re.findall(r"^## (\d)", page(root, "method.md"), re.MULTILINE))
    sources = [*(root / "src").rglob("*.py"), *(root / "tests").rglob("*.py")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    cited = set(re.findall(r"docs/method\.md,\s+sections?\s+(\d)", text))
    assert cited
    assert cited <= sections


def test_the_wording_check_finds_phrases_in_prose_and_not_in_code(tmp_path: Path) -> None:
    page, module = tmp_path / "page.md", tmp_path / "module.py"
    text = "The run {}\n{}, {} `{}`.\n".format("goes", "on", "beside", "goes on")
    page.write_text(text, encoding="utf-8")
    text = '"""Scores of the {}."""\n# resumes\n# {}\n'.format("dataset", "anew")
    module.write_text(text, encoding="utf-8")
    rules = load_rules()
    found = {
        (path.name, first + line, words)
        for path in (page, module)
        for first, text in passages(path)
        for line, words, _ in faults(text, rules)
    }
    assert found == {
        ("page.md", 1, "goes\non"),
        ("page.md", 2, "beside"),
        ("module.py", 1, "dataset"),
        ("module.py", 3, "anew"),
    }
