"""The gates that a file must pass, all in one place; each compares it with the float Keras network it was made from.

`convert` applies MAX_ERROR and MIN_SNR_DB on a few seconds, `verify` everything but MAX_ERROR on real songs.
"""

from __future__ import annotations

from typing import Any

MAX_ERROR = {"float32": 1e-4}  # of masks and samples, absolute
# SNR of the vocals, in every window of `verify`; `FIRST_STEP` and `LONG` are exceptions. In float16 the paper's network
# reaches 60 dB. In a network with bin memories one rounded weight affects a state at every position: those of 0.1, on
# all bins, reached 45 to 52 dB at the worst place of a song, and lost less than 0.01 dB of SDR.
MIN_SNR_DB = {"float32": 100.0, "float16": 45.0, "dynamic_int8": 20.0}
# (steps, dB): after this many steps, this SNR is enough in float32. Recurrent units that remember for minutes add up
# the rounding of every step: Keras in float32 against Keras in float64 reaches 117 dB after 2000 steps, 98.5 dB after
# 20000.
LONG = (2000, 90.0)
# Precisions whose SNR also counts at step 1. That frame is almost silent: its few samples lie under the window's end.
# Rounded to 8 bits it may be far off, but its stems are 80 dB below those that follow. Stems are compared until those
# of step 1's samples are complete: see `export.verification.measure.stem_windows`.
FIRST_STEP = ("float32", "float16")
# Largest change of SDR of either stem, up or down: a file that scores better than its network is not that network.
MAX_SDR_CHANGE_DB = {"float32": 0.01, "float16": 0.02, "dynamic_int8": 0.1}
# RMS error of a state after any window, relative to the state's range. The masks alone would not show a wrong state
# if the network hardly uses it. The presets have up to 0.002 in float16 and 0.026 in dynamic_int8.
MAX_STATE_ERROR = {"float32": 1e-4, "float16": 0.003, "dynamic_int8": 0.04}


def reasons(precision: str, figures: dict[str, Any]) -> list[str]:
    """Returns the reasons why a file must not be published, one text each; an empty list if it passes.

    Args:
        precision: of the file; it selects the gates.
        figures: `steps`, `state_error`, `sdr_db`, `keras_sdr_db` and `ops` as in `export.verification.verify`; None
            stands for a number that is not finite.
    """
    found = []
    if foreign := [name for name in figures["ops"] if not is_builtin(name)]:
        found.append(f"expected builtin ops only. Received: {', '.join(foreign)}")
    numbers = [step["vocals_snr_db"] for step in figures["steps"].values()]
    sdr_db = (*figures["sdr_db"].values(), *figures["keras_sdr_db"].values())
    if None in (*numbers, figures["state_error"], *sdr_db):
        return [*found, "expected finite numbers. Received: some that are not"]
    for n, step in figures["steps"].items():
        least = min(LONG[1], MIN_SNR_DB[precision]) if int(n) > LONG[0] else MIN_SNR_DB[precision]
        counts = n != "1" or precision in FIRST_STEP
        if counts and step["vocals_snr_db"] < least:
            found.append(
                f"expected {least:g} dB SNR of the vocals or more at step {n}. Received: {step['vocals_snr_db']:.1f} dB"
            )
    if figures["state_error"] > MAX_STATE_ERROR[precision]:
        found.append(
            f"expected states with an RMS error of at most {MAX_STATE_ERROR[precision]:g} of their range. "
            f"Received: {figures['state_error']:.3g}"
        )
    for source, expected in figures["keras_sdr_db"].items():
        change = figures["sdr_db"][source] - expected
        if abs(change) > MAX_SDR_CHANGE_DB[precision]:
            found.append(
                f"expected {source} within {MAX_SDR_CHANGE_DB[precision]:g} dB of Keras's SDR, {expected:.2f} dB. "
                f"Received: {change:+.2f} dB"
            )
    return found


def is_builtin(op: str) -> bool:
    """Whether an op, named as in `export.verification.ops`, is builtin, so that every runtime has it."""
    return ":" not in op
