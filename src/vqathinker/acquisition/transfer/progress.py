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

__all__ = ["ReportProgress", "progress_bar"]

# Called with the bytes done so far and the bytes in all, None when unknown.
ReportProgress = Callable[[int, int | None], None]


@contextmanager
def progress_bar(description: str, total: int | None = None) -> Iterator[ReportProgress]:
    """Show a bar on standard error, when that is a terminal.

    Args:
        description: beside the bar.
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
        task = progress.add_task(description, total=total)

        def report(done: int, of: int | None) -> None:
            progress.update(task, completed=done, total=of)

        yield report
