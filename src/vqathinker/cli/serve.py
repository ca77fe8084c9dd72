"""`vqathinker serve`: a page to try a policy on."""

import os
from pathlib import Path
from typing import Annotated

import typer

from vqathinker.choices import Device, ScoreKind
from vqathinker.cli.options import FILE

_PASSWORD = "VQATHINKER_PASSWORD"  # noqa: S105  a name


def serve(
    *,
    policy: Annotated[
        str | None,
        typer.Option(help="A policy's folder or name; by default that of `make demo`."),
    ] = None,
    host: Annotated[
        str, typer.Option(help="Address to serve on; 0.0.0.0 is open to other machines.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, help="Port to serve on; 0 takes a free one.")] = 7860,
    password_file: Annotated[
        Path | None,
        typer.Option(**FILE, help=f"File whose first line is a password; or set {_PASSWORD}."),
    ] = None,
    score: Annotated[
        ScoreKind | None,
        typer.Option(help="As in `vqathinker score`; by default the kind in the policy's tables."),
    ] = None,
    device: Annotated[Device, typer.Option(help="Where to compute: auto, cpu or cuda.")] = "auto",
    megabytes: Annotated[int, typer.Option(min=1, help="Size of the largest clip.")] = 200,
    seconds: Annotated[int, typer.Option(min=1, help="Length of the longest clip.")] = 300,
    waiting: Annotated[int, typer.Option(min=1, help="Clips that may wait in the queue.")] = 20,
) -> None:
    """Open a page to score clips: score, reasoning, frames, and a second clip to compare.

    Example: vqathinker serve --policy models/demo/grpo/policy --port 7861
    """
    password = read_password(password_file)
    from vqathinker.serving import build
    from vqathinker.serving.server import LOOPBACK
    from vqathinker.serving.server import serve as serve_page
    from vqathinker.video.probe import ClipBounds

    if host not in LOOPBACK:
        who = "who knows the password" if password else "(--password-file asks for a password)"
        typer.echo(
            f"Warning: {host} lets in other machines, and anybody {who}. Clips and passwords "
            "travel unencrypted: put a server with TLS in front.",
            err=True,
        )
    bounds = ClipBounds(megabytes=megabytes, seconds=seconds)
    page = build(policy, device, score, bounds, waiting)
    serve_page(page, host, port, password, lambda at: typer.echo(f"{at} is open; Ctrl-C ends it"))


def read_password(file: Path | None) -> str | None:
    """The first line of the file, or the password of the environment, or None."""
    if file is None:
        return os.environ.get(_PASSWORD) or None
    lines = file.read_text(encoding="utf-8").splitlines()
    if not lines or not lines[0]:
        raise typer.BadParameter(f"{file}: is empty; expected a password in the first line")
    return lines[0]
