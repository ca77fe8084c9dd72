"""The demo's videos: real files of known degradation, made by ffmpeg, with a MOS that is computed.

Nobody has looked at these clips. A clip's MOS follows from the strength of its one degradation
through a fixed monotone curve, plus small seeded noise that stands for observers who disagree.
Contents are procedural sources of ffmpeg and photographs that scikit-image ships; degradations are
real encoders and filters. The same parameters and the same ffmpeg give the same bytes.
"""

import csv
import math
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import ffmpeg
import numpy as np
from tqdm import tqdm

from vqathinker.datasets.made.contents import Content, contents, undistorted
from vqathinker.datasets.made.degradations import DEGRADATIONS
from vqathinker.params import DataParams, DemoDataParams
from vqathinker.video.ffmpeg import ffmpeg_binary

__all__ = ["make_set", "mos_from_strength"]

_CONTAINERS = {"x264": "mp4", "x265": "mkv", "vp9": "webm"}
_STEEPNESS = 4.0
_GOLDEN = (5**0.5 - 1) / 2  # multiples of it, modulo 1, fill 0..1 evenly


@dataclass(frozen=True)
class Clip:
    """One clip to make: what is seen, how it is degraded, and the file it ends in."""

    video: str
    content: str
    kind: str
    strength: float
    mos: float


def mos_from_strength(strength: float, noise: float = 0.0) -> float:
    """MOS in 1..5 of a degradation of `strength` in 0..1: a logistic curve, plus `noise`, clipped.

    >>> mos_from_strength(0.0), mos_from_strength(0.5), mos_from_strength(1.0)
    (5.0, 3.0, 1.0)
    """
    low, high = (1 / (1 + math.exp(-_STEEPNESS * (s - 0.5))) for s in (0.0, 1.0))
    share = (1 / (1 + math.exp(-_STEEPNESS * (strength - 0.5))) - low) / (high - low)
    return round(min(5.0, max(1.0, 5.0 - 4.0 * share + noise)), 4)


def make_set(name: str, params: DataParams, out: Path) -> list[Path]:
    """Make the set `name` in `out`: videos/, labels.csv, degradations.csv; the files, sorted.

    Every content has one version of each kind, with a strength from 0 to 1. `damaged` videos of
    the set are cut off after they are made, so that no player can open them; their label stays.

    Raises:
        ValueError: the parameters do not say how this set is made.
        RuntimeError: ffmpeg failed; the message holds what it said.
    """
    how = params.demo
    if how is None or name not in how.sets:
        raise ValueError(f"data.demo.sets has no row {name!r}; add one that says how it is made")
    row = how.sets[name]
    kinds = how.unseen_kinds if row.kinds == "unseen" else how.kinds
    videos, pictures = out / "videos", out / "pictures"
    for folder in (videos, pictures):
        folder.mkdir(parents=True)
    count = params.counts[name]
    number = math.ceil(count / how.versions)
    shown = list(contents(name, number, row.contents == "unseen", how.seed, pictures))
    clips = list(_clips(shown, kinds, how))[:count]
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        jobs = [
            pool.submit(_write_versions, content, of_content, videos)
            for content in shown
            if (of_content := [clip for clip in clips if clip.content == content.name])
        ]
        for job in tqdm(as_completed(jobs), desc=name, total=len(jobs), disable=None):
            job.result()
    for clip in [c for c in clips if c.video.endswith(".mp4")][: row.damaged]:
        path = videos / clip.video
        path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    _write_csv(out / "labels.csv", clips, ("video", "mos"))
    _write_csv(out / "degradations.csv", clips, ("video", "content", "kind", "strength"))
    return sorted(path for path in out.rglob("*") if path.is_file())


def _clips(shown: Sequence[Content], kinds: Sequence[str], how: DemoDataParams) -> Iterator[Clip]:
    """Versions of each content. Strengths of a kind are spread evenly over its contents."""
    starts = np.random.default_rng([how.seed, len(shown)]).random(how.versions)
    for i, content in enumerate(shown):
        rng = np.random.default_rng([content.seed, how.seed])
        for version in range(how.versions):
            kind = kinds[(i + version) % len(kinds)]
            turn = (i + version) % how.versions
            strength = round(float(starts[turn] + i * _GOLDEN) % 1, 4)
            container = _CONTAINERS.get(kind, ("mp4", "mkv")[version % 2])
            mos = mos_from_strength(strength, rng.normal(0, how.observer_noise))
            video = f"{content.name}_v{version}.{container}"
            yield Clip(video, content.name, kind, strength, mos)


def _write_versions(content: Content, clips: Sequence[Clip], videos: Path) -> None:
    """All degraded versions of one content in one ffmpeg process, each through its own encoder."""
    branches = undistorted(content).filter_multi_output("split", len(clips))
    outputs = []
    for i, clip in enumerate(clips):
        stream, codec = DEGRADATIONS[clip.kind](branches[i], content, clip.strength)
        exact = {"fflags": "+bitexact", "flags:v": "+bitexact", "map_metadata": -1}
        outputs.append(
            ffmpeg.output(
                stream,
                str(videos / clip.video),
                pix_fmt="yuv420p",
                threads=1,
                t=content.seconds,
                **exact,
                **codec,
            )
        )
    command = ffmpeg.merge_outputs(*outputs).global_args(
        "-hide_banner", "-loglevel", "error", "-nostdin", "-filter_complex_threads", "1"
    )
    try:
        command.run(cmd=ffmpeg_binary(), capture_stderr=True, overwrite_output=True)
    except ffmpeg.Error as error:
        said = error.stderr.decode(errors="replace").strip()[-400:]
        raise RuntimeError(
            f"ffmpeg could not make {content.name} from {content.source}: {said}; expected a build "
            f"with libx264, libx265 and libvpx-vp9: see `{ffmpeg_binary()} -encoders`"
        ) from error


def _write_csv(path: Path, clips: Sequence[Clip], columns: Sequence[str]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([getattr(clip, column) for column in columns] for clip in clips)
