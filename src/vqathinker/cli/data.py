"""Data sets: what is there, how to get it, whether it is complete, a card for your own."""

import os
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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

if TYPE_CHECKING:
    from vqathinker.datasets.inventory import SetState
    from vqathinker.params import DataParams

SetName = Annotated[str, typer.Argument(metavar="SET", help="Name of a set that has a card.")]
SetNames = Annotated[
    list[str] | None,
    typer.Argument(metavar="[SET]...", help="Sets with a card; by default those of the scale."),
]
DataFolder = Annotated[Path, typer.Option("--data", help="The folder of all sets.")]
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
    from vqathinker.datasets.inventory import count_videos
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
    if (table["status"] == "missing").all() and (hint := count_videos(source, card)[1]):
        typer.echo(f"{name}: {hint}")
    noted = table[(table["status"] == "ok") & table["reason"].notna()]
    for video, note in zip(noted["video"], noted["reason"], strict=True):
        typer.echo(f"  {video}: {note}", err=True)


def status(
    names: SetNames = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Every set that has a card, not only those of the scale.")
    ] = False,
    data: DataFolder = Path("data"),
    params: ParamsFile = DEFAULT_PARAMS,
) -> None:
    """Show which data sets are complete, what is missing, and what to do next.

    Example: vqathinker data status konvid_1k
    """
    from vqathinker.datasets.card import card_names, load_card
    from vqathinker.datasets.inventory import format_bytes, read_set_state, required_disk_space
    from vqathinker.params import DataParams, load_section
    from vqathinker.phases.cards import describe_missing, missing_sets
    from vqathinker.phases.parameters import read_params

    wanted = load_section(params, DataParams)
    folder = Path(wanted.cards)
    shown = card_names(folder) if everything else names or _sets_of_scale(wanted)
    states = [
        read_set_state(load_card(name, folder), data, wanted.counts.get(name), os.environ)
        for name in shown
    ]
    _print_table(states)
    # Lines are not wrapped: addresses and commands are there to be copied.
    for state in states:
        typer.echo(f"{state.card.name}: {state.next_step}")
    needed, free, unknown = required_disk_space(states, data)
    note = f" Sizes not published (?): {', '.join(unknown)}." if unknown else ""
    typer.echo(f"\nDisk: {format_bytes(needed)} needed, {format_bytes(free)} free.{note}")
    if needed > free:
        typer.secho("This disk is too small.", fg="red", bold=True)
    resolved = read_params(params)
    if "download" in resolved and not (everything or names):  # a job's file has no such section
        for line in describe_missing(resolved, missing_sets(resolved, data=data)):
            typer.echo(line)


def _sets_of_scale(params: "DataParams") -> list[str]:
    return [params.train, *params.in_domain, *params.out_of_distribution]


def _print_table(states: Sequence["SetState"]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from vqathinker.datasets.inventory import format_bytes

    table = Table(box=SIMPLE_HEAD, padding=(0, 0), pad_edge=False)
    table.add_column("set", no_wrap=True)
    table.add_column("access", no_wrap=True)
    table.add_column("licence")
    for heading in ("bring", "store", "labels", "found", "damaged"):
        table.add_column(heading, justify="right", no_wrap=True)
    for state in states:
        counts = (state.expected, state.found, state.damaged)
        table.add_row(
            state.card.name, state.card.access.kind, Text(state.card.licence),
            format_bytes(state.download), format_bytes(state.store),
            *("" if number is None else f"{number:,}" for number in counts),
        )  # fmt: skip
    Console().print(table)


def check(
    names: SetNames = None, data: DataFolder = Path("data"), params: ParamsFile = DEFAULT_PARAMS
) -> None:
    """Compare sets with their receipts, cards and manifests; exit code 1 if anything is wrong.

    Example: vqathinker data check konvid_1k
    """
    from vqathinker.datasets.card import load_card
    from vqathinker.datasets.inventory import find_problems
    from vqathinker.params import DataParams, load_section

    wanted = load_section(params, DataParams)
    wrong = False
    for name in names or _sets_of_scale(wanted):
        card = load_card(name, Path(wanted.cards))
        problems = find_problems(card, data, wanted.counts.get(name))
        typer.echo(f"{name}: {f'{len(problems)} problems' if problems else 'no problems'}")
        for problem in problems:
            typer.echo(f"  {problem}")
        wrong = wrong or bool(problems)
    if wrong:
        raise typer.Exit(1)


class Role(StrEnum):
    """Purpose of your own data set."""

    TRAIN = "train"
    IN_DOMAIN = "in-domain"
    OUT_OF_DISTRIBUTION = "out-of-distribution"


def new(
    name: Annotated[str, typer.Argument(help="Name of the set: lower case, digits, underscores.")],
    *,
    labels: Annotated[
        Path | None,
        typer.Option(
            **FILE, help="Your labels, a CSV file: columns and number of rows are read there."
        ),
    ] = None,
    role: Annotated[Role, typer.Option(help="What the set is for.")] = Role.OUT_OF_DISTRIBUTION,
    scale: Annotated[
        tuple[float, float], typer.Option(help="Lowest and highest MOS that can occur.")
    ] = (1, 5),
    video_column: Annotated[
        str | None, typer.Option(help="Column of the videos: name, or position from 0.")
    ] = None,
    mos_column: Annotated[
        str | None, typer.Option(help="Column of the MOS: name, or position from 0.")
    ] = None,
    match: Annotated[
        str | None,
        typer.Option(
            help="What may differ between labels and files: any-ending any-case any-folder; or a "
            "regular expression whose groups are equal in both."
        ),
    ] = None,
    data: DataFolder = Path("data"),
    params: ParamsFile = DEFAULT_PARAMS,
) -> None:
    """Write a commented card for your own data set: a CSV and a folder of videos are enough.

    Columns called video and mos (or by another usual name) are found without the options.

    Example: vqathinker data new mine --labels my.csv --scale 1 5
    """
    from vqathinker.datasets.new_card import write_card
    from vqathinker.params import DataParams, load_section

    folder = Path(load_section(params, DataParams).cards)
    card = write_card(
        name,
        folder,
        labels,
        role=role.value,
        scale=scale,
        columns=(video_column, mos_column),
        match=match,
    )
    source = data / name / "source"
    columns, list_of_sets = card.label.columns, f"data.{role.value.replace('-', '_')}"
    typer.echo(
        f"{folder / name}.yaml: video is column {columns.video!r}, MOS is column {columns.mos!r}. "
        "Read its comments. Then\n"
        f"  save the labels as {source}/labels.csv and the videos below {source}/videos/ "
        "(links are fine);\n"
        f"  name {name} in params.yaml: {list_of_sets}, and data.counts.{name}: "
        f"{card.expected or 'its rows'};\n"
        f"  see what is left to do: vqathinker data status {name}"
    )
