"""Progress bar of a transfer, if standard error is a terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import DownloadColumn, Progress, TransferSpeedColumn

# Called with the bytes done and the total bytes, None if unknown.
ReportProgress = Callable[[int, int | None], None]


@contextmanager
def progress_bar(description: str) -> Iterator[ReportProgress]:
    """Show a bar while the block runs; yields the function that updates it."""
    console = Console(stderr=True)
    columns = *Progress.get_default_columns(), DownloadColumn(), TransferSpeedColumn()
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(escape(description), total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
