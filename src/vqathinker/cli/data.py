"""Commands for data sets: status, download, manifests, checks, cards, clips, perturbations."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from vqathinker.cli.options import (
    DEFAULT_PARAMS,
    ManifestFile,
    OutputFile,
    ParamsFile,
    input_file,
    input_folder,
    output_file,
    output_folder,
)
from vqathinker.products import MANIFEST

if TYPE_CHECKING:
    from vqathinker.datasets.inventory import SetState
    from vqathinker.params import DataParams

Role = Literal["train", "in-domain", "out-of-distribution"]
DATA = Path("data")
_HASHES = Path("data-hashes.csv")

SetName = Annotated[str, typer.Argument(metavar="set", help="Name of a data set that has a card.")]
SetNames = Annotated[
    list[str] | None,
    typer.Argument(metavar="set", help="Names of data sets; by default those of the scale."),
]
DataFolder = Annotated[
    Path, typer.Option("--data", file_okay=False, help="Folder that holds all data sets.")
]
SourceFolder = Annotated[Path, input_folder("Folder with the files of the data set.", "--source")]
Setting = Annotated[
    str, typer.Option(metavar="<frames>x<size>", help="Frames per clip, and their size in pixels.")
]


def fetch(
    name: SetName,
    output: Annotated[
        Path | None, output_folder("Folder to write; by default data/<set>/source.")
    ] = None,
    receipt: Annotated[
        Path | None,
        output_file("File for the size and hash of every file; by default data/<set>/source.json."),
    ] = None,
    params: ParamsFile = DEFAULT_PARAMS,
    workers: Annotated[
        int, typer.Option(min=1, help="Number of demo videos to encode in parallel.")
    ] = 1,
    download: Annotated[
        Path | None, input_file("File with the parameters `download`; by default --params.")
    ] = None,
) -> None:
    """Download the videos and labels of a data set.

    The data sets of the demo are generated instead. Rerun the command to resume a download.

    Example: vqathinker data fetch konvid_1k
    """
    from vqathinker.datasets.fetch import fetch_set
    from vqathinker.params import DownloadParams, SetParams, load_section

    output = output or DATA / name / "source"
    receipt = receipt or output.with_suffix(".json")
    settings = load_section(download or params, DownloadParams)
    sets = load_section(params, SetParams)
    content = fetch_set(name, sets, settings, output, receipt, _HASHES, workers)
    if content["gone"]:
        typer.echo(f"{name}: no longer available: {', '.join(content['gone'])}")
    typer.echo(f"{name}: {len(content['files'])} files in {output}")


def manifest(
    name: SetName,
    source: Annotated[
        Path | None, input_folder("Folder with the files; by default data/<set>/source.")
    ] = None,
    output: Annotated[
        Path | None, output_file("File to write; by default data/<set>/manifest.parquet.")
    ] = None,
    params: ParamsFile = DEFAULT_PARAMS,
    workers: Annotated[int, typer.Option(min=1, help="Number of videos to probe in parallel.")] = 1,
) -> None:
    """List the labels of a data set and its videos.

    Every label is listed with the properties of its video, or the reason for their absence.

    Example: vqathinker data manifest konvid_1k
    """
    from vqathinker.datasets.card import load_card
    from vqathinker.datasets.inventory import count_videos
    from vqathinker.datasets.manifest import build_manifest, write_manifest
    from vqathinker.params import SetParams, load_section

    source = source or DATA / name / "source"
    output = output or source.parent / "manifest.parquet"
    data = load_section(params, SetParams)
    card = load_card(name, Path(data.cards))
    table = build_manifest(source, card, data.counts.get(name), workers)
    write_manifest(table, output, card, source, Path(data.cards))
    bad = int((table["status"] != "ok").sum())
    typer.echo(f"{name}: {len(table)} videos, {bad} of them missing or damaged")
    if (table["status"] == "missing").all() and (hint := count_videos(source, card)[1]):
        typer.echo(f"{name}: {hint}")
    noted = table[(table["status"] == "ok") & table["reason"].notna()]
    for video, note in zip(noted["video"], noted["reason"], strict=True):
        typer.echo(f"  {video}: {note}", err=True)


def status(
    names: SetNames = None,
    all_sets: Annotated[
        bool, typer.Option("--all", help="Show every data set that has a card.")
    ] = False,
    data: DataFolder = DATA,
    params: ParamsFile = DEFAULT_PARAMS,
) -> None:
    """Show which data sets are complete, and what to do next.

    Example: vqathinker data status konvid_1k
    """
    from vqathinker.datasets.card import card_names, load_card
    from vqathinker.datasets.inventory import format_bytes, read_set_state, required_disk_space
    from vqathinker.params import DataParams, load_section
    from vqathinker.phases.cards import describe_missing, missing_sets
    from vqathinker.phases.parameters import read_params

    wanted = load_section(params, DataParams)
    folder = Path(wanted.cards)
    states = [
        read_set_state(load_card(name, folder), data, wanted.counts.get(name), os.environ)
        for name in (card_names(folder) if all_sets else names or _sets_of_scale(wanted))
    ]
    _print_table(states)
    # Without rich: addresses and commands must not be wrapped, so that they can be copied.
    for state in states:
        typer.echo(f"{state.card.name}: {state.next_step}")
    needed, free, unknown = required_disk_space(states, data)
    note = f" Sizes not published (?): {', '.join(unknown)}." if unknown else ""
    typer.echo(f"\nDisk: {format_bytes(needed)} needed, {format_bytes(free)} free.{note}")
    if needed > free:
        typer.secho("This disk is too small.", fg="red", bold=True)
    resolved = read_params(params)
    if "download" in resolved and not (all_sets or names):  # one job's parameters lack this section
        for line in describe_missing(resolved, missing_sets(resolved, data=data)):
            typer.echo(line)


def _sets_of_scale(params: "DataParams") -> list[str]:
    return [*dict.fromkeys([params.train, *params.in_domain, *params.out_of_distribution])]


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
    for heading in ("download", "disk", "labels", "found", "damaged"):
        table.add_column(heading, justify="right", no_wrap=True)
    for state in states:
        counts = (state.expected, state.found, state.damaged)
        table.add_row(
            state.card.name,
            state.card.access.kind,
            Text(state.card.licence),
            format_bytes(state.download),
            format_bytes(state.store),
            *("" if number is None else f"{number:,}" for number in counts),
        )
    Console().print(table)


def check(
    names: SetNames = None, data: DataFolder = DATA, params: ParamsFile = DEFAULT_PARAMS
) -> None:
    """Compare data sets with their receipts, cards and manifests.

    The exit code is 1 if there is a problem.

    Example: vqathinker data check konvid_1k
    """
    from vqathinker.datasets.card import load_card
    from vqathinker.datasets.inventory import find_problems
    from vqathinker.params import DataParams, load_section

    wanted = load_section(params, DataParams)
    failed = False
    for name in names or _sets_of_scale(wanted):
        card = load_card(name, Path(wanted.cards))
        problems = find_problems(card, data, wanted.counts.get(name))
        typer.echo(f"{name}: {f'{len(problems)} problems' if problems else 'no problems'}")
        for problem in problems:
            typer.echo(f"  {problem}")
        failed = failed or bool(problems)
    if failed:
        raise typer.Exit(1)


def new(
    name: Annotated[
        str, typer.Argument(metavar="set", help="Name: lower-case letters, digits and underscores.")
    ],
    *,
    labels: Annotated[
        Path | None, input_file("CSV file with your labels; its columns and rows are read.")
    ] = None,
    role: Annotated[
        Role, typer.Option(help="What you use the data set for.")
    ] = "out-of-distribution",
    scale: Annotated[
        tuple[float, float],
        typer.Option(metavar="<low> <high>", help="Lowest and highest possible MOS."),
    ] = (1, 5),
    video_column: Annotated[
        str | None,
        typer.Option(metavar="<column>", help="Column of the videos, by name or position from 0."),
    ] = None,
    mos_column: Annotated[
        str | None,
        typer.Option(metavar="<column>", help="Column of the MOS, by name or position from 0."),
    ] = None,
    match: Annotated[
        str | None,
        typer.Option(
            metavar="<rules>",
            help="How names in the labels may differ from file names: any of `any-ending any-case "
            "any-folder`, or a regular expression whose groups are equal in both.",
        ),
    ] = None,
    data: DataFolder = DATA,
    params: ParamsFile = DEFAULT_PARAMS,
) -> None:
    """Write a card for your own data set.

    You need a CSV file of labels and a folder of videos. The columns `video` and `mos`, and other
    usual names, are found automatically. The card is a YAML file with comments.

    Example: vqathinker data new mine --labels my.csv --scale 1 5
    """
    from vqathinker.datasets.new_card import write_card
    from vqathinker.params import DataParams, load_section

    folder = Path(load_section(params, DataParams).cards)
    columns = (video_column, mos_column)
    card = write_card(name, folder, labels, role=role, scale=scale, columns=columns, match=match)
    source = data / name / "source"
    label, list_of_sets = card.label.columns, f"data.{role.replace('-', '_')}"
    typer.echo(
        f"{folder / name}.yaml: the video is column {label.video!r}, the MOS is column "
        f"{label.mos!r}. Read the comments in this file. Then\n"
        f"  save the labels as {source}/labels.csv and the videos in {source}/videos/ "
        "(links work, too);\n"
        f"  add {name} to params.yaml: {list_of_sets}, and data.counts.{name}: "
        f"{card.expected or '<number of rows>'};\n"
        f"  see what remains to be done: vqathinker data status {name}"
    )


def decode(
    manifest: ManifestFile,
    source: SourceFolder,
    setting: Setting,
    shard: Annotated[int, typer.Option(min=0, help="Number of the shard, starting at 0.")],
    output: OutputFile,
    params: ParamsFile = DEFAULT_PARAMS,
    workers: Annotated[
        int, typer.Option(min=1, help="Number of videos to decode in parallel.")
    ] = 1,
) -> None:
    """Decode a shard of videos into lossless frames.

    Rerun the same command to resume an interrupted one.

    Example: vqathinker decode --manifest data/demo_content/manifest.parquet --source
    data/demo_content/source --setting 12x560 --shard 0 --output my-clips.safetensors
    """
    from vqathinker.params import DecodeParams, load_section
    from vqathinker.video.workers import Limits, raise_soft_memory_limits

    clips = load_section(params, DecodeParams)
    raise_soft_memory_limits(
        clips.memory_mb
    )  # before pandas, which hangs if it gets too little memory

    from vqathinker.parquet import read_columns
    from vqathinker.video.sampling import parse_setting
    from vqathinker.video.shard import decode_shard, shard_rows

    table = read_columns(manifest, ["video", "file", "frames", "status"], MANIFEST)
    rows = shard_rows(table, shard, clips.shard_size)
    limits = Limits(clips.timeout_s, clips.memory_mb)
    failures = decode_shard(rows, source, setting, output, limits, clips.reader, workers)
    typer.echo(f"{output}: {len(rows)} videos, {len(failures)} of them could not be decoded")
    for video, failure in failures.items():
        typer.echo(f"  {video}: {failure.status}, {failure.reason}", err=True)
    wanted = parse_setting(setting).frames
    short = rows[(rows["status"] == "ok") & (rows["frames"] < wanted)]
    for video, frames in zip(short["video"], short["frames"], strict=True):
        text = f"{frames} frames; {wanted} are needed, so some are repeated"
        typer.echo(f"  {video}: {text}", err=True)


def perturb(
    manifest: ManifestFile,
    setting: Setting,
    output: OutputFile,
    params: ParamsFile = DEFAULT_PARAMS,
) -> None:
    """Draw temporal perturbations of every training video.

    They are lists of frame indices, and contain no pixels.

    Example: vqathinker perturb --manifest data/demo_train/manifest.parquet --setting 6x112
    --output my-perturbations.parquet
    """
    from vqathinker.params import DrawParams, load_section, load_value
    from vqathinker.parquet import read_columns
    from vqathinker.video.perturb import draw_perturbations, write_perturbations
    from vqathinker.video.sampling import parse_setting

    perturbations, seed = load_section(params, DrawParams).perturbations, load_value(params, "seed")
    rows = read_columns(manifest, ["video", "status"], MANIFEST)
    videos = rows.loc[rows["status"] == "ok", "video"]
    table = draw_perturbations(videos, parse_setting(setting).frames, seed, perturbations)
    provenance = {"setting": setting, "seed": seed, **perturbations.model_dump()}
    write_perturbations(table, output, provenance)
    typer.echo(f"{output}: {perturbations.draws} perturbations of each of {len(videos)} videos")
