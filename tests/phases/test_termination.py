"""SIGTERM while the main thread holds what the handler wants."""

import signal
import threading
from collections.abc import Iterator

import pytest

from vqathinker.phases.termination import end_from_a_thread


@pytest.fixture(autouse=True)
def _handler_of_before() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def test_a_handler_that_wants_a_lock_waits_for_the_main_thread_and_not_the_reverse() -> None:
    """Snakemake's own handler, called where its scheduler chooses jobs, never comes back."""
    lock, ended = threading.Lock(), threading.Event()

    def handler(*_: object) -> None:
        with lock:
            ended.set()

    signal.signal(signal.SIGTERM, handler)
    end_from_a_thread()
    with lock:
        signal.raise_signal(signal.SIGTERM)
        assert not ended.is_set()
    assert ended.wait(timeout=600)


@pytest.mark.parametrize("how", [signal.SIG_DFL, signal.SIG_IGN])
def test_what_is_no_function_stays(how: signal.Handlers) -> None:
    signal.signal(signal.SIGTERM, how)
    end_from_a_thread()
    assert signal.getsignal(signal.SIGTERM) is how
