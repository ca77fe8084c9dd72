"""`vqathinker score`: your own clips."""

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
from vqathinker.choices import Device, ScoreKind
from vqathinker.cli.options import NEW_FILE
from vqathinker.scoring.clips import (
    SUFFIXES,
    Skipped,
    find_clips,
    read_list,
    shown_name,
    written_name,
)
from vqathinker.scoring.results import (
    ClipScore,
    Format,
    as_csv,
    as_json,
    as_row,
    show_parts,
    show_scores,
)

T = TypeVar("T")
_NAMED = 20  # skipped files that are named for each reason; JSON lists all
_WIDTH = 120  # columns of a table in a file


class ClipsFailedError(Exception):
    """Some clips could not be read; the others have their scores."""


def score(
    clips: Annotated[
        list[str],
        typer.Argument(
            metavar="CLIP…",
            help="Files, folders, patterns, http(s) addresses; - for a list on standard input.",
        ),
    ],
    *,
    policy: Annotated[
        str | None,
        typer.Option(
            metavar="DIR|NAME|HUB",
            help="A policy's folder, a run of this project, authors, or owner/name on the hub; by "
            "default the policy that `make demo` trains.",
        ),
    ] = None,
    method: Annotated[
        ScoreKind | None,
        typer.Option(
            "--score",
            help="The likeliest answer; the mean of drawn ones, with its 95 % interval; the "
            "expectation over all answers. By default the kind in the policy's tables.",
        ),
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="Format of the results.")] = "table",
    output: Annotated[
        Path | None,
        typer.Option(**NEW_FILE, help="File for the results; the same command resumes a kill."),
    ] = None,
    null: Annotated[
        bool,
        typer.Option("-0", "--null", help="Names in the list end in NUL, as of find -print0."),
    ] = False,
    frames: Annotated[
        int | None, typer.Option(min=1, help="Frames to look at; by default as in training.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the drawn answers.")] = 0,
    device: Annotated[
        Device, typer.Option(help="Where to compute; auto is the GPU if there is one.")
    ] = "auto",
    compare: Annotated[
        bool, typer.Option("--compare", help="Say which of two clips is better, and how surely.")
    ] = False,
    where: Annotated[
        bool, typer.Option("--where", help="Score each part of one long clip, over time.")
    ] = False,
    window: Annotated[
        float | None,
        typer.Option(min=0.1, help="Seconds of a part; by default as long as training clips."),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(**NEW_FILE, help="PNG or SVG file to draw the scores of --where into."),
    ] = None,
) -> None:
    """Score your own clips: how good does each look, and why.

    Example: vqathinker score my.mp4

    Example: vqathinker score clips/ --format csv --output scores.csv

    Example: vqathinker score a.mp4 b.mp4 --compare

    Example: vqathinker score film.mkv --where --plot film.svg
    """
    listed = read_list(typer.get_binary_stream("stdin").read(), null=null) if "-" in clips else ()
    found = find_clips(clips, listed)
    named = found.clips
    _require_fitting_options(named, form, output, plot, compare=compare, where=where)
    if plot is not None:  # before any clip is scored: matplotlib and pandas may be missing
        from vqathinker.reporting.figures import draw_over_time
    _print_skipped(found.skipped)
    from vqathinker.scoring import batch
    from vqathinker.scoring.load import load_policy

    loaded = load_policy(policy, device)
    typer.echo(f"{loaded}\n{loaded.trained_on.about}\n{loaded.describe_method(method)}", err=True)
    method = method or loaded.method
    about = loaded.about() | {
        "method": method, "frames": loaded.shape(frames).frames, "seed": seed,
    }  # fmt: skip
    skipped = [{"file": written_name(one.path), "reason": one.reason} for one in found.skipped]
    write = partial(_write, form, output, about, skipped=skipped)
    how = (method, frames, seed)
    if compare:
        pair = batch.compare(loaded, named[0], named[1], *how)
        better = written_name(pair.better.file) if pair.better else None
        share = None if pair.first_better is None else round(pair.first_better, 4)
        write(
            [as_row(pair.first), as_row(pair.second)],
            lambda console: show_scores([pair.first, pair.second], console, str(pair)),
            comparison={"first_better": share, "better": better},
        )
    elif where:
        with batch.local_copy(named[0]) as path:
            parts = [
                part._replace(result=replace(part.result, file=named[0]))
                for part in _progress(batch.score_over_time(loaded, path, *how, window), None)
            ]
        rows = [as_row(part.result, start_s=part.start_s, end_s=part.end_s) for part in parts]
        write(rows, partial(show_parts, parts))
        if plot is not None:
            scores = [(part.start_s, part.end_s, part.result.score) for part in parts]
            draw_over_time(scores, shown_name(named[0]), plot)
            typer.echo(f"{plot.with_suffix('.png')}: scores over time; also as .svg", err=True)
    else:
        with batch.journal_of(output, loaded, *how) if output else nullcontext() as journal:
            scored = batch.score_clips(loaded, named, *how, journal)
            results = list(_progress(scored, len(named)))
            write([as_row(result) for result in results], partial(show_scores, results))
            if journal is not None:
                journal.remove()
        _report_missing_scores(results)


def _require_fitting_options(
    clips: Sequence[str], form: Format, output: Path | None, plot: Path | None, *,
    compare: bool, where: bool,
) -> None:  # fmt: skip
    if compare and where:
        raise typer.BadParameter("--compare and --where: expected one of them")
    wanted = 2 if compare else 1 if where else len(clips)
    if len(clips) != wanted:
        option = "--compare" if compare else "--where"
        raise typer.BadParameter(f"{option}: {len(clips)} clips, expected {wanted}")
    if compare and form == "csv":
        raise typer.BadParameter("--format csv: expected table or json with --compare")
    if plot is not None and (not where or plot.suffix not in {".png", ".svg"}):
        raise typer.BadParameter(f"{plot}: expected a .png or .svg with --where")
    if output is not None and output.suffix.lower() in SUFFIXES:  # as in `--output *.mp4`
        raise typer.BadParameter(f"--output {output}: is a video; expected a file for the results")


def _print_skipped(skipped: Sequence[Skipped]) -> None:
    by_reason: dict[str, list[str]] = {}
    for one in skipped:
        by_reason.setdefault(one.reason, []).append(shown_name(one.path))
    for reason, paths in by_reason.items():
        more = len(paths) - _NAMED
        names = ", ".join(paths[:_NAMED]) + (f" and {more} more" if more > 0 else "")
        typer.echo(f"skipped {len(paths)}: {reason}: {names}", err=True)


def _write(
    form: Format, output: Path | None, about: dict[str, Any], rows: Sequence[dict[str, Any]],
    show: Callable[[Console], None], **more: Any,
) -> None:  # fmt: skip
    """Write results to the file or to standard output; `show` prints them as a table."""
    text = io.StringIO()
    if form == "table":
        show(Console(file=text, width=_WIDTH) if output else Console())
    else:
        text.write(as_csv(rows) if form == "csv" else as_json(about, rows, **more))
    if output is None:
        typer.echo(text.getvalue(), nl=False)
        return
    with whole_file(output) as part:
        part.write_text(text.getvalue(), encoding="utf-8")
    typer.echo(f"{output}: {len(rows)} results", err=True)


def _report_missing_scores(results: Sequence[ClipScore]) -> None:
    for result in results:
        if result.failure is None and result.score is None:
            status = f"the policy's answer is no score ({result.answer_status})"
            typer.echo(f"{shown_name(result.file)}: {status}", err=True)
    if failed := [result for result in results if result.failure is not None]:
        first = shown_name(f"{failed[0].file}: {failed[0].failure}")
        count = f"{len(failed)} of {len(results)} clips could not be scored, the first is "
        raise ClipsFailedError(
            f"{count if len(results) > 1 else ''}{first}; check the file, or leave it out"
        )


def _progress(items: Iterable[T], total: int | None) -> Iterator[T]:
    """The items, with a progress bar if several are scored on a terminal."""
    console = Console(stderr=True)
    quiet = not console.is_terminal or total == 1
    yield from track(items, "scoring", total, console=console, disable=quiet, transient=True)
