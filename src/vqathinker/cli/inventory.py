"""Commands about data sets that no rule calls: what is there, whether it is whole, a card of one's
own.

They are no phase: what they say is no result, so a change here makes nothing out of date.
"""

import os
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vqathinker.cli.options import DEFAULT_PARAMS, FILE, ParamsFile

if TYPE_CHECKING:
    from rich.console import Console

    from vqathinker.datasets.inventory import SetState
    from vqathinker.params import DataParams

SetNames = Annotated[
    list[str] | None,
    typer.Argument(metavar="[SET]...", help="Sets that have a card; else those of the scale."),
]
DataFolder = Annotated[Path, typer.Option("--data", help="The folder in which all sets lie.")]


class Role(StrEnum):
    """What a set of one's own is for."""

    TRAIN = "train"
    IN_DOMAIN = "in-domain"
    OUT_OF_DISTRIBUTION = "out-of-distribution"


def status(
    names: SetNames = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Every set that has a card, of no scale, too.")
    ] = False,
    data: DataFolder = Path("data"),
    params: ParamsFile = DEFAULT_PARAMS,
) -> None:
    """Show what there is of each data set, what is still to be brought, and what to do next.

    Example: vqathinker data status konvid_1k
    """
    from rich.console import Console

    from vqathinker.datasets.card import card_names, load_card
    from vqathinker.datasets.inventory import read_set_state
    from vqathinker.params import DataParams, load_section

    wanted = load_section(params, DataParams)
    folder = Path(wanted.cards)
    shown_names = card_names(folder) if everything else names or _sets_of_scale(wanted)
    states = [
        read_set_state(load_card(name, folder), data, wanted.counts.get(name), os.environ)
        for name in shown_names
    ]
    console = Console()
    _print_table(states, console)
    _print_disk(states, data, console)
    if not (everything or names):
        _print_left_out(params, data, console)


def check(
    names: SetNames = None,
    data: DataFolder = Path("data"),
    params: ParamsFile = DEFAULT_PARAMS,
) -> None:
    """Compare sets with their receipts, cards and manifests; exit code 1 if anything is wrong.

    Example: vqathinker data check konvid_1k
    """
    from vqathinker.datasets.card import load_card
    from vqathinker.datasets.inspection import find_problems
    from vqathinker.params import DataParams, load_section

    wanted = load_section(params, DataParams)
    wrong = False
    for name in names or _sets_of_scale(wanted):
        card = load_card(name, Path(wanted.cards))
        problems = find_problems(card, data, wanted.counts.get(name))
        typer.echo(f"{name}: {f'{len(problems)} problems' if problems else 'all is well'}")
        for problem in problems:
            typer.echo(f"  {problem}")
        wrong = wrong or bool(problems)
    if wrong:
        raise typer.Exit(1)


def new(
    name: Annotated[str, typer.Argument(help="Of the set: lower case, digits, underscores.")],
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


def _sets_of_scale(params: "DataParams") -> list[str]:
    return [params.train, *params.in_domain, *params.out_of_distribution]


def _print_table(states: Sequence["SetState"], console: "Console") -> None:
    from rich.box import SIMPLE_HEAD
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
        table.add_row(
            state.card.name,
            state.card.access.kind,
            Text(state.card.licence),
            format_bytes(state.download),
            format_bytes(state.store),
            *("" if n is None else f"{n:,}" for n in (state.expected, state.found, state.damaged)),
        )
    console.print(table)
    for state in states:
        # One line each, however narrow the terminal: addresses and commands are there to be copied.
        line = f"{state.card.name}: {state.next_step}"
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _print_left_out(params: Path, data: Path, console: "Console") -> None:
    """What absent sets leave out of the scale; of a job's file, which knows no runs, nothing."""
    from vqathinker.phases.cards import absent_sets, describe_absent
    from vqathinker.phases.parameters import DOWNLOAD, read_params

    wanted = read_params(params)
    if DOWNLOAD in wanted:
        for line in describe_absent(wanted, absent_sets(wanted, data=data)):
            console.print(line, markup=False, highlight=False, soft_wrap=True)


def _print_disk(states: Sequence["SetState"], data: Path, console: "Console") -> None:
    from vqathinker.datasets.inventory import disk_needs, format_bytes

    disk = disk_needs(states, data)
    line = f"Disk: {format_bytes(disk.needed)} needed, {format_bytes(disk.free)} free."
    if disk.unknown:
        line += f" Besides, sizes that nobody published (?): {', '.join(disk.unknown)}."
    console.print(f"\n{line}", markup=False, highlight=False, soft_wrap=True)
    if disk.needed > disk.free:
        console.print("This disk is too small.", style="bold red")
