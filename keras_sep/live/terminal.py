"""Terminal display of a live session, one line that is redrawn, and its keys."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sys
import time
from collections.abc import Iterator
from typing import Any, TextIO

import numpy as np

from keras_sep.live.mixer import MUTE_DB, Mixer
from keras_sep.live.recorder import ORIGINAL
from keras_sep.live.session import OUTPUT, LiveSession, LiveStats

REDRAW_S = 0.1
PLAIN_S = 10.0  # between two lines of output that is no terminal
_METER_DB = 48.0  # from the left end of a meter to full scale
_METER_WIDTH = 8
# A whole key: ESC [ with numbers and a letter, ESC O and a letter, or the ESC before any other one.
_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|O.|(?!(?:\[[0-?]*[ -/]*|O)?$))")
_ARROWS = {"A": "up", "B": "down", "C": "right", "D": "left"}  # after ESC [ or ESC O
_WINDOWS_ARROWS = {"H": "up", "P": "down", "M": "right", "K": "left"}
KEYS_HELP = "up/down: voice, left/right: accompaniment, v/a: mute, space: original, 0: both to 0 dB, q: end"


class Keys:
    """Keys of the terminal, one at a time and without Enter, as a context manager.

    The context switches the terminal to single keys, and back at its end. If the input is no terminal, there are no
    keys.

    Args:
        stream: input; standard input by default.

    Attributes:
        usable: whether there are keys.

    Examples:
        >>> import io
        >>> from keras_sep.live.terminal import Keys
        >>> with Keys(io.StringIO("q")) as keys:  # not a terminal
        ...     print(keys.usable, list(keys.read(seconds=0.01)))
        False []
    """

    def __init__(self, stream: TextIO | None = None):
        self._stream = sys.stdin if stream is None else stream
        self._pending = ""

    def __enter__(self) -> Keys:
        self._kept: Any = None
        self.usable = self._stream is not None and self._stream.isatty()
        if self.usable and os.name == "posix":
            import termios
            import tty

            # The system stops a background job that changes the terminal.
            number, self.usable = self._stream.fileno(), False
            with contextlib.suppress(OSError):  # the terminal of another session
                self.usable = os.tcgetpgrp(number) == os.getpgrp()
            if self.usable:
                self._kept = termios.tcgetattr(number)
                tty.setcbreak(number)
        return self

    def __exit__(self, *_: object) -> None:
        if self._kept is not None:
            import termios

            with contextlib.suppress(termios.error):  # the terminal is closed
                termios.tcsetattr(self._stream.fileno(), termios.TCSADRAIN, self._kept)

    def read(self, seconds: float) -> Iterator[str]:
        """Waits up to `seconds`; yields the keys pressed: characters, or "up", "down", "right" or "left"."""
        if not self.usable:
            time.sleep(seconds)
        elif os.name == "posix":
            import select

            if select.select([self._stream], [], [], seconds)[0]:
                data = b""
                with contextlib.suppress(OSError):
                    data = os.read(self._stream.fileno(), 1024)
                if not data:  # the terminal is closed
                    self.usable = False
                yield from self._decoded(data.decode(errors="replace"))
        else:
            yield from self._windows(seconds)

    def _decoded(self, text: str) -> Iterator[str]:
        text, self._pending = self._pending + text, ""
        while text:
            if text[0] != "\x1b":
                yield text[0]
                text = text[1:]
            elif (found := _ESCAPE.match(text)) is None:
                self._pending, text = text, ""  # the rest of a key comes with the next read
            else:
                if found.end() == 3 and text[2] in _ARROWS:
                    yield _ARROWS[text[2]]
                text = text[found.end() :]

    def _windows(self, seconds: float) -> Iterator[str]:
        import msvcrt

        console: Any = msvcrt  # type checkers know its functions on Windows only
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            while console.kbhit():
                key = console.getwch()
                if key in ("\x00", "\xe0"):
                    key = _WINDOWS_ARROWS.get(console.getwch(), "")
                yield key
            time.sleep(0.02)


class Terminal:
    """Display of a session, with keys to change it. If the terminal is closed, the session goes on.

    Args:
        keys: Keys to read.
        quiet: whether to show only the lines of `say`; keys work nevertheless.
        stream: output; standard error by default.

    Examples:
        >>> import io
        >>> from keras_sep.live.terminal import Keys, Terminal
        >>> output = io.StringIO()
        >>> with Keys(io.StringIO()) as keys:
        ...     Terminal(keys, stream=output).say("the device is back")
        >>> print(output.getvalue(), end="")
        keras-sep: the device is back
    """

    def __init__(self, keys: Keys, *, quiet: bool = False, stream: TextIO | None = None):
        self._keys, self._quiet = keys, quiet
        self._stream = sys.stderr if stream is None else stream
        self._redraws = not quiet and self._stream.isatty()
        self._drawn = 0
        self._next_plain = PLAIN_S

    def tick(self, session: LiveSession) -> bool:
        """Waits a tenth of a second for keys, applies them and redraws; returns False after `q`."""
        for key in self._keys.read(REDRAW_S):
            if key in ("q", "Q"):
                return False
            press(session.mixer, key)
        stats = session.stats()
        if self._redraws:
            self._draw(status_line(stats, session.mixer))
        elif not self._quiet and stats.seconds >= self._next_plain:
            self._next_plain += PLAIN_S
            self._write(summary(stats) + "\n")
        return True

    def explain_keys(self) -> None:
        """Prints what the keys do, unless there are none or the display is quiet."""
        if self._keys.usable and not self._quiet:
            self.say(f"keys: {KEYS_HELP}")

    def say(self, line: str) -> None:
        """Prints a line above the one that is redrawn."""
        self.clear()
        self._write(f"keras-sep: {line}\n")

    def clear(self) -> None:
        """Erases the line that is redrawn."""
        if self._drawn:
            self._write("\r" + " " * self._drawn + "\r")
            self._drawn = 0

    def _draw(self, line: str) -> None:
        line = line[: shutil.get_terminal_size().columns - 1]
        self._write("\r" + line + " " * (self._drawn - len(line)))
        self._drawn = len(line)

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError):
            self._stream.write(text)
            self._stream.flush()


def press(mixer: Mixer, key: str) -> None:
    """Changes the mixer as a key asks for, see `KEYS_HELP`; ignores other keys.

    Examples:
        >>> from keras_sep.live.mixer import Mixer
        >>> from keras_sep.live.terminal import press
        >>> mixer = Mixer(44100, {"vocals": 0.0, "accompaniment": 0.0})
        >>> press(mixer, "down")
        >>> mixer.gain_db("vocals")
        -1.0
    """
    voice, accompaniment = "vocals", "accompaniment"
    if key in ("up", "down"):
        mixer.change_gain(voice, 1.0 if key == "up" else -1.0)
    elif key in ("right", "left"):
        mixer.change_gain(accompaniment, 1.0 if key == "right" else -1.0)
    elif key in ("v", "V"):
        mixer.toggle_mute(voice)
    elif key in ("a", "A"):
        mixer.toggle_mute(accompaniment)
    elif key == " ":
        mixer.bypass = not mixer.bypass
    elif key == "0":
        mixer.set_gain(voice, 0.0)
        mixer.set_gain(accompaniment, 0.0)


def status_line(stats: LiveStats, mixer: Mixer) -> str:
    """Returns the line that is redrawn: time, peak meters, gains, latency, load, gaps.

    The least important figures come last, because a narrow terminal cuts the line off.

    Examples:
        >>> from keras_sep import StreamingSeparator
        >>> from keras_sep.live.mixer import Mixer
        >>> from keras_sep.live.session import LiveSession
        >>> from keras_sep.live.terminal import status_line
        >>> mixer = Mixer(44100, {"vocals": -60.0, "accompaniment": 0.0})
        >>> interface = None  # in use: SoundCard()
        >>> session = LiveSession(StreamingSeparator("small", repair=True), interface, mixer)
        >>> status_line(session.stats(), mixer)
        '0:00 in --------  voice --------   muted acc. --------   +0 dB out --------  46 ms load 0% under 0 over 0'
    """
    if stats.waiting:
        return f"{_time(stats)} waiting for the device"
    meters = [
        f"in {_meter(stats.peaks[ORIGINAL])}",
        f"voice {_meter(stats.peaks['vocals'])} {_gain(mixer, 'vocals')}",
        f"acc. {_meter(stats.peaks['accompaniment'])} {_gain(mixer, 'accompaniment')}",
        f"out {_meter(stats.peaks[OUTPUT])}{' ORIGINAL' if mixer.bypass else ''}",
    ]
    return " ".join([_time(stats), *meters, f"{stats.latency_ms:.0f} ms", f"load {stats.load:.0%}", _counts(stats)])


def summary(stats: LiveStats) -> str:
    """Returns the figures of a session in one line.

    Examples:
        >>> from keras_sep import StreamingSeparator
        >>> from keras_sep.live.mixer import Mixer
        >>> from keras_sep.live.session import LiveSession
        >>> from keras_sep.live.terminal import summary
        >>> mixer = Mixer(44100, {"vocals": -60.0, "accompaniment": 0.0})
        >>> interface = None  # in use: SoundCard()
        >>> session = LiveSession(StreamingSeparator("small", repair=True), interface, mixer)
        >>> summary(session.stats())
        '0.0 s, 0 underruns (0 samples), 0 overruns (0 samples), load 0.0% (p99 0.0 ms a step), latency 46 ms ...'
    """
    parts = ", ".join(f"{name} {value:.0f}" for name, value in stats.latency_parts_ms.items() if value)
    more = [
        f"lost the device {stats.losses} times" if stats.losses else "",
        f"{stats.repaired_samples} bad samples" if stats.repaired_samples else "",
        f"{stats.recoveries} recoveries" if stats.recoveries else "",
    ]
    return ", ".join(
        [
            f"{stats.seconds:.1f} s",
            f"{stats.underruns} underruns ({stats.silent_samples} samples)",
            f"{stats.overruns} overruns ({stats.lost_samples} samples)",
            f"load {stats.mean_load:.1%} (p99 {stats.step_p99_ms:.1f} ms a step)",
            f"latency {stats.latency_ms:.0f} ms ({parts})",
            *filter(None, more),
        ]
    )


def _time(stats: LiveStats) -> str:
    return f"{int(stats.seconds) // 60}:{int(stats.seconds) % 60:02}"


def _counts(stats: LiveStats) -> str:
    return f"under {stats.underruns} over {stats.overruns}"


def _gain(mixer: Mixer, source: str) -> str:
    gain = mixer.gain_db(source)
    return " muted" if gain <= MUTE_DB else f"{gain:+3.0f} dB"


def _meter(peak: float) -> str:
    """Returns a bar of the last _METER_DB below full scale; "!" at its end is a peak beyond it."""
    decibels = 20.0 * np.log10(max(peak, 1e-9))
    lit = min(_METER_WIDTH, max(0, round(_METER_WIDTH * (1.0 + decibels / _METER_DB))))
    bar = "#" * lit + "-" * (_METER_WIDTH - lit)
    return f"{bar}{'!' if peak > 1.0 else ' '}"
