"""Stored frames of videos: decode them, perturb them, draw thumbnails.

Manifests are read without their labels.
"""

from pathlib import Path
from typing import Annotated

import typer

from vqathinker.cli.options import (
    DEFAULT_PARAMS,
    Clips,
    ManifestFile,
    OutDir,
    OutFile,
    ParamsFile,
    folder_option,
)
from vqathinker.products import MANIFEST, SOURCE

Setting = Annotated[str, typer.Option(help="Frames x size in pixels, for example 6x448.")]


def decode(
    manifest: ManifestFile,
    source: Annotated[Path, folder_option(SOURCE)],
    setting: Setting,
    shard: Annotated[int, typer.Option(min=0, help="Which shard of the set, from 0.")],
    out: OutFile,
    params: ParamsFile = DEFAULT_PARAMS,
    workers: Annotated[int, typer.Option(min=1, help="Videos decoded at a time.")] = 1,
) -> None:
    """Decode one shard of a set's videos into lossless frames; resumes after a kill.

    Example: vqathinker decode --manifest data/demo_content/manifest.parquet --source
    data/demo_content/source --setting 12x560 --shard 0 --out my-clips.safetensors
    """
    from vqathinker.params import DecodeParams, load_section
    from vqathinker.video.workers import Limits, raise_soft_memory_limits

    clips = load_section(params, DecodeParams)
    raise_soft_memory_limits(clips.memory_mb)  # before pandas, which hangs if it gets too little

    from vqathinker.parquet import read_columns
    from vqathinker.video.sampling import parse_setting
    from vqathinker.video.shard import decode_shard, shard_rows

    table = read_columns(manifest, ["video", "file", "frames", "status"], MANIFEST)
    rows = shard_rows(table, shard, clips.shard_size)
    limits = Limits(clips.timeout_s, clips.memory_mb)
    failures = decode_shard(rows, source, setting, out, limits, clips.reader, workers)
    typer.echo(f"{out}: {len(rows)} videos, {len(failures)} of them could not be decoded")
    for video, failure in failures.items():
        typer.echo(f"  {video}: {failure.status}, {failure.reason}", err=True)
    wanted = parse_setting(setting).frames
    short = rows[(rows["status"] == "ok") & (rows["frames"] < wanted)]
    for video, frames in zip(short["video"], short["frames"], strict=True):
        typer.echo(f"  {video}: {frames} frames for {wanted}: some are repeated", err=True)


def perturb(
    manifest: ManifestFile, setting: Setting, out: OutFile, params: ParamsFile = DEFAULT_PARAMS
) -> None:
    """Draw temporal perturbations for every training video: lists of frame indices, no pixels.

    Example: vqathinker perturb --manifest data/demo_train/manifest.parquet --setting 6x112 --out
    my-perturbations.parquet
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
    write_perturbations(table, out, provenance)
    typer.echo(f"{out}: {perturbations.draws} perturbations of each of {len(videos)} videos")


def thumbnails(clips: Clips, out_dir: OutDir) -> None:
    """Draw a thumbnail of every frame of clips, for the report; name the folder as the benchmark.

    Example: vqathinker thumbnails --clips clips/demo_content/6x112/0000.safetensors
    --out-dir results/demo/thumbnails/demo_content
    """
    from vqathinker.video.thumbnails import write_thumbnails

    drawn = write_thumbnails(clips, out_dir)
    typer.echo(f"{out_dir}: thumbnails of {drawn} clips")
