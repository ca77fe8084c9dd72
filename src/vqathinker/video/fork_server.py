"""Start processes from Python's fork server: in milliseconds, and from one without threads."""

import contextlib
import multiprocessing
import os
import sys
import tempfile
import types
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from typing import Any

from vqathinker.video.limits import WorkerStartError, system_limits

__all__ = ["preload_modules", "start_process"]

_CONTEXT = multiprocessing.get_context("forkserver")
_PRELOADED_MODULES: list[str] = []

# Linux has 107 bytes for the path of a socket, and multiprocessing adds this to the folder's name.
_SOCKET_PATH_BYTES = 107
_SOCKET_NAME_BYTES = len("/pymp-12345678/listener-12345678")
# Of the system; multiprocessing makes a folder of its own in it, which nobody else can enter.
_SHORT_FOLDERS = ("/tmp", "/var/tmp")  # noqa: S108


def preload_modules(*modules: str) -> None:
    """Import modules once, in the fork server, instead of in every process.

    Has no effect once a process was started.
    """
    _PRELOADED_MODULES.extend(module for module in modules if module not in _PRELOADED_MODULES)
    _CONTEXT.set_forkserver_preload(_PRELOADED_MODULES)


def start_process(
    target: Callable[..., None], *arguments: Any
) -> tuple[ForkServerProcess, Connection]:
    """Start `target(pipe, *arguments)` in a process that ends with this one, at the latest.

    Returns:
        The process, and the other end of its pipe.

    Raises:
        WorkerStartError: the system refuses, or the fork server has died.
    """
    try:
        parent_end, process_end = _CONTEXT.Pipe()
        process = _CONTEXT.Process(target=target, args=(process_end, *arguments), daemon=True)
        with _empty_main_module(), _short_temporary_folder():
            process.start()
    except (OSError, EOFError) as error:
        reason = error if isinstance(error, OSError) else "the fork server ended before it answered"
        message = f"a decoding process did not start: {reason}; limits here: {system_limits()}"
        raise WorkerStartError(message) from error
    process_end.close()
    return process, parent_end


@contextlib.contextmanager
def _empty_main_module() -> Iterator[None]:
    """Else every process would import the running program again, which none has a use for."""
    main, sys.modules["__main__"] = sys.modules["__main__"], types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


@contextlib.contextmanager
def _short_temporary_folder() -> Iterator[None]:
    """Else a long TMPDIR fails: the fork server listens at a socket in the temporary folder.

    Pythons from late 3.13 on do the same. A socket without a path (Linux's abstract ones) would be
    open to every user of the machine.
    """
    configured = tempfile.tempdir
    folder = tempfile.gettempdir()
    if len(os.fsencode(folder)) + _SOCKET_NAME_BYTES > _SOCKET_PATH_BYTES:
        tempfile.tempdir = _first_writable(_SHORT_FOLDERS, folder)
    try:
        yield
    finally:
        tempfile.tempdir = configured


def _first_writable(folders: tuple[str, ...], temporary_folder: str) -> str:
    for folder in folders:
        if os.access(folder, os.W_OK | os.X_OK):
            return folder
    raise WorkerStartError(
        f"TMPDIR: the temporary folder {temporary_folder} is too long for a socket in it, and "
        f"{' and '.join(folders)} cannot be written; set TMPDIR to a folder whose name has at most "
        f"{_SOCKET_PATH_BYTES - _SOCKET_NAME_BYTES} bytes"
    )
