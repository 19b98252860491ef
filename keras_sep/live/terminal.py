"""A live session in a terminal: one line that is drawn again and again, and keys."""

from __future__ import annotations

import contextlib
import os
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
PLAIN_S = 10.0  # between lines where there is no terminal
_METER_DB = 48.0  # from the left end of a meter to full scale
_METER_WIDTH = 8
_ARROWS = {"A": "up", "B": "down", "C": "right", "D": "left"}  # after ESC [ or ESC O
_WINDOWS_ARROWS = {"H": "up", "P": "down", "M": "right", "K": "left"}
KEYS_HELP = "up/down: voice, left/right: accompaniment, v/a: mute, space: original, 0: both to 0 dB, q: quit"


class Keys:
    """Keys of the terminal, one at a time, without waiting for the end of the line.

    A context manager: the terminal is as it was afterwards. Where standard input is no terminal there are no keys.
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

            # A job in the background may not touch the terminal: it would be stopped.
            number, self.usable = self._stream.fileno(), False
            with contextlib.suppress(OSError):  # another session's terminal
                self.usable = os.tcgetpgrp(number) == os.getpgrp()
            if self.usable:
                self._kept = termios.tcgetattr(number)
                tty.setcbreak(number)
        return self

    def __exit__(self, *_: object) -> None:
        if self._kept is not None:
            import termios

            with contextlib.suppress(termios.error):  # the terminal has gone
                termios.tcsetattr(self._stream.fileno(), termios.TCSADRAIN, self._kept)

    def read(self, seconds: float) -> Iterator[str]:
        """Waits up to `seconds` for keys; yields them: characters, or "up", "down", "right", "left"."""
        if not self.usable:
            time.sleep(seconds)
        elif os.name == "posix":
            import select

            if select.select([self._stream], [], [], seconds)[0]:
                data = b""
                with contextlib.suppress(OSError):
                    data = os.read(self._stream.fileno(), 1024)
                if not data:  # the terminal has gone
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
            elif len(text) < 3 and text[1:] in ("", "[", "O"):
                self._pending, text = text, ""  # the rest comes with the next read
            else:
                if text[2:3] in _ARROWS and text[1] in "[O":
                    yield _ARROWS[text[2]]
                text = text[3:]

    def _windows(self, seconds: float) -> Iterator[str]:
        import msvcrt

        console: Any = msvcrt  # its functions are known on Windows only
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            while console.kbhit():
                key = console.getwch()
                if key in ("\x00", "\xe0"):
                    key = _WINDOWS_ARROWS.get(console.getwch(), "")
                yield key
            time.sleep(0.02)


class Terminal:
    """Shows a session, and lets keys change it; a terminal that goes is no reason to stop.

    Args:
        quiet: neither meters nor a summary; keys and warnings still.
        stream: where to; standard error.
    """

    def __init__(self, keys: Keys, *, quiet: bool = False, stream: TextIO | None = None):
        self._keys, self._quiet = keys, quiet
        self._stream = sys.stderr if stream is None else stream
        self._redraws = not quiet and self._stream.isatty()
        self._drawn = 0
        self._next_plain = PLAIN_S

    def tick(self, session: LiveSession) -> bool:
        """Waits for keys, then draws; False after `q`."""
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

    def say(self, line: str) -> None:
        """A line of its own, above the one that is redrawn."""
        self.clear()
        self._write(f"keras-sep: {line}\n")

    def clear(self) -> None:
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
    """Does what a key means; other keys mean nothing."""
    voice, accompaniment = "vocals", "accompaniment"
    if key in ("up", "down"):
        mixer.change_level(voice, 1.0 if key == "up" else -1.0)
    elif key in ("right", "left"):
        mixer.change_level(accompaniment, 1.0 if key == "right" else -1.0)
    elif key in ("v", "V"):
        mixer.toggle_mute(voice)
    elif key in ("a", "A"):
        mixer.toggle_mute(accompaniment)
    elif key == " ":
        mixer.bypass = not mixer.bypass
    elif key == "0":
        mixer.set_level(voice, 0.0)
        mixer.set_level(accompaniment, 0.0)


def status_line(stats: LiveStats, mixer: Mixer) -> str:
    """All in one line; what matters least stands last, where a narrow terminal cuts it off."""
    if stats.waiting:
        return f"{_time(stats)} waiting for the device"
    meters = [
        f"in {_meter(stats.peaks[ORIGINAL])}",
        f"voice {_meter(stats.peaks['vocals'])} {_level(mixer, 'vocals')}",
        f"acc. {_meter(stats.peaks['accompaniment'])} {_level(mixer, 'accompaniment')}",
        f"out {_meter(stats.peaks[OUTPUT])}{' ORIGINAL' if mixer.bypass else ''}",
    ]
    return " ".join([_time(stats), *meters, f"{stats.latency_ms:.0f} ms", f"load {stats.load:.0%}", _counts(stats)])


def summary(stats: LiveStats) -> str:
    """One line of figures."""
    parts = ", ".join(f"{name} {value:.0f}" for name, value in stats.latency_parts_ms.items() if value)
    more = [
        f"lost the device {stats.losses} times" if stats.losses else "",
        f"{stats.repaired_samples} bad samples" if stats.repaired_samples else "",
        f"{stats.recoveries} recoveries" if stats.recoveries else "",
    ]
    return ", ".join(
        [
            f"{stats.seconds:.1f} s",
            f"{stats.underruns} under-runs ({stats.silent_samples} samples)",
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


def _level(mixer: Mixer, source: str) -> str:
    level = mixer.level_db(source)
    return " muted" if level <= MUTE_DB else f"{level:+3.0f} dB"


def _meter(peak: float) -> str:
    """A bar of _METER_DB up to full scale; `!` at its end is beyond."""
    decibels = 20.0 * np.log10(max(peak, 1e-9))
    lit = min(_METER_WIDTH, max(0, round(_METER_WIDTH * (1.0 + decibels / _METER_DB))))
    bar = "#" * lit + "-" * (_METER_WIDTH - lit)
    return f"{bar}{'!' if peak > 1.0 else ' '}"
