"""Generate the demo's videos with ffmpeg: known degradations and a computed MOS.

No person has judged these clips. The MOS of a clip is a monotone function of the strength of its
single degradation, plus small seeded noise that imitates disagreeing observers. Contents are
ffmpeg's procedural sources, photographs from scikit-image and drawn images. ffmpeg is pinned, so
the same parameters give the same bytes.
"""

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import ffmpeg
import numpy as np
import pandas as pd
from tqdm import tqdm

from vqathinker.datasets.synthetic.contents import Content, make_contents, reference_stream
from vqathinker.datasets.synthetic.degradations import DEGRADATIONS
from vqathinker.errors import InputError
from vqathinker.params import DemoDataParams, SetParams
from vqathinker.video.ffmpeg import configured_ffmpeg, ffmpeg_binary

_CONTAINER_OF_KIND = {"x264": "mp4", "x265": "mkv", "vp9": "webm"}
_TABLES = {
    "labels.csv": ["video", "mos"],
    "degradations.csv": ["video", "content", "kind", "strength"],
}
_MOS_STEEPNESS = 4.0
_GOLDEN_RATIO = (5**0.5 - 1) / 2  # its multiples modulo 1 are spread evenly over 0..1


@dataclass(frozen=True)
class DemoVideo:
    """One video to generate: file name, content, degradation and label."""

    video: str
    content: str
    kind: str
    strength: float
    mos: float


def mos_from_strength(strength: float, noise: float = 0.0) -> float:
    """Logistic MOS in 1..5 for a degradation of `strength` in 0..1, plus `noise`, clipped.

    >>> mos_from_strength(0.0), mos_from_strength(0.5), mos_from_strength(1.0)
    (5.0, 3.0, 1.0)
    """
    low, high = (1 / (1 + math.exp(-_MOS_STEEPNESS * (s - 0.5))) for s in (0.0, 1.0))
    share = (1 / (1 + math.exp(-_MOS_STEEPNESS * (strength - 0.5))) - low) / (high - low)
    return round(min(5.0, max(1.0, 5.0 - 4.0 * share + noise)), 4)


def make_set(name: str, params: SetParams, out: Path, workers: int = 1) -> list[Path]:
    """Generate the set `name` in `out`: videos/, labels.csv, degradations.csv; return its files.

    Each content is encoded in several versions, with strengths from 0 to 1. The `damaged` first mp4
    files are truncated so that no player can open them; they keep their labels.

    Raises:
        InputError: the parameters do not define the set, or ffmpeg fails.
    """
    demo = params.demo
    if demo is None or name not in demo.sets:
        raise InputError(f"params.yaml: data.demo.sets has no row {name!r}; add one")
    row = demo.sets[name]
    program = ffmpeg_binary() if demo.ffmpeg is None else configured_ffmpeg(demo.ffmpeg)
    kinds = demo.unseen_kinds if row.kinds == "unseen" else demo.kinds
    videos_folder, pictures_folder = out / "videos", out / "pictures"
    for folder in (videos_folder, pictures_folder):
        folder.mkdir(parents=True)
    count = params.counts[name]
    number = math.ceil(count / demo.versions)
    unseen = row.contents == "unseen"
    contents = list(make_contents(name, number, unseen, demo.seed, pictures_folder))
    videos = list(_plan_videos(contents, kinds, demo))[:count]
    with ThreadPoolExecutor(workers) as pool:
        jobs = [
            pool.submit(_encode_versions, program, content, versions, videos_folder)
            for content in contents
            if (versions := [video for video in videos if video.content == content.name])
        ]
        for job in tqdm(as_completed(jobs), desc=name, total=len(jobs), disable=None):
            job.result()
    # The index of an mp4 is at its end. No player can open the file without it.
    mp4_files = [videos_folder / v.video for v in videos if v.video.endswith(".mp4")]
    for path in mp4_files[: row.damaged]:
        path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    table = pd.DataFrame(videos)
    for file, columns in _TABLES.items():
        table[columns].to_csv(out / file, index=False, lineterminator="\n")
    return sorted(path for path in out.rglob("*") if path.is_file())


def _plan_videos(
    contents: Sequence[Content], kinds: Sequence[str], demo: DemoDataParams
) -> Iterator[DemoVideo]:
    """Plan the versions of each content; strengths of a kind are spread evenly over contents."""
    first_strengths = np.random.default_rng([demo.seed, len(contents)]).random(demo.versions)
    for i, content in enumerate(contents):
        rng = np.random.default_rng([content.seed, demo.seed])
        for version in range(demo.versions):
            kind = kinds[(i + version) % len(kinds)]
            # If there is one version per kind, `turn` is constant for a kind, so that its strengths
            # are spread evenly.
            turn = (i + version) % demo.versions
            strength = round(float(first_strengths[turn] + i * _GOLDEN_RATIO) % 1, 4)
            container = _CONTAINER_OF_KIND.get(kind, ("mp4", "mkv")[version % 2])
            mos = mos_from_strength(strength, rng.normal(0, demo.observer_noise))
            video = f"{content.name}_v{version}.{container}"
            yield DemoVideo(video, content.name, kind, strength, mos)


def _encode_versions(
    program: str, content: Content, versions: Sequence[DemoVideo], videos_folder: Path
) -> None:
    """Encode all degraded versions of one content in one ffmpeg process."""
    branches = reference_stream(content).filter_multi_output("split", len(versions))
    outputs = []
    for i, version in enumerate(versions):
        stream, codec = DEGRADATIONS[version.kind](branches[i], content, version.strength)
        bitexact = {"fflags": "+bitexact", "flags:v": "+bitexact", "map_metadata": -1}
        outputs.append(
            ffmpeg.output(
                stream,
                str(videos_folder / version.video),
                pix_fmt="yuv420p",
                threads=1,
                t=content.seconds,
                **bitexact,
                **codec,
            )
        )
    command = ffmpeg.merge_outputs(*outputs).global_args(
        "-hide_banner", "-loglevel", "error", "-nostdin", "-filter_complex_threads", "1"
    )
    try:
        command.run(cmd=program, capture_stderr=True, overwrite_output=True)
    except ffmpeg.Error as error:
        stderr = error.stderr.decode(errors="replace").strip()[-400:]
        raise InputError(
            f"{program} could not encode {content.name} from {content.source}: {stderr}; check "
            "data.demo.ffmpeg in params.yaml"
        ) from error
