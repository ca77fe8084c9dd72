"""The command `vqathinker serve`: a web page on which you can score clips."""

import os
from pathlib import Path
from typing import Annotated

import typer

from vqathinker.cli.options import DeviceOption, PolicyName, ScoreOption, input_file

_PASSWORD = "VQATHINKER_PASSWORD"  # noqa: S105  a name


def serve(
    *,
    policy: PolicyName = None,
    host: Annotated[
        str,
        typer.Option(
            metavar="<address>",
            help="Address to listen on; with 0.0.0.0 other machines can open the page.",
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, help="Port to listen on; 0 selects a free port.")
    ] = 7860,
    password_file: Annotated[
        Path | None,
        input_file(
            "File whose first line is the password that visitors must enter; or set the "
            f"variable {_PASSWORD}."
        ),
    ] = None,
    score: ScoreOption = None,
    device: DeviceOption = "auto",
    max_megabytes: Annotated[int, typer.Option(min=1, help="Maximum size of a clip in MB.")] = 200,
    max_seconds: Annotated[
        int, typer.Option(min=1, help="Maximum length of a clip in seconds.")
    ] = 300,
    queue_size: Annotated[
        int, typer.Option(min=1, help="Maximum number of clips that wait to be scored.")
    ] = 20,
) -> None:
    """Open a web page on which you can score and compare clips.

    The page shows the score, the reasoning and the frames that the policy saw.

    Example: vqathinker serve --policy models/demo/grpo/policy --port 7861
    """
    password = read_password(password_file)
    from vqathinker.serving import build
    from vqathinker.serving.server import LOOPBACK
    from vqathinker.serving.server import serve as serve_page
    from vqathinker.video.probe import ClipBounds

    if host not in LOOPBACK:
        access = "with the password" if password else "without a password (see --password-file)"
        typer.echo(
            f"Warning: with --host {host}, other machines can open this page {access}. Clips and "
            "passwords are sent unencrypted: put a server with TLS in front.",
            err=True,
        )
    bounds = ClipBounds(megabytes=max_megabytes, seconds=max_seconds)
    page = build(policy, device, score, bounds, queue_size)
    serve_page(page, host, port, password, lambda url: typer.echo(f"Open {url}; Ctrl-C stops it"))


def read_password(file: Path | None) -> str | None:
    """The first line of the file, else the password in the environment, else None."""
    if file is None:
        return os.environ.get(_PASSWORD) or None
    lines = file.read_text(encoding="utf-8").splitlines()
    if not lines or not lines[0]:
        raise typer.BadParameter(f"{file}: is empty; expected the password in its first line")
    return lines[0]
