"""Commands of the phase `clips`: stored frames, and perturbations drawn for them.

Of a manifest they read just the columns they need: no label, and nothing of the code that makes
manifests, so that a change there does not decode every video again.
"""

from pathlib import Path
from typing import Annotated

import typer

from vqathinker.cli.options import DEFAULT_PARAMS, ManifestFile, OutFile, ParamsFile
from vqathinker.params import ClipsParams, load_section, load_seed

__all__ = ["decode", "perturb"]

Setting = Annotated[str, typer.Option(help="Frames x size in pixels, for example 6x448.")]


def decode(
    manifest: ManifestFile,
    source: Annotated[Path, typer.Option(exists=True, help="The folder that `fetch` wrote.")],
    setting: Setting,
    shard: Annotated[int, typer.Option(min=0, help="Which shard of the set, from 0.")],
    out: OutFile,
    params: ParamsFile = DEFAULT_PARAMS,
) -> None:
    """Decode one shard of a set's videos, once, into lossless frames."""
    import pandas as pd

    from vqathinker.video.decode import decode_shard, shard_rows

    clips = load_section(params, ClipsParams)
    table = pd.read_parquet(manifest, columns=["video", "file", "frames", "status"])
    rows = shard_rows(table, shard, clips.shard_size)
    failures = decode_shard(rows, source, setting, out, clips.timeout_s)
    typer.echo(f"{out}: {len(rows)} videos, {len(failures)} of them could not be decoded")


def perturb(
    manifest: ManifestFile, setting: Setting, out: OutFile, params: ParamsFile = DEFAULT_PARAMS
) -> None:
    """Draw temporal perturbations for every training video: lists of frame indices, no pixels."""
    import pandas as pd

    from vqathinker.video.perturb import draw_table, write_table
    from vqathinker.video.sampling import parse_setting

    how, seed = load_section(params, ClipsParams).perturbations, load_seed(params)
    rows = pd.read_parquet(manifest, columns=["video", "status"])
    videos = rows.loc[rows["status"] == "ok", "video"]
    table = draw_table(videos, parse_setting(setting).frames, seed, how)
    write_table(table, out, {"setting": setting, "seed": seed, **how.model_dump()})
    typer.echo(f"{out}: {how.draws} perturbations of each of {len(videos)} videos")
