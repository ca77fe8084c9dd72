"""The command of the phase `thumbnails`: small pictures of clips, for the report."""

from pathlib import Path
from typing import Annotated

import typer

from vqathinker.cli.options import Clips
from vqathinker.cli.paths import folder_to_write

__all__ = ["thumbnails"]


def thumbnails(
    clips: Clips,
    out_dir: Annotated[
        Path, typer.Option(**folder_to_write(), help="The folder to write, named as the benchmark.")
    ],
) -> None:
    """Draw small pictures of clips, every frame of them, which the page shows.

    Example: vqathinker thumbnails --clips clips/demo_content/6x112/0000.safetensors
    --out-dir results/demo/thumbnails/demo_content
    """
    from vqathinker.video.thumbnails import write_thumbnails

    drawn = write_thumbnails(clips, out_dir)
    typer.echo(f"{out_dir}: thumbnails of {drawn} clips")
