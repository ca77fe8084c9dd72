"""Progress of a transfer on a terminal; nothing where standard error is a file."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import DownloadColumn, Progress, TransferSpeedColumn

# Called with the bytes done so far and the bytes in all, None when unknown.
ReportProgress = Callable[[int, int | None], None]


@contextmanager
def progress_bar(description: str) -> Iterator[ReportProgress]:
    """Show a bar on standard error, when that is a terminal; yields what is to be called."""
    console = Console(stderr=True)
    columns = *Progress.get_default_columns(), DownloadColumn(), TransferSpeedColumn()
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(escape(description), total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
