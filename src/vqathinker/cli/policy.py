"""Policy folders: describe them, convert them, put results into their model card."""

import json
from pathlib import Path
from typing import Annotated

import typer

from vqathinker.cli.options import AsJson, OutputFolder, folder_argument, input_files

Folder = Annotated[Path, folder_argument("policy", "Policy folder.")]


def import_(
    checkpoint: Annotated[
        Path,
        folder_argument(
            "checkpoint", "Folder in the authors' layout: config.json, tokenizer, safetensors."
        ),
    ],
    output: OutputFolder,
    setting: Annotated[
        str,
        typer.Option(
            metavar="<frames>x<size>",
            help="Frames per clip, and their size in pixels, with which the policy is used.",
        ),
    ] = "12x560",
) -> None:
    """Convert a checkpoint in the authors' layout to a policy folder with the same weights.

    Example: vqathinker policy import InternVL3-VQAThinker-8B --output models/released
    """
    from vqathinker.policy.interchange.original import import_original

    import_original(checkpoint, output, setting)
    typer.echo(f"{output}: policy imported from {checkpoint}")


def convert(folder: Folder, output: OutputFolder) -> None:
    """Convert a policy folder to the authors' layout with the same weights.

    Example: vqathinker policy convert models/paper/grpo/policy --output original
    """
    from vqathinker.policy.interchange.original import export_original

    export_original(folder, output)
    typer.echo(f"{output}: {folder} in the authors' layout")


def describe(folder: Folder, as_json: AsJson = False) -> None:
    """Show sizes, trained parts, setting, hashes and training of a policy.

    Example: vqathinker policy describe models/demo/grpo/policy
    """
    from vqathinker.policy.folder.describe import describe as read_facts
    from vqathinker.policy.folder.describe import format_facts

    facts = read_facts(folder)
    typer.echo(json.dumps(facts, indent=1) if as_json else format_facts(facts))


def card(
    folder: Folder,
    tables: Annotated[list[Path], input_files("Markdown tables, from `vqathinker tables`.")],
) -> None:
    """Put tables of results into the model card of a policy.

    Example: vqathinker policy card models/demo/grpo/policy --tables results/demo/tables/main.md
    """
    from vqathinker.policy.folder.card import write_results

    path = folder / "README.md"
    write_results(path, tables)
    typer.echo(f"{path}: {len(tables)} tables of results added")
