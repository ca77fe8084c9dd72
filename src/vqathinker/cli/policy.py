"""Policy folders: describe them, change their layout, put results into their card."""

import json
from pathlib import Path
from typing import Annotated

import typer

from vqathinker.cli.options import FOLDER, AsJson, OutFolder, files_option
from vqathinker.products import TABLE

Folder = Annotated[Path, typer.Argument(**FOLDER, help="The folder of a policy.")]


def import_(
    source: Annotated[
        Path,
        typer.Argument(
            **FOLDER,
            metavar="SRC",
            help="A checkpoint in the authors' layout: config.json, tokenizer, safetensors.",
        ),
    ],
    out: OutFolder,
    setting: Annotated[
        str, typer.Option(help="Frames x size of the clips that the policy is used with.")
    ] = "12x560",
) -> None:
    """Turn a checkpoint in the authors' layout into a policy folder with the same weights.

    Example: vqathinker policy import InternVL3-VQAThinker-8B --out models/released
    """
    from vqathinker.policy.interchange.original import import_original

    import_original(source, out, setting)
    typer.echo(f"{out}: policy imported from {source}")


def export(
    folder: Folder,
    out: OutFolder,
) -> None:
    """Write a policy folder in the authors' layout with the same weights.

    Example: vqathinker policy export models/paper/grpo/policy --out original
    """
    from vqathinker.policy.interchange.original import export_original

    export_original(folder, out)
    typer.echo(f"{out}: {folder} in the authors' layout")


def describe(folder: Folder, as_json: AsJson = False) -> None:
    """Show what a policy is: sizes, trainable share, setting, hashes, how it was trained.

    Example: vqathinker policy describe models/demo/grpo/policy
    """
    from vqathinker.policy.folder.describe import describe as facts_of
    from vqathinker.policy.folder.describe import format_facts

    facts = facts_of(folder)
    typer.echo(json.dumps(facts, indent=1) if as_json else format_facts(facts))


def card(folder: Folder, tables: Annotated[list[Path], files_option(TABLE)]) -> None:
    """Put Markdown tables of results into a policy's model card.

    Example: vqathinker policy card models/demo/grpo/policy --tables results/demo/tables/main.md
    """
    from vqathinker.policy.folder.card import write_results

    path = folder / "README.md"
    write_results(path, tables)
    typer.echo(f"{path}: results of {len(tables)} tables")
