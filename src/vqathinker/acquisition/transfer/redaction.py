"""Calls into HTTP clients, with secrets kept out of their errors and logs.

A client's frames hold the headers it sends, its errors the addresses it was redirected to, its
loggers both. Here a failed call ends as one of our own errors that carries none of its frames, and
its loggers say nothing below a warning: what is worth knowing is logged by this package.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from vqathinker.acquisition.transfer.errors import TransferError

__all__ = ["redacted_call"]

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


def redacted_call(
    call: Callable[[], _Result], translate: Callable[[Exception], TransferError | None]
) -> _Result:
    """Make the call, and let nothing out of it that a client might have put a secret into.

    Args:
        call: into the client.
        translate: turns the client's error into one of ours; None for an error it does not know,
            which then goes on as it is, but without the client's frames.
    """
    failure: TransferError | None = None
    try:
        with _quiet_client_loggers():
            return call()
    except TransferError:
        raise
    except Exception as error:  # noqa: BLE001  a client's errors have no base of their own
        failure = translate(error)
        if failure is None:
            raise _without_traceback(error) from None
    except BaseException as error:  # noqa: BLE001  Ctrl-C too may come between the headers
        raise _without_traceback(error) from None
    # Raised out here so that it has no context: a context keeps the frames of the client.
    raise failure


def _without_traceback(error: BaseException) -> BaseException:
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


@contextmanager
def _quiet_client_loggers() -> Iterator[None]:
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
