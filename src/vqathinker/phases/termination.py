"""A run that is asked to end does so, whatever it does at that moment.

Snakemake's own handler of SIGTERM takes the lock of its scheduler. Where the signal comes while the
scheduler holds it, which is as long as it chooses jobs, the run waits for itself for ever (seen
with 9.27 where a process group was ended). In a thread of its own the handler waits for the
scheduler instead. Nothing but the standard library, as the Snakefile calls it.
"""

import signal
import threading
from types import FrameType

__all__ = ["end_from_a_thread"]


def end_from_a_thread() -> None:
    """Let what handles SIGTERM now do so in a thread, from the main thread of a program.

    What is no function (the signal ends the process, or is ignored) stays as it is.
    """
    handler = signal.getsignal(signal.SIGTERM)
    if not callable(handler):
        return

    def handle(number: int, frame: FrameType | None) -> None:
        threading.Thread(target=handler, args=(number, frame)).start()

    signal.signal(signal.SIGTERM, handle)
