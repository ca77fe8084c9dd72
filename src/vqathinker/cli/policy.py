"""Commands about policy folders, beside the pipeline: they belong to no phase."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from vqathinker.atomic import whole_file
from vqathinker.cli.options import OutFolder

__all__ = ["policy"]

policy = typer.Typer(no_args_is_help=True, help="Look into policy folders, or change their layout.")

Folder = Annotated[
    Path, typer.Argument(metavar="DIR", exists=True, file_okay=False, help="A policy folder.")
]


class Layout(StrEnum):
    """Layouts that a policy can be exported to."""

    original = "original"


@policy.command("import")
def import_(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SRC", exists=True, file_okay=False,
            help="A checkpoint in the authors' layout: config.json, tokenizer, safetensors.",
        ),
    ],
    out: OutFolder,
    setting: Annotated[
        str, typer.Option(help="Frames x size of the clips that it is meant to be asked about.")
    ] = "12x560",
) -> None:  # fmt: skip
    """Turn a checkpoint in the authors' layout into a policy folder, bit by bit."""
    from vqathinker.policy.interchange.original import import_original

    import_original(source, out, setting)
    typer.echo(f"{out}: policy imported from {source}")


@policy.command("export")
def export(
    folder: Folder,
    out: OutFolder,
    layout: Annotated[
        Layout, typer.Option(help="The layout to write; `original` is the authors'.")
    ] = Layout.original,
) -> None:
    """Write a policy folder in the authors' layout, bit by bit."""
    from vqathinker.policy.interchange.original import export_original

    export_original(folder, out)
    typer.echo(f"{out}: {folder} in the {layout} layout")


@policy.command("describe")
def describe(
    folder: Folder,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON for other programs.")] = False,
) -> None:
    """Show what a policy is: sizes, trainable share, setting, hashes, how it was trained."""
    from vqathinker.policy.folder.describe import describe as facts_of
    from vqathinker.policy.folder.describe import format_facts

    facts = facts_of(folder)
    typer.echo(json.dumps(facts, indent=1) if as_json else format_facts(facts))


@policy.command("card")
def card(
    folder: Folder,
    tables: Annotated[
        list[Path], typer.Option(exists=True, dir_okay=False, help="Markdown; may be repeated.")
    ],
) -> None:
    """Put tables of results into a policy's model card."""
    from vqathinker.policy.folder.card import with_results

    path = folder / "README.md"
    texts = [table.read_text(encoding="utf-8") for table in tables]
    card = with_results(path.read_text(encoding="utf-8"), texts)
    with whole_file(path) as part:
        part.write_text(card, encoding="utf-8")
    typer.echo(f"{path}: results of {len(tables)} tables")
