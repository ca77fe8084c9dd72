"""Commands about policy folders, beside the pipeline: they belong to no phase."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from vqathinker.cli.options import OutFolder
from vqathinker.cli.paths import file_to_read, folder_to_read
from vqathinker.products import POLICY, TABLE, Product

__all__ = ["policy"]

policy = typer.Typer(no_args_is_help=True, help="Look into policy folders, or change their layout.")

_CHECKPOINT = Product("a checkpoint's folder", "download it whole")
Folder = Annotated[Path, typer.Argument(**folder_to_read(POLICY), help="A policy folder.")]


class Layout(StrEnum):
    """Layouts that a policy can be exported to."""

    original = "original"


@policy.command("import")
def import_(
    source: Annotated[
        Path,
        typer.Argument(
            **folder_to_read(_CHECKPOINT) | {"metavar": "SRC"},
            help="A checkpoint in the authors' layout: config.json, tokenizer, safetensors.",
        ),
    ],
    out: OutFolder,
    setting: Annotated[
        str, typer.Option(help="Frames x size of the clips that it is meant to be asked about.")
    ] = "12x560",
) -> None:  # fmt: skip
    """Turn a checkpoint in the authors' layout into a policy folder, bit by bit.

    Example: vqathinker policy import InternVL3-VQAThinker-8B --out models/released
    """
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
    """Write a policy folder in the authors' layout, bit by bit.

    Example: vqathinker policy export models/paper/grpo/policy --out original
    """
    from vqathinker.policy.interchange.original import export_original

    export_original(folder, out)
    typer.echo(f"{out}: {folder} in the {layout} layout")


@policy.command("describe")
def describe(
    folder: Folder,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON for other programs.")] = False,
) -> None:
    """Show what a policy is: sizes, trainable share, setting, hashes, how it was trained.

    Example: vqathinker policy describe models/demo/grpo/policy
    """
    from vqathinker.policy.folder.describe import describe as facts_of
    from vqathinker.policy.folder.describe import format_facts

    facts = facts_of(folder)
    typer.echo(json.dumps(facts, indent=1) if as_json else format_facts(facts))


@policy.command("card")
def card(
    folder: Folder,
    tables: Annotated[
        list[Path],
        typer.Option(
            **file_to_read(TABLE),
            help="Markdown; may be repeated.",
        ),
    ],
) -> None:
    """Put tables of results into a policy's model card.

    Example: vqathinker policy card models/demo/grpo/policy --tables results/demo/tables/main.md
    """
    from vqathinker.policy.folder.card import write_results

    path = folder / "README.md"
    write_results(path, tables)
    typer.echo(f"{path}: results of {len(tables)} tables")
