"""The command `score`: somebody's own clips, with a policy that is there."""

import io
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.progress import track
from rich.text import Text

from vqathinker.atomic import whole_file
from vqathinker.choices import Device, ScoreKind
from vqathinker.cli.paths import file_to_write, require_writable
from vqathinker.errors import InputError
from vqathinker.scoring.clips import Skipped, find_clips, read_list, shown_name, written_name
from vqathinker.scoring.results import (
    Format,
    Row,
    as_csv,
    as_json,
    as_row,
    show_parts,
    show_scores,
)

if TYPE_CHECKING:
    from vqathinker.scoring.loaded import LoadedPolicy

__all__ = ["score"]

T = TypeVar("T")
_NAMED = 20  # files that are skipped for one reason; JSON has all of them
_WIDTH = 120  # of a table in a file, whatever the terminal


@dataclass(frozen=True)
class _Asked:
    """What a policy is asked, and where what it says goes."""

    policy: "LoadedPolicy"
    method: ScoreKind
    frames: int | None
    seed: int
    form: Format
    output: Path | None
    skipped: tuple[Skipped, ...] = ()

    def about(self) -> dict[str, Any]:
        return {
            **self.policy.about(),
            "method": self.method,
            "frames": self.policy.shape(self.frames).frames,
            "seed": self.seed,
        }

    def write(self, rows: Sequence[Row], show: Callable[[Console], None], **more: Any) -> None:
        """Results in the form that was asked for, to the file or to standard output."""
        if self.form == "table":
            text = io.StringIO()
            console = Console(file=text, width=_WIDTH) if self.output else Console()
            show(console)
            told = text.getvalue()
        else:
            more["skipped"] = [
                {"file": written_name(one.path), "reason": one.reason} for one in self.skipped
            ]
            told = as_csv(rows) if self.form == "csv" else as_json(self.about(), rows, **more)
        if self.output is None:
            typer.echo(told, nl=False)
            return
        with whole_file(self.output) as part:
            part.write_text(told, encoding="utf-8")
        typer.echo(f"{self.output}: {len(rows)} results", err=True)


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
            help="A policy's folder, a run of the project here, authors, or owner/name on the hub; "
            "else the policy that make demo trained.",
        ),
    ] = None,
    method: Annotated[
        ScoreKind | None,
        typer.Option(
            "--score",
            help="The likeliest answer; the mean of drawn ones, with its 95 % interval; the "
            "expectation over all answers. Else the kind that the policy's tables show.",
        ),
    ] = None,
    form: Annotated[
        Format, typer.Option("--format", help="How the results are written down.")
    ] = "table",
    output: Annotated[
        Path | None,
        typer.Option(
            **file_to_write(), help="File for the results; after a kill the same command goes on."
        ),
    ] = None,
    null: Annotated[
        bool,
        typer.Option("-0", "--null", help="A NUL ends each name of the list, as of find -print0."),
    ] = False,
    frames: Annotated[
        int | None,
        typer.Option(min=1, help="Frames to look at, if not as many as in training."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the answers that are drawn.")] = 0,
    device: Annotated[
        Device, typer.Option(help="Where to compute; auto is the GPU where there is one.")
    ] = "auto",
    compare: Annotated[
        bool, typer.Option("--compare", help="Which of two clips is better, and how surely.")
    ] = False,
    where: Annotated[
        bool, typer.Option("--where", help="The score of each part of one long clip, over time.")
    ] = False,
    window: Annotated[
        float | None,
        typer.Option(min=0.1, help="Seconds of a part, if not as long as the training clips."),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(**file_to_write(), help="PNG or SVG file to draw the scores of --where into."),
    ] = None,
) -> None:
    """Score your own clips: how good does each look, and why.

    Example: vqathinker score my.mp4

    Example: vqathinker score clips/ --format csv --output scores.csv

    Example: vqathinker score a.mp4 b.mp4 --compare

    Example: vqathinker score film.mkv --where --plot film.svg
    """
    if null and "-" not in clips:
        raise typer.BadParameter("--null: expected a list on standard input, which - stands for")
    listed = read_list(typer.get_binary_stream("stdin").read(), null=null) if "-" in clips else ()
    found = find_clips(clips, listed)
    named = found.clips
    _require_fit(named, compare=compare, where=where, plot=plot, form=form)
    _require_apart(named, output, plot)
    _say_skipped(found.skipped)
    from vqathinker.scoring.load import find_policy, load_policy

    try:
        folder = find_policy(policy)
    except InputError as error:
        raise typer.BadParameter(str(error)) from None
    loaded = load_policy(folder, device)
    typer.echo(f"{loaded}\n{loaded.trained_on.about}\n{loaded.describe_method(method)}", err=True)
    asked = _Asked(
        loaded, method or loaded.method, frames, seed, form, output, tuple(found.skipped)
    )
    if compare:
        _compare(asked, named)
    elif where:
        _over_time(asked, named[0], window, plot)
    else:
        _score(asked, named)


def _require_fit(
    named: Sequence[str], *, compare: bool, where: bool, plot: Path | None, form: Format
) -> None:
    if compare and where:
        raise typer.BadParameter("--compare and --where: expected one of them")
    for option, wanted, given in (("--compare", 2, compare), ("--where", 1, where)):
        if given and len(named) != wanted:
            raise typer.BadParameter(f"{option}: {len(named)} clips, expected {wanted}")
    if compare and form == "csv":
        raise typer.BadParameter("--format csv: expected table or json with --compare")
    if plot is not None and (not where or plot.suffix not in {".png", ".svg"}):
        raise typer.BadParameter(f"{plot}: expected a .png or .svg with --where")
    if plot is not None:  # both are written
        require_writable(plot.with_suffix(".png"))
        require_writable(plot.with_suffix(".svg"))


def _require_apart(named: Sequence[str], output: Path | None, plot: Path | None) -> None:
    """Results replace no clip, and no other result."""
    written = [] if plot is None else [plot.with_suffix(".png"), plot.with_suffix(".svg")]
    if output is not None:
        if output.absolute() in {path.absolute() for path in written}:
            raise typer.BadParameter(f"--output {output}: --plot writes this file, too")
        written.append(output)
    there = [path for path in written if path.exists()]
    for clip in named:
        for path in there:
            if os.path.exists(clip) and path.samefile(clip):  # noqa: PTH110  or too long a name
                raise typer.BadParameter(f"{path}: is one of the clips; expected another file")


def _say_skipped(skipped: Sequence[Skipped]) -> None:
    """How many files of folders are no clips, by reason, and the names of the first ones."""
    by_reason: dict[str, list[str]] = {}
    for one in skipped:
        by_reason.setdefault(one.reason, []).append(shown_name(one.path))
    for reason, paths in by_reason.items():
        more = len(paths) - _NAMED
        names = ", ".join(paths[:_NAMED]) + (f" and {more} more" if more > 0 else "")
        typer.echo(f"skipped {len(paths)}: {reason}: {names}", err=True)


def _score(asked: _Asked, named: Sequence[str]) -> None:
    from vqathinker.scoring.batch import ClipsFailedError, journal_of, score_clips

    how = (asked.method, asked.frames, asked.seed)
    with ExitStack() as stack:
        journal = None
        if asked.output is not None:
            journal = stack.enter_context(journal_of(asked.output, asked.policy, *how))
        told = score_clips(asked.policy, named, *how, journal)
        results = list(_progress(told, len(named), "scoring"))
        rows = [as_row(result) for result in results]
        asked.write(rows, partial(show_scores, results))
        if journal is not None:
            journal.remove()
    for result in results:
        if result.failure is None and result.score is None:
            said = f"the policy's answer counts as none ({result.answer_status})"
            typer.echo(f"{shown_name(result.file)}: no score: {said}", err=True)
    if failed := [result for result in results if result.failure is not None]:
        raise ClipsFailedError(failed, len(results))


def _compare(asked: _Asked, named: Sequence[str]) -> None:
    from vqathinker.scoring.batch import at_hand, compare

    with at_hand(named[0]) as first, at_hand(named[1]) as second:
        found = compare(asked.policy, first, second, asked.frames, asked.seed, asked.method)
    results = [replace(found.first, file=named[0]), replace(found.second, file=named[1])]
    found = replace(found, first=results[0], second=results[1])
    share = found.first_better

    def show(console: Console) -> None:
        show_scores(results, console)
        console.print(Text(str(found)), soft_wrap=True)

    comparison = {
        "first_better": None if share is None else round(share, 4),
        "better": written_name(found.better.file) if found.better else None,
    }
    asked.write([as_row(result) for result in results], show, comparison=comparison)


def _over_time(asked: _Asked, clip: str, window: float | None, plot: Path | None) -> None:
    from vqathinker.scoring.batch import at_hand, score_over_time

    with at_hand(clip) as path:
        told = score_over_time(
            asked.policy, path, asked.method, asked.frames, asked.seed, window_s=window
        )
        found = [(part.start_s, part.end_s, replace(part.result, file=clip))
                 for part in _progress(told, None, "parts")]  # fmt: skip
    rows = [as_row(result, start_s=start, end_s=end) for start, end, result in found]
    asked.write(rows, partial(show_parts, found))
    if plot is not None:
        from vqathinker.reporting.figures import draw_over_time

        scores = [(start, end, result.score) for start, end, result in found]
        draw_over_time(scores, shown_name(clip), plot)
        typer.echo(f"{plot.with_suffix('.png')}: scores over time; also as .svg", err=True)


def _progress(told: Iterable[T], total: int | None, what: str) -> Iterator[T]:
    """Each of `told`, under a bar with an estimate where somebody looks and there are several."""
    console = Console(stderr=True)
    quiet = not console.is_terminal or total == 1
    yield from track(told, what, total, console=console, disable=quiet, transient=True)
