"""Benchmark decoding and reading of clips, and the memory for decoding a shard.

All methods decode the same generated files in one run, with one process per core:
- stage: `decode_shard`, as in `vqathinker decode`, including writing;
- authors: decord in one thread, one frame at a time, PIL's bicubic, normalised floats;
- ffmpeg: `ffmpeg -f null`, which decodes all frames and discards them;
- before, with `--before SRC`: the stage of another checkout with source folder SRC; both checkouts
  run in separate processes.

A training batch has 2 videos, each 4 times unchanged and 4 times perturbed. Reading it from the
store is compared with decoding as the authors do. Peak memory is the sum over all processes.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any, get_args

import decord
import ffmpeg
import numpy as np
import pandas as pd
import torch
from PIL import Image
from sample_videos import VIDEOS, X264, encode_video
from stage import decode_to_shard, resident_mib, stage_command

from vqathinker.choices import PerturbationKind
from vqathinker.params import PerturbationParams
from vqathinker.video.ffmpeg import ffmpeg_binary
from vqathinker.video.perturb import KINDS, draw_perturbation
from vqathinker.video.probe import probe
from vqathinker.video.sampling import frame_indices
from vqathinker.video.store import ClipStore

SETTING, FRAMES, SIZE = "6x448", 6, 448
MEAN = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
DEVIATION = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
GROUP = 4
PERTURBATIONS = PerturbationParams(
    kinds=[*get_args(PerturbationKind)], draws=1, window=4, jitter=1, duplicate_max=3, drop_max=3
)
CORES = len(os.sched_getaffinity(0))

TARGETS = {"1080p h264, groups of 250", "1080p h264, groups of 30"}


def main() -> None:
    """Time every file and write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--repeats", type=int, default=3, help="timings; the best one counts")
    parser.add_argument("--quick", action="store_true", help="use tiny videos, to test the script")
    parser.add_argument("--before", type=Path, help="`src` of another checkout to compare with")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        report = measure(Path(name), arguments.quick, arguments.repeats, arguments.before)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def measure(folder: Path, quick: bool, repeats: int, before: Path | None) -> dict[str, Any]:
    """Run all benchmarks and return the report."""
    seconds: dict[str, Any] = {}
    clips = CORES * (1 if quick else 2)
    files = {name: encode_video(folder, name, quick) for name in VIDEOS}
    for name, file in files.items():
        seconds[name] = time_file(file, clips, folder, repeats)
        if before is not None:
            both = compare_checkouts(file, clips, folder, repeats, before)
            seconds[f"{name}, two checkouts"] = both
        print(name, seconds[name], file=sys.stderr)  # noqa: T201
    seconds["training batch"] = time_batch([files[name] for name in TARGETS], folder, repeats)
    memory = {str(n): peak_memory(folder, n) for n in ((5, 50) if quick else (10, 1000))}
    few, many = memory.values()
    return {
        "what": f"decoding of {clips} clips {SETTING}, {CORES} in parallel; a batch; memory",
        "ratios": {name: ratios_of(row) for name, row in seconds.items()},
        "targets": "1.7 times authors and 0.9 times ffmpeg on 1080p h264; batch 50; memory flat",
        "seconds": seconds,
        "counts": {"clips": clips, "processes": CORES, "shard_clips": list(memory)},
        "peak_memory_mib": memory | {"ratio": many / few},
        "machine": {"processor": platform.machine(), "cores": CORES, "system": platform.system()},
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in ("av", "decord", "pillow", "torch")},
    }  # fmt: skip


def ratios_of(row: dict[str, float]) -> dict[str, float]:
    """Speed relative to each baseline."""
    ours = next(iter(row.values()))
    return {f"times {name}": value / ours for name, value in list(row.items())[1:]}


def time_file(file: Path, clips: int, folder: Path, repeats: int) -> dict[str, float]:
    """Seconds that each method needs for `clips` clips of one file."""
    rows, files = rows_of(file, clips), [file] * clips
    with (
        ProcessPoolExecutor(CORES, get_context("spawn")) as pool,
        ThreadPoolExecutor(CORES) as threads,
    ):
        ways: dict[str, Callable[[], object]] = {
            "stage": lambda: decode_to_shard(rows, folder / "timed.safetensors", SETTING, CORES),
            "authors": lambda: list(pool.map(authors_shape, files)),
            "ffmpeg": lambda: list(threads.map(decode_to_nothing, files)),
        }
        list(pool.map(authors_shape, files))  # imports are not timed
        ways["stage"]()
        return {name: min(repeats_s) for name, repeats_s in time_in_turn(ways, repeats).items()}


def compare_checkouts(
    file: Path, clips: int, folder: Path, repeats: int, before: Path
) -> dict[str, float]:
    """Seconds of this checkout and another one, alternating, in separate processes."""
    rows = folder / "rows.parquet"
    rows_of(file, clips).to_parquet(rows)
    command = stage_command(rows, folder / "stage.safetensors", SETTING, CORES, times=2)
    sources = {"stage": os.environ.get("PYTHONPATH", ""), "before": str(before)}
    seconds: dict[str, list[float]] = {name: [] for name in sources}
    for _ in range(repeats):
        for name, source in sources.items():
            environment = os.environ | {"PYTHONPATH": source}
            done = subprocess.run(
                command, env=environment, stdout=subprocess.PIPE, text=True, check=True
            )
            seconds[name].append(float(done.stdout))
    return {name: min(values) for name, values in seconds.items()}


def rows_of(file: Path, clips: int) -> pd.DataFrame:
    """Manifest rows for `clips` videos that are all the same file."""
    names, frames = [str(n) for n in range(clips)], probe(file).frames
    return pd.DataFrame({"video": names, "file": str(file), "frames": frames, "status": "ok"})


def time_in_turn(ways: dict[str, Callable[[], object]], repeats: int) -> dict[str, list[float]]:
    """Seconds of all repeats; the methods alternate, so that load affects all of them."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def decode_as_authors(file: Path) -> torch.Tensor:
    """Normalised frames (T,3,S,S) float32, as in the authors' loader."""
    video = decord.VideoReader(str(file), num_threads=1)
    frames = []
    for index in frame_indices(len(video), FRAMES):
        picture = Image.fromarray(video[index].asnumpy()).convert("RGB")
        small = np.array(picture.resize((SIZE, SIZE), Image.Resampling.BICUBIC))
        frames.append(normalised(torch.from_numpy(small).permute(2, 0, 1)))
    return torch.stack(frames)


def authors_shape(file: Path) -> tuple[int, ...]:
    """Decode in a worker process, without sending frames back."""
    torch.set_num_threads(1)
    return tuple(decode_as_authors(file).shape)


def normalised(frames: torch.Tensor) -> torch.Tensor:
    """Normalise (…,3,S,S) uint8 for the policy."""
    return frames.float().div(255).sub(MEAN).div(DEVIATION)


def decode_to_nothing(file: Path) -> None:
    """Decode every frame with ffmpeg and discard it."""
    quiet = ("-loglevel", "error", "-nostdin")
    command = [ffmpeg_binary(), *quiet, "-i", str(file), "-f", "null", "-"]
    subprocess.run(command, check=True)


def time_batch(files: Sequence[Path], folder: Path, repeats: int) -> dict[str, float]:
    """Seconds to read the frames of a batch from the store and to decode them, in one process."""
    rows = pd.DataFrame(
        [{"video": file.name, "file": str(file), "frames": probe(file).frames, "status": "ok"}
         for file in files]
    )  # fmt: skip
    decode_to_shard(rows, folder / "batch.safetensors", SETTING, 1)
    store = ClipStore([folder / "batch.safetensors"])
    ways: dict[str, Callable[[], object]] = {
        "store": lambda: read_batch(store),
        "authors": lambda: [decode_as_authors(file) for file in files for _ in range(2 * GROUP)],
    }
    return {name: min(repeats_s) for name, repeats_s in time_in_turn(ways, repeats).items()}


def read_batch(store: ClipStore) -> list[torch.Tensor]:
    """Frames of every rollout; the second half of each group is perturbed."""
    generator, batch = np.random.default_rng(0), []
    for video in store.ids:
        batch += [normalised(store.frames(video)) for _ in range(GROUP)]
        for _ in range(GROUP):
            how = draw_perturbation(FRAMES, generator, KINDS, PERTURBATIONS)
            frames = normalised(store.frames(video)[list(how.indices)])
            frames[list(how.blank)] = 0
            batch.append(frames)
    return batch


def peak_memory(folder: Path, clips: int) -> float:
    """Peak memory in MiB of all processes while a shard of `clips` small clips is decoded."""
    small = folder / "small.mp4"
    if not small.exists():
        source = ffmpeg.input("testsrc2=size=192x144:rate=20:duration=1", f="lavfi")
        command = source.output(str(small), **X264).global_args("-loglevel", "error", "-nostdin")
        command.run(cmd=ffmpeg_binary())
    rows, out = folder / f"{clips}.parquet", folder / f"{clips}.safetensors"
    pd.DataFrame(
        {"video": [str(n) for n in range(clips)], "file": str(small), "frames": 20, "status": "ok"}
    ).to_parquet(rows)
    command_line = stage_command(rows, out, "6x112", 1, times=1)
    peak = 0.0
    with subprocess.Popen(command_line, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            peak = max(peak, resident_mib(process.pid))
            time.sleep(0.02)
    if process.returncode:
        raise RuntimeError(f"decoding {clips} clips failed")
    return round(peak, 1)


if __name__ == "__main__":
    main()
