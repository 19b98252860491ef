"""Ending signals, and their way through libraries that call back into Python.

FFmpeg and libsndfile read and write files through functions of ours. An exception that is raised in such a function by
a signal's handler, like KeyboardInterrupt, is printed there and dropped: the program goes on as if nobody had pressed
Ctrl-C.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

# SIGHUP: the terminal or its connection is closed; SIGBREAK: Ctrl-Break of Windows, or its console is closed.
ENDING_SIGNALS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)
]


@contextlib.contextmanager
def held_interrupts() -> Iterator[None]:
    """Holds back signals that end a program until the block, or the decorated function, has ended.

    What Python does then for the first of them is what it would have done before: by default it raises
    KeyboardInterrupt. Signals that are ignored, or that end the process at once, are left alone; so is every thread
    but the main one, which alone runs handlers.

    Examples:
        >>> import signal
        >>> from keras_sep.interrupts import held_interrupts
        >>> before = signal.signal(signal.SIGINT, lambda *_: print("interrupted"))
        >>> with held_interrupts():
        ...     signal.raise_signal(signal.SIGINT)
        ...     print("done")
        done
        interrupted
        >>> handler = signal.signal(signal.SIGINT, before)
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held: list[tuple[int, FrameType | None]] = []
    handlers = {number: handler for number in ENDING_SIGNALS if callable(handler := signal.getsignal(number))}
    for number in handlers:
        signal.signal(number, lambda *arrived: held.append(arrived))
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for number, frame in held:
            handlers[number](number, frame)
