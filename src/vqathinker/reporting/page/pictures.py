"""Thumbnails in the page or beside it, and the clips that are shown as pictures."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from vqathinker.reporting.page.clips import Benchmark
from vqathinker.reporting.page.embed import base64_text
from vqathinker.video.thumbnails import Thumbnails, webp

__all__ = ["Pick", "Sheets", "picks_of", "sheets_of"]

_IN_THE_PAGE = 2_000_000  # bytes of all sheets together; above, they stay beside it
_EACH = 3
_QUALITY = 60


class Sheets(NamedTuple):
    """The thumbnails as the page's script reads them.

    `of` maps a benchmark to frames, px, rows, the place of each clip (None without one), and its
    sheets: names of blocks of `inside`, or addresses of files.
    """

    of: dict[str, dict[str, Any]]
    inside: dict[str, str]
    beside: bool


def sheets_of(
    thumbnails: Mapping[str, Thumbnails], benchmarks: Sequence[Benchmark], page: Path
) -> Sheets:
    """Where the script finds the frames of every clip; `page` is where the page will lie."""
    size = sum(
        (one.folder / name).stat().st_size for one in thumbnails.values() for name in one.sheets
    )
    beside = size > _IN_THE_PAGE
    found = Sheets({}, {}, beside)
    for number, benchmark in enumerate(benchmarks):
        one = thumbnails.get(benchmark.name)
        if one is None:
            continue
        places = {video: place for place, video in enumerate(one.videos)}
        names = [f"sheet-{number}-{sheet}" for sheet in range(len(one.sheets))]
        if beside:
            folder = Path(os.path.relpath(one.folder, page.parent)).as_posix()
            names = [f"{folder}/{sheet}" for sheet in one.sheets]
        else:
            for name, sheet in zip(names, one.sheets, strict=True):
                found.inside[name] = base64_text((one.folder / sheet).read_bytes())
        found.of[benchmark.name] = {
            "frames": one.frames, "px": one.px, "rows": one.rows, "sheets": names,
            "place": [places.get(video) for video in benchmark.columns["video"]],
        }  # fmt: skip
    return found


class Pick(NamedTuple):
    """A clip worth a look: `picture` is its frames in base64, WebP of `width` x `height`."""

    benchmark: str
    row: int
    video: str
    score: float
    target: float | None
    said: str
    picture: str | None
    width: int
    height: int


def picks_of(
    run: str, benchmarks: Sequence[Benchmark], thumbnails: Mapping[str, Thumbnails]
) -> dict[str, list[Pick]]:
    """By heading the clips that a run rates best and worst, and those it is most wrong about."""
    known = [
        (score, target, benchmark, row)
        for benchmark in benchmarks
        for row, (score, target) in enumerate(
            zip(benchmark.columns["scores"].get(run, []), benchmark.columns["target"], strict=False)
        )
        if score is not None
    ]
    judged = [one for one in known if one[1] is not None]
    by_score = sorted(known, key=lambda one: one[0])
    by_error = sorted(judged, key=lambda one: one[0] - one[1])
    headings = {
        "Rated best": by_score[::-1][:_EACH],
        "Rated worst": by_score[:_EACH],
        "Most overrated": [one for one in by_error[::-1][:_EACH] if one[0] > one[1]],
        "Most underrated": [one for one in by_error[:_EACH] if one[0] < one[1]],
    }
    return {
        heading: list(_drawn(run, picked, thumbnails))
        for heading, picked in headings.items()
        if picked
    }


def _drawn(run: str, picked: Sequence[Any], thumbnails: Mapping[str, Thumbnails]) -> Iterator[Pick]:
    for score, target, benchmark, row in picked:
        video = benchmark.columns["video"][row]
        said = benchmark.texts["completion"][run][row] or ""
        one = thumbnails.get(benchmark.name)
        strip = one.strip(video) if one else None
        picture = None if strip is None else base64_text(webp(strip, _QUALITY))
        size = (0, 0) if strip is None else strip.size
        yield Pick(benchmark.name, row, video, score, target, said, picture, *size)
