"""Bring the files of a data set, and list its labels in a manifest."""

from pathlib import Path
from typing import Annotated

import typer

from vqathinker.cli.options import (
    DEFAULT_PARAMS,
    FILE,
    NEW_FILE,
    NEW_FOLDER,
    ParamsFile,
    folder_option,
)
from vqathinker.products import SOURCE

SetName = Annotated[str, typer.Argument(metavar="SET", help="Name of a set that has a card.")]
_FOLDER = Path("data")
_HASHES = Path("data-hashes.csv")


def fetch(
    name: SetName,
    out: Annotated[
        Path | None,
        typer.Option(**NEW_FOLDER, help="Folder to write; by default data/SET/source."),
    ] = None,
    receipt: Annotated[
        Path | None,
        typer.Option(
            **NEW_FILE, help="Bytes and hash of every file; by default data/SET/source.json."
        ),
    ] = None,
    params: ParamsFile = DEFAULT_PARAMS,
    workers: Annotated[
        int, typer.Option(min=1, help="Videos of a made set encoded at a time.")
    ] = 1,
    download: Annotated[
        Path | None,
        typer.Option(**FILE, help="Parameters with section `download`, if not in --params."),
    ] = None,
) -> None:
    """Bring the files of a data set: videos and labels. The demo's sets are made on the spot.

    Example: vqathinker data fetch konvid_1k
    """
    from vqathinker.datasets.fetch import fetch_set
    from vqathinker.params import DownloadParams, SetParams, load_section

    out = out or _FOLDER / name / "source"
    receipt = receipt or out.with_suffix(".json")
    settings = load_section(download or params, DownloadParams)
    own = load_section(params, SetParams)
    content = fetch_set(name, own, settings, out, receipt, _HASHES, workers)
    if content["gone"]:
        typer.echo(f"{name}: gone at their origin: {', '.join(content['gone'])}")
    typer.echo(f"{name}: {len(content['files'])} files in {out}")


def manifest(
    name: SetName,
    source: Annotated[Path | None, folder_option(SOURCE)] = None,
    out: Annotated[
        Path | None,
        typer.Option(**NEW_FILE, help="File to write; by default data/SET/manifest.parquet."),
    ] = None,
    params: ParamsFile = DEFAULT_PARAMS,
    workers: Annotated[int, typer.Option(min=1, help="Videos probed at a time.")] = 1,
) -> None:
    """List every label of a set with the facts of its video, damaged and missing ones included.

    Example: vqathinker data manifest konvid_1k
    """
    from vqathinker.datasets.card import load_card
    from vqathinker.datasets.inventory import find_videos
    from vqathinker.datasets.manifest import build_manifest, write_manifest
    from vqathinker.params import SetParams, load_section

    source = source or _FOLDER / name / "source"
    out = out or source.parent / "manifest.parquet"
    data = load_section(params, SetParams)
    card = load_card(name, Path(data.cards))
    table = build_manifest(source, card, data.counts.get(name), workers)
    write_manifest(table, out, card, source, Path(data.cards))
    bad = int((table["status"] != "ok").sum())
    typer.echo(f"{name}: {len(table)} videos, {bad} of them missing or damaged")
    if (table["status"] == "missing").all() and (hint := find_videos(source, card)[1]):
        typer.echo(f"{name}: {hint}")
    noted = table[(table["status"] == "ok") & table["reason"].notna()]
    for video, note in zip(noted["video"], noted["reason"], strict=True):
        typer.echo(f"  {video}: {note}", err=True)
