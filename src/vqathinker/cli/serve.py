"""`vqathinker serve`: a page to try a policy on.

It is no phase: no result follows from it.
"""

import os
from pathlib import Path
from typing import Annotated

import typer

from vqathinker.choices import Device, ScoreKind
from vqathinker.cli.paths import file_to_read
from vqathinker.products import Product

__all__ = ["password_of", "serve"]

_PASSWORD = "VQATHINKER_PASSWORD"  # noqa: S105  a name
_FILE = Product("a file that holds a password", "write one line into it")


def serve(
    *,
    policy: Annotated[
        str | None,
        typer.Option(help="A policy's folder or name; else the one that `make demo` trains."),
    ] = None,
    host: Annotated[
        str, typer.Option(help="Address to serve on; 0.0.0.0 lets other machines in.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, help="0: any that is free.")] = 7860,
    password_file: Annotated[
        Path | None,
        typer.Option(
            **file_to_read(_FILE),
            help=f"Password to ask for; or in {_PASSWORD}, for nobody to see.",
        ),
    ] = None,
    score: Annotated[
        ScoreKind | None,
        typer.Option(
            help="greedy, mean or expected, as in `vqathinker score`; else the kind that the "
            "policy's tables show."
        ),
    ] = None,
    device: Annotated[Device, typer.Option(help="auto, cpu or cuda.")] = "auto",
    megabytes: Annotated[int, typer.Option(min=1, help="Of the largest clip.")] = 200,
    seconds: Annotated[int, typer.Option(min=1, help="Of the longest clip.")] = 300,
    waiting: Annotated[int, typer.Option(min=1, help="Clips that may wait in the queue.")] = 20,
) -> None:
    """Open a page on which to drop a clip: score, reasoning, frames, and a second clip beside it.

    Example: vqathinker serve --policy models/demo/grpo/policy --port 7861
    """
    password = password_of(password_file)
    from vqathinker.serving import build
    from vqathinker.serving import serve as serve_page
    from vqathinker.serving.server import LOOPBACK
    from vqathinker.video.probe import ClipBounds

    if host not in LOOPBACK:
        typer.echo(_warning(host, password), err=True)
    bounds = ClipBounds(megabytes=megabytes, seconds=seconds)
    page = build(policy, device, score, bounds, waiting)
    serve_page(page, host, port, password, lambda at: typer.echo(f"{at} is open; Ctrl-C ends it"))


def password_of(file: Path | None) -> str | None:
    """The password to ask for: of the file's first line, or of the environment; None: none.

    Raises typer.BadParameter: the file holds none.
    """
    if file is None:
        return os.environ.get(_PASSWORD) or None
    lines = file.read_text(encoding="utf-8").splitlines()
    if not lines or not lines[0]:
        raise typer.BadParameter(f"{file}: is empty; expected {_FILE}")
    return lines[0]


def _warning(host: str, password: str | None) -> str:
    who = (
        "who knows the password"
        if password
        else "who reaches it: --password-file asks for a password"
    )
    return (
        f"Warning: {host} lets other machines in, and anybody {who}. Clips and passwords travel "
        "unencrypted: put a server with TLS before it."
    )
