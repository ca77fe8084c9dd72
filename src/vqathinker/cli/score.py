"""The command `vqathinker score`, for your own clips."""

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.progress import track

from vqathinker.atomic import whole_file
from vqathinker.cli.options import DeviceOption, PolicyName, ScoreOption, output_file
from vqathinker.scoring.clips import (
    SUFFIXES,
    Skipped,
    escape_bytes,
    find_clips,
    parse_list,
    printable,
)
from vqathinker.scoring.results import (
    ClipScore,
    Format,
    as_csv,
    as_json,
    as_row,
    print_parts,
    print_scores,
)

T = TypeVar("T")
_MAX_NAMES = 20  # of skipped files that are printed for each reason; JSON lists all
_FILE_WIDTH = 120  # characters per line of a table that is written to a file


class ClipsFailedError(Exception):
    """Some clips could not be scored."""


def score(
    clips: Annotated[
        list[str],
        typer.Argument(
            metavar="clip...",
            help="Video files, folders, patterns or http(s) addresses; - reads a list from "
            "standard input.",
        ),
    ],
    *,
    policy: PolicyName = None,
    method: ScoreOption = None,
    form: Annotated[Format, typer.Option("--format", help="Format of the results.")] = "table",
    output: Annotated[
        Path | None,
        output_file("File for the results; rerun the same command to resume an interrupted one."),
    ] = None,
    null: Annotated[
        bool,
        typer.Option("-0", "--null", help="Names in the list end in NUL, as from find -print0."),
    ] = False,
    frames: Annotated[
        int | None,
        typer.Option(min=1, help="Number of frames to look at; by default as in training."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Random seed of sampled answers.")] = 0,
    device: DeviceOption = "auto",
    compare: Annotated[bool, typer.Option("--compare", help="Compare two clips.")] = False,
    where: Annotated[
        bool, typer.Option("--where", help="Score each part of one long clip, over time.")
    ] = False,
    window: Annotated[
        float | None,
        typer.Option(min=0.1, help="Length of a part in seconds; by default as training clips."),
    ] = None,
    plot: Annotated[
        Path | None, output_file("PNG or SVG file for a plot of the scores of --where.")
    ] = None,
) -> None:
    """Score your own video clips.

    Prints a score for each clip, and the reasoning of the policy.

    Example: vqathinker score my.mp4

    Example: vqathinker score clips/ --format csv --output scores.csv

    Example: vqathinker score a.mp4 b.mp4 --compare

    Example: vqathinker score film.mkv --where --plot film.svg
    """
    listed = parse_list(typer.get_binary_stream("stdin").read(), null=null) if "-" in clips else ()
    found = find_clips(clips, listed)
    names = found.clips
    _check_options(names, form, output, plot, compare=compare, where=where)
    if plot is not None:  # before any clip is scored, because matplotlib may not be installed
        from vqathinker.reporting.figures import draw_over_time
    _print_skipped(found.skipped)
    from vqathinker.scoring import batch
    from vqathinker.scoring.load import load_policy

    loaded = load_policy(policy, device)
    typer.echo(f"{loaded}\n{loaded.trained_on.about}\n{loaded.describe_method(method)}", err=True)
    method = method or loaded.method
    metadata = loaded.metadata() | {
        "method": method, "frames": loaded.setting_for(frames).frames, "seed": seed,
    }  # fmt: skip
    skipped = [{"file": escape_bytes(one.path), "reason": one.reason} for one in found.skipped]
    write = partial(_write, form, output, metadata, skipped=skipped)
    arguments = (method, frames, seed)
    if compare:
        pair = batch.compare(loaded, names[0], names[1], *arguments)
        better = escape_bytes(pair.better.file) if pair.better else None
        share = None if pair.first_better is None else round(pair.first_better, 4)
        write(
            [as_row(pair.first), as_row(pair.second)],
            lambda console: print_scores([pair.first, pair.second], console, str(pair)),
            comparison={"first_better": share, "better": better},
        )
    elif where:
        with batch.local_copy(names[0]) as path:
            parts = [
                part._replace(result=replace(part.result, file=names[0]))
                for part in _progress(batch.score_over_time(loaded, path, *arguments, window), None)
            ]
        rows = [as_row(part.result, start_s=part.start_s, end_s=part.end_s) for part in parts]
        write(rows, partial(print_parts, parts))
        if plot is not None:
            scores = [(part.start_s, part.end_s, part.result.score) for part in parts]
            draw_over_time(scores, printable(names[0]), plot)
            typer.echo(f"{plot.with_suffix('.png')}: scores over time; also as .svg", err=True)
    else:
        open_journal = batch.open_score_journal
        with open_journal(output, loaded, *arguments) if output else nullcontext() as journal:
            scored = batch.score_clips(loaded, names, *arguments, journal)
            results = list(_progress(scored, len(names)))
            write([as_row(result) for result in results], partial(print_scores, results))
            if journal is not None:
                journal.remove()
        _report_missing_scores(results)


def _check_options(
    clips: Sequence[str], form: Format, output: Path | None, plot: Path | None, *,
    compare: bool, where: bool,
) -> None:  # fmt: skip
    if compare and where:
        raise typer.BadParameter("--compare and --where: expected only one of them")
    expected = 2 if compare else 1 if where else len(clips)
    if len(clips) != expected:
        option = "--compare" if compare else "--where"
        raise typer.BadParameter(f"{option}: {len(clips)} clips; expected {expected}")
    if compare and form == "csv":
        raise typer.BadParameter("--format csv: expected table or json with --compare")
    if plot is not None and (not where or plot.suffix not in {".png", ".svg"}):
        raise typer.BadParameter(f"--plot {plot}: expected a .png or .svg file, and --where")
    if output is not None and output.suffix.lower() in SUFFIXES:  # as in `--output *.mp4`
        raise typer.BadParameter(f"--output {output}: is a video; expected a file for the results")


def _print_skipped(skipped: Sequence[Skipped]) -> None:
    by_reason: dict[str, list[str]] = {}
    for one in skipped:
        by_reason.setdefault(one.reason, []).append(printable(one.path))
    for reason, paths in by_reason.items():
        more = len(paths) - _MAX_NAMES
        names = ", ".join(paths[:_MAX_NAMES]) + (f" and {more} more" if more > 0 else "")
        typer.echo(f"skipped {len(paths)}: {reason}: {names}", err=True)


def _write(
    form: Format, output: Path | None, metadata: dict[str, Any], rows: Sequence[dict[str, Any]],
    print_table: Callable[[Console], None], **more: Any,
) -> None:  # fmt: skip
    """Write results to a file or to standard output."""
    text = io.StringIO()
    if form == "table":
        print_table(Console(file=text, width=_FILE_WIDTH) if output else Console())
    else:
        text.write(as_csv(rows) if form == "csv" else as_json(metadata, rows, **more))
    if output is None:
        typer.echo(text.getvalue(), nl=False)
        return
    with whole_file(output) as part:
        part.write_text(text.getvalue(), encoding="utf-8")
    typer.echo(f"{output}: {len(rows)} results", err=True)


def _report_missing_scores(results: Sequence[ClipScore]) -> None:
    for result in results:
        if result.failure is None and result.score is None:
            status = f"the policy's answer is not a score ({result.answer_status})"
            typer.echo(f"{printable(result.file)}: {status}", err=True)
    if failed := [result for result in results if result.failure is not None]:
        first = printable(f"{failed[0].file}: {failed[0].failure}")
        count = f"{len(failed)} of {len(results)} clips could not be scored; the first is "
        raise ClipsFailedError(
            f"{count if len(results) > 1 else ''}{first}; check the file, or leave it out"
        )


def _progress(items: Iterable[T], total: int | None) -> Iterator[T]:
    # A bar only on a terminal, and only for several clips.
    console = Console(stderr=True)
    quiet = not console.is_terminal or total == 1
    yield from track(items, "scoring", total, console=console, disable=quiet, transient=True)
