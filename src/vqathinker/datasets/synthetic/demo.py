"""Generate the demo's videos with ffmpeg: known degradations and a computed MOS.

No person has judged these clips. A clip has up to three degradations, and its MOS is a monotone
function of their strengths, plus small seeded noise that imitates disagreeing observers. ffmpeg is
pinned, so the same parameters give the same bytes.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import ffmpeg
import numpy as np
import pandas as pd
from tqdm import tqdm

from vqathinker.datasets.synthetic.contents import (
    Content,
    draw_picture,
    moving_window,
    plan_contents,
    reference_stream,
)
from vqathinker.datasets.synthetic.degradations import (
    ENCODERS,
    FILTERS,
    SEVERITY,
    light_encoding,
    upscale,
)
from vqathinker.errors import InputError
from vqathinker.params import DemoDataParams, SetParams
from vqathinker.video.ffmpeg import configured_ffmpeg, ffmpeg_binary

_CONTAINERS = ("mp4", "mkv", "mov")
_TEMPORAL = ("freeze", "stutter", "judder", "drop")
_COUNT_SHARES = (0.1, 0.5, 0.27, 0.13)  # of clips with 0, 1, 2 and 3 degradations
_WEAKEST = 0.15  # strength


@dataclass(frozen=True)
class DemoVideo:
    """One video to generate: file name, content, strength by degradation, and label."""

    video: str
    content: str
    strengths: Mapping[str, float]
    seed: int
    mos: float


def mos_from_strengths(strengths: Mapping[str, float], noise: float = 0.0) -> float:
    """MOS in 1..5: each degradation takes a share of the quality; plus `noise`, clipped.

    >>> mos_from_strengths({}), mos_from_strengths({"blur": 0.5}), mos_from_strengths({"blur": 1.0})
    (5.0, 3.0, 1.0)
    """
    quality = math.prod(1 - SEVERITY[kind] * strength for kind, strength in strengths.items())
    return round(min(5.0, max(1.0, 1.0 + 4.0 * quality + noise)), 4)


def make_set(name: str, params: SetParams, out: Path, workers: int = 1) -> list[Path]:
    """Generate the set `name` in `out`: videos/, labels.csv, degradations.csv; return its files.

    Each content is encoded in several versions. degradations.csv has one row per degradation of a
    clip, or one of kind none. The `damaged` first mp4 or mov files are truncated so that no
    player can open them; they keep their labels.

    Raises:
        InputError: the parameters do not define the set, or ffmpeg fails.
    """
    demo = params.demo
    if demo is None or name not in demo.sets:
        raise InputError(f"params.yaml: data.demo.sets has no row {name!r}; add one")
    row = demo.sets[name]
    program = ffmpeg_binary() if demo.ffmpeg is None else configured_ffmpeg(demo.ffmpeg)
    kinds = demo.unseen_kinds if row.kinds == "unseen" else demo.kinds
    videos_folder = out / "videos"
    videos_folder.mkdir(parents=True)
    count = params.counts[name]
    number = math.ceil(count / demo.versions)
    unseen = row.contents == "unseen"
    with TemporaryDirectory() as pictures, ThreadPoolExecutor(workers) as pool:
        contents = list(plan_contents(name, number, unseen, demo.seed, Path(pictures)))
        videos = list(_plan_videos(contents, kinds, demo))[:count]
        jobs = [
            pool.submit(_encode_versions, program, content, versions, videos_folder)
            for content in contents
            if (versions := [video for video in videos if video.content == content.name])
        ]
        for job in tqdm(as_completed(jobs), desc=name, total=len(jobs), disable=None):
            job.result()
    # The index of these files is at their end. No player can open them without it.
    indexed = [videos_folder / v.video for v in videos if v.video.endswith((".mp4", ".mov"))]
    for path in indexed[: row.damaged]:
        path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    _write_tables(videos, out)
    return sorted(path for path in out.rglob("*") if path.is_file())


def _write_tables(videos: Sequence[DemoVideo], out: Path) -> None:
    labels = pd.DataFrame([(v.video, v.mos) for v in videos], columns=["video", "mos"])
    degradations = pd.DataFrame(
        [
            (video.video, video.content, kind, strength)
            for video in videos
            for kind, strength in (video.strengths or {"none": 0.0}).items()
        ],
        columns=["video", "content", "kind", "strength"],
    )
    for file, table in (("labels.csv", labels), ("degradations.csv", degradations)):
        table.to_csv(out / file, index=False, lineterminator="\n")


def _plan_videos(
    contents: Sequence[Content], kinds: Mapping[str, float], demo: DemoDataParams
) -> Iterator[DemoVideo]:
    """Draw the degradations of each version, strongest first."""
    for content in contents:
        for version in range(demo.versions):
            rng = np.random.default_rng([content.seed, demo.seed, version])
            drawn = _draw_kinds(kinds, rng)
            strengths = {kind: round(float(rng.uniform(_WEAKEST, 1)), 4) for kind in drawn}
            ordered = dict(sorted(strengths.items(), key=lambda item: -item[1]))
            yield DemoVideo(
                video=f"{content.name}_v{version}.{rng.choice(_CONTAINERS)}",
                content=content.name,
                strengths=ordered,
                seed=int(rng.integers(2**31)),
                mos=mos_from_strengths(ordered, rng.normal(0, demo.observer_noise)),
            )


def _draw_kinds(kinds: Mapping[str, float], rng: np.random.Generator) -> list[str]:
    """Up to three kinds, at most one temporal one and one encoder."""
    names, shares = list(kinds), np.array(list(kinds.values()))
    number = rng.choice(len(_COUNT_SHARES), p=_COUNT_SHARES)
    order = rng.choice(len(names), len(names), replace=False, p=shares / shares.sum())
    drawn: list[str] = []
    for kind in (names[place] for place in order):
        exclusive = next((group for group in (_TEMPORAL, tuple(ENCODERS)) if kind in group), ())
        if len(drawn) < number and not set(drawn) & set(exclusive):
            drawn.append(kind)
    return drawn


def _encode_versions(
    program: str, content: Content, versions: Sequence[DemoVideo], videos_folder: Path
) -> None:
    """Draw one content and encode its versions.

    Compressed ones are encoded twice: a video platform delivers what it gets in a light encoding.
    """
    draw_picture(content)
    branches = reference_stream(content).filter_multi_output("split", len(versions))
    outputs: list[Any] = []
    deliveries: list[Any] = []
    for i, version in enumerate(versions):
        rng = np.random.default_rng(version.seed)
        stream = moving_window(branches[i], content, rng)
        for kind, degrade in FILTERS.items():
            if kind in version.strengths:
                stream = degrade(stream, content, version.strengths[kind], rng)
        encoder = next((kind for kind in ENCODERS if kind in version.strengths), None)
        steps = outputs
        if encoder:
            compressed = content.picture.with_name(f"{content.name}_v{i}.mkv")
            codec = ENCODERS[encoder](version.strengths[encoder])
            outputs.append(_output(stream, compressed, content, codec))
            stream, steps = ffmpeg.input(str(compressed)).video, deliveries
        if "downscale" in version.strengths:
            stream = upscale(stream, content, rng)
        path = videos_folder / version.video
        steps.append(_output(stream, path, content, light_encoding(rng)))
    for step in filter(None, (outputs, deliveries)):
        _run_ffmpeg(program, content, step)


def _output(stream: Any, path: Path, content: Content, codec: Mapping[str, Any]) -> Any:
    bitexact = {"fflags": "+bitexact", "flags:v": "+bitexact", "map_metadata": -1}
    return ffmpeg.output(
        stream, str(path), pix_fmt="yuv420p", threads=1, t=content.seconds, **bitexact, **codec
    )


def _run_ffmpeg(program: str, content: Content, outputs: Sequence[Any]) -> None:
    command = ffmpeg.merge_outputs(*outputs).global_args(
        "-hide_banner", "-loglevel", "error", "-nostdin", "-filter_complex_threads", "1"
    )
    try:
        command.run(cmd=program, capture_stderr=True, overwrite_output=True)
    except ffmpeg.Error as error:
        stderr = error.stderr.decode(errors="replace").strip()[-400:]
        raise InputError(
            f"{program} could not encode {content.name} from {content.picture}: {stderr}; check "
            "data.demo.ffmpeg in params.yaml"
        ) from error
