"""Progress of a transfer on a terminal; nothing where nobody looks."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

__all__ = ["shown"]


@contextmanager
def shown(what: str, total: int | None = None) -> Iterator[Callable[[int, int | None], None]]:
    """Show a bar on standard error, when that is a terminal.

    Args:
        what: beside the bar.
        total: bytes; None when not known yet.

    Yields:
        A function to call with the bytes done so far and the bytes in all, None when unknown.
    """
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(what, total=total)

        def show(done: int, of: int | None) -> None:
            progress.update(task, completed=done, total=of)

        yield show
