"""Commands of the phase `data`: a set's files, and its manifest."""

from pathlib import Path
from typing import Annotated

import typer

from vqathinker.cli.options import DEFAULT_PARAMS, OutFile, OutFolder, ParamsFile
from vqathinker.params import DataParams, load_section

__all__ = ["fetch", "manifest"]

SetName = Annotated[str, typer.Argument(metavar="SET", help="Name of a card in datasets/cards.")]


def fetch(
    name: SetName,
    out: OutFolder,
    receipt: Annotated[
        Path, typer.Option(help="Receipt to write: every file, its bytes, its hash.")
    ],
    params: ParamsFile = DEFAULT_PARAMS,
) -> None:
    """Bring the files of a data set: videos and labels. The demo's sets are made on the spot."""
    from vqathinker.datasets.fetch import fetch as fetch_set

    got = fetch_set(name, load_section(params, DataParams), out, receipt)
    typer.echo(f"{name}: {len(got['files'])} files in {out}")


def manifest(
    name: SetName,
    source: Annotated[Path, typer.Option(exists=True, help="The folder that `fetch` wrote.")],
    out: OutFile,
    params: ParamsFile = DEFAULT_PARAMS,
) -> None:
    """List every label of a set with the facts of its video; damaged and missing ones stay in."""
    from vqathinker.datasets.card import load_card
    from vqathinker.datasets.manifest import build_manifest, write_manifest

    counts = load_section(params, DataParams).counts
    table = build_manifest(source, load_card(name), counts[name])
    write_manifest(table, out)
    bad = int((table["status"] != "ok").sum())
    typer.echo(f"{name}: {len(table)} videos, {bad} of them missing or damaged")
