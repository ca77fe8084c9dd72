"""Generate the pages on parameters and commands, and marked parts of other pages.

Run `python -m docs.making.references` to write them; a test checks that they are up to date.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docs.making.tables import with_tables
from typer.main import get_command

from vqathinker.cli import app
from vqathinker.params import json_schema
from vqathinker.phases.parameters import merge
from vqathinker.phases.yaml12 import dump_yaml, parse_yaml

ROOT = Path(__file__).parents[2]
SCALES = ("demo", "real", "single-gpu", "paper")
# Sections with keys chosen by users, whose values would fill the page.
TABLES = ("runs", "data.counts", "data.demo.sets", "understanding.tasks")

Tree = dict[str, Any]


def pages() -> dict[str, str]:
    """Text of every file that is generated, or has a generated part, by its path."""
    texts = {
        "docs/reference/parameters.md": parameters(),
        "docs/reference/commands.md": commands(),
    }
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        text = path.read_text(encoding="utf-8")
        if "<!-- made: " in text:
            texts[path.relative_to(ROOT).as_posix()] = with_tables(text)
    return texts


def parameters() -> str:
    """The page on parameters: meaning, valid values, and value at each scale of every key."""
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    config = parse_yaml(text)
    shared = {key: value for key, value in config.items() if key not in ("scale", "scales")}
    scales = {scale: merge(shared, config["scales"][scale]) for scale in SCALES}
    schema = parse_yaml(json_schema())
    parts = [
        "# Parameters",
        (
            "Every key of `params.yaml`, with its value at each scale; `–` means that the scale "
            "does not have this key. A row of `runs` can override some of them: see "
            "[training](../training.md#rows-of-runs). This page is generated from the models in "
            "`src/vqathinker/params`, which validate the file."
        ),
        (
            "The file is YAML 1.2: `2e-6` is a number, `010` is 10, and `on`, `yes`, `1:30` and "
            "`1_000` are text. Duplicate keys are an error."
        ),
        ("To override values on the command line, including those of the scale:"),
        (
            "```sh\nsnakemake --cores all --config 'training={learning_rate: 2.0e-3}'\n"
            "vqathinker plan --scale paper --config training.group_size=8\n```"
        ),
    ]
    for name, part in schema["properties"].items():
        if name == "scale":
            continue
        rows = list(_keys(name, part, schema["$defs"]))
        description = _description(part, schema["$defs"])
        parts += [f"## `{name}`", description] if description else [f"## `{name}`"]
        parts.append(_parameter_table(rows, scales, _comments(text)))
    return "\n\n".join(parts) + "\n"


def _keys(name: str, part: Tree, defs: Tree) -> Iterator[tuple[str, Tree]]:
    """Every dotted key and its part of the schema, in the order of the models.

    For a section with alternatives, the keys of all of them are yielded.
    """
    branches = [_resolved(branch, defs) for branch in part.get("anyOf", part.get("oneOf", [part]))]
    mappings = [branch for branch in branches if "properties" in branch]
    if not mappings or name in TABLES:
        yield name, part
        return
    if len(branches) > len(mappings):
        yield name, part
    seen: set[str] = set()
    for mapping in mappings:
        for key, value in mapping["properties"].items():
            if key not in seen:
                seen.add(key)
                yield from _keys(f"{name}.{key}", value, defs)


def _resolved(part: Tree, defs: Tree) -> Tree:
    return defs[part["$ref"].rpartition("/")[2]] if "$ref" in part else part


def _description(part: Tree, defs: Tree) -> str:
    return str(part.get("description") or _resolved(part, defs).get("description") or "")


def _parameter_table(rows: list[tuple[str, Tree]], scales: Tree, comments: dict[str, str]) -> str:
    lines = [
        f"| key | meaning | values | {' | '.join(SCALES)} |",
        f"| --- | --- | --- |{' --- |' * len(SCALES)}",
    ]
    for key, part in rows:
        meaning = part.get("description") or comments.get(key) or ""
        values = [_value(scales[scale], key) for scale in SCALES]
        lines.append(_row(f"`{key}`", _cell(meaning), _cell(_kind(part)), *values))
    return "\n".join(lines)


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def _kind(part: Tree) -> str:
    if branches := part.get("anyOf", part.get("oneOf")):
        return " or ".join(_kind(branch) for branch in branches)
    if "enum" in part:
        return ", ".join(f"`{word}`" for word in part["enum"])
    if "const" in part:
        return f"`{part['const']}`"
    if "$ref" in part or part.get("type") == "object":
        return "a mapping"
    names = {"integer": "whole number", "string": "text", "boolean": "true or false"}
    kind = names.get(part.get("type", ""), part.get("type", "anything"))
    bounds = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    limits = [f"{sign} {part[bound]:g}" for bound, sign in bounds.items() if bound in part]
    if kind == "array":
        return f"list of {_kind(part['items'])}" if "items" in part else "list"
    return " ".join([kind, *limits])


def _value(tree: Any, key: str) -> str:
    for step in key.split("."):
        if not isinstance(tree, dict) or step not in tree:
            return "–"
        tree = tree[step]
    if key in TABLES:
        return f"{len(tree)} rows" if tree else "–"
    if isinstance(tree, dict):
        return "see below"
    text = dump_yaml(tree, default_flow_style=True, width=10_000).removesuffix("\n...\n")
    return f"`{text.strip()}`"


def _comments(text: str) -> dict[str, str]:
    """The comment next to each key of params.yaml, by dotted key without the scale."""
    found: dict[str, str] = {}
    path: list[tuple[int, str]] = []
    for line in text.splitlines():
        if not (match := re.match(r"^( *)([\w-]+):(.*)$", line)):
            continue
        indent = len(match[1])
        path = [*(step for step in path if step[0] < indent), (indent, match[2])]
        names = [name for _, name in path]
        if names[0] == "scales":
            names = names[2:]
        _, mark, comment = match[3].partition(" # ")
        if mark and names:
            found.setdefault(".".join(names), comment.strip())
    return found


def commands() -> str:
    """The page on commands, from their help texts."""
    root = get_command(app)
    parts = [
        "# Commands",
        (
            "Generated from the help texts. [The workflow](../workflow.md) calls these "
            "commands; you can also call each yourself. Exit codes: 0 success, 1 a failed command "
            "or check, 2 a wrong command line. `--debug` shows the traceback of an error."
        ),
    ]
    panels: dict[str, list[str]] = {}
    for name, command in root.commands.items():
        texts = panels.setdefault(command.rich_help_panel, [])
        inside = getattr(command, "commands", None)
        for word, one in inside.items() if inside else ((None, command),):
            texts += _command(" ".join(filter(None, (name, word))), one)
    for panel, texts in panels.items():
        parts += [f"## {panel}", *texts]
    return "\n\n".join(parts) + "\n"


def _command(name: str, command: Any) -> list[str]:
    params = [param for param in command.params if param.name != "help"]
    lines = ["| argument or option | meaning | default |", "| --- | --- | --- |"]
    for param in params:
        names = ", ".join(f"`{name}`" for name in param.opts)
        if param.param_type_name == "argument":
            names = f"`{param.display_name_raw}`"
        lines.append(_row(names, _cell(param.help), _default(param)))
    text = "\n\n".join(" ".join(part.split()) for part in command.help.split("\n\n"))
    heading = [f"### `vqathinker {name}`", text.replace("\f", "")]
    return [*heading, "\n".join(lines)] if params else heading


def _default(param: Any) -> str:
    """Cell for the default of a parameter; empty where its meaning explains it."""
    if param.required:
        return "required"
    if param.default is None or param.default is False or param.default == []:
        return ""
    values = param.default if isinstance(param.default, tuple) else [param.default]
    return f"`{' '.join(map(str, values))}`"


def write(folder: Path) -> None:
    """Write all generated pages below `folder`."""
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(ROOT)
