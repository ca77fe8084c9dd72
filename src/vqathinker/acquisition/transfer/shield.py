"""Calls into HTTP clients whose errors and logs could show a secret.

A client's frames hold the headers it sends, its errors the addresses it was redirected to, its
loggers both. Here a failed call ends as one of our own errors that carries none of its frames, and
its loggers say nothing below a warning: what is worth knowing is logged by this package.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from vqathinker.acquisition.transfer.failure import TransferError

__all__ = ["shielded"]

_Result = TypeVar("_Result")

# Filters do not reach child loggers, so every one that writes is named.
_CLIENT_LOGGERS = (
    "httpx2",
    "httpcore2.connection",
    "httpcore2.http11",
    "httpcore2.http2",
    "httpcore2.proxy",
    "httpcore2.socks",
    "urllib3.connectionpool",
    "filelock",
    "huggingface_hub.file_download",
    "huggingface_hub.utils._http",
)


def shielded(
    work: Callable[[], _Result], explain: Callable[[Exception], TransferError | None]
) -> _Result:
    """Call `work`, and let nothing out of it that a client might have put a secret into.

    Args:
        work: calls the client.
        explain: turns the client's error into one of ours; None for an error it does not know,
            which then goes on as it is, but without the client's frames.
    """
    failure: TransferError | None = None
    try:
        with _silent_clients():
            return work()
    except TransferError:
        raise
    except Exception as error:  # noqa: BLE001  a client's errors have no base of their own
        failure = explain(error)
        if failure is None:
            raise _bare(error) from None
    except BaseException as error:  # noqa: BLE001  Ctrl-C too may come between the headers
        raise _bare(error) from None
    # Raised out here so that it has no context: a context keeps the frames of the client.
    raise failure


def _bare(error: BaseException) -> BaseException:
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


@contextmanager
def _silent_clients() -> Iterator[None]:
    def is_warning(record: logging.LogRecord) -> bool:  # one per call, for calls may overlap
        return record.levelno >= logging.WARNING

    loggers = [logging.getLogger(name) for name in _CLIENT_LOGGERS]
    for logger in loggers:
        logger.addFilter(is_warning)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(is_warning)
