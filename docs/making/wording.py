"""Check the wording of documentation, docstrings, comments, help texts and messages.

Usage: python -m docs.making.wording [FILE ...]; by default all files in git.
The exit code is 1 if there are faults.
"""

import ast
import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import yaml

RULES = Path(__file__).with_name("wording.yaml")
_SUFFIXES = {".md", ".py", ".smk", ".yaml", ".toml"}
_NAMES = {"Makefile", "Snakefile"}
_FEWEST_WORDS = 4  # shorter strings are names, keys and patterns
_CODE = re.compile(r"```.*?```|`[^`\n]*`|\]\([^)\n]*\)|https?://\S+", re.DOTALL)


class Rule(NamedTuple):
    """Text that the pattern matches is wrong; `advice` says what to write instead."""

    pattern: re.Pattern[str]
    advice: str


def load_rules(path: Path = RULES) -> list[Rule]:
    """The rules of a YAML file with the keys `preferred` and `banned`."""
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    advice = {re.escape(term): f'write "{new}"' for term, new in content["preferred"].items()}
    advice |= content["banned"]
    rules = []
    for pattern, text in advice.items():
        spaced = re.sub(r"\\? ", r"\\s+", pattern)  # a phrase may be broken across lines
        rules.append(Rule(re.compile(rf"\b(?:{spaced})\b", re.IGNORECASE), text))
    return rules


def faults(text: str, rules: list[Rule]) -> Iterator[tuple[int, str, str]]:
    """Line (from 0), matched words and advice of each fault; code in the text is skipped."""
    prose = _CODE.sub(lambda code: re.sub(r"[^\n]", "`", code.group()), text)
    for rule in rules:
        for match in rule.pattern.finditer(prose):
            yield prose.count("\n", 0, match.start()), match.group(), rule.advice


def passages(path: Path) -> Iterator[tuple[int, str]]:
    """First line (from 1) and text of each piece of prose in a file."""
    source = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        yield 1, source
    elif path.suffix == ".py":
        yield from _of_python(source)
    else:
        for number, line in enumerate(source.splitlines(), 1):
            if comment := re.search(r"(?:^|\s)##? (.*)", line):
                yield number, comment.group(1)


def _of_python(source: str) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(source)):
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if is_text and len(node.value.split()) >= _FEWEST_WORDS:
            yield node.lineno, node.value
    # Comments of successive lines are one passage: phrases may be broken across lines.
    block: list[str] = []
    first = 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT:
            continue
        if block and token.start[0] != first + len(block):
            yield first, "\n".join(block)
            block = []
        first = first if block else token.start[0]
        block.append(token.string.lstrip("# "))
    if block:
        yield first, "\n".join(block)


def _files() -> Iterator[Path]:
    git = subprocess.run(["git", "ls-files"], capture_output=True, text=True, check=True)  # noqa: S607
    for path in map(Path, git.stdout.splitlines()):
        if (path.suffix in _SUFFIXES or path.name in _NAMES) and path.is_file():
            yield path


def main(names: list[str]) -> int:
    """Print every fault as `file:line: words: advice`; returns the exit code."""
    rules, found = load_rules(), 0
    for path in [Path(name) for name in names] or _files():
        if path.resolve() == RULES:
            continue
        for first, text in passages(path):
            for line, words, advice in faults(text, rules):
                fault = f"{path}:{first + line}: {' '.join(words.split())!r}: {advice}"
                print(fault)  # noqa: T201
                found += 1
    return int(found > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
