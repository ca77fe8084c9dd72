"""What libav says while it works: messages that it makes no exceptions of."""

from collections.abc import Iterator
from contextlib import contextmanager

import av.logging

__all__ = ["captured_errors"]


@contextmanager
def captured_errors() -> Iterator[list[tuple[int, str, str]]]:
    """Messages of level ERROR of this thread, as they come: level, who says it, what.

    Who is the name of a format or of a codec.
    """
    # PyAV drops messages that repeat, and with them the first one of a second damaged file.
    level, skips_repeated = av.logging.get_level(), av.logging.get_skip_repeated()
    av.logging.set_level(av.logging.ERROR)
    av.logging.set_skip_repeated(False)
    try:
        with av.logging.Capture() as lines:
            yield lines
    finally:
        av.logging.set_level(level)
        av.logging.set_skip_repeated(skips_repeated)
