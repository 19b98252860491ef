"""What a file must reach, all in one place; every figure is against the float Keras network it was made from.

`convert` asks for MAX_ERROR and MIN_SNR_DB on a few seconds, `verify` for everything but MAX_ERROR on real songs.
"""

from __future__ import annotations

from typing import Any

MAX_ERROR = {"float32": 1e-4}  # of masks and samples, absolute
# Of the vocals, in every window of `verify`; see `FIRST_STEP` and `LONG`. A waveform graph whose stems are rounded to
# 8 bits has 23 dB. In float16 the plain network has 60 dB; that with memories of bins, in which a rounded weight moves
# 256 states a step, 45 to 52 (by the weights) at the worst place of a song, without a hundredth of a decibel of SDR.
MIN_SNR_DB = {"float32": 100.0, "float16": 45.0, "dynamic_int8": 20.0, "int8": 25.0}
# After minutes: (steps, dB of float32). Recurrent units that remember for minutes add up the rounding of every step:
# after 20000 Keras itself, in float32, is 98.5 dB from Keras in float64, and 117 dB after 2000.
LONG = (2000, 90.0)
# Precisions whose SNR counts at step 1 too. That frame is mostly silence, and what sounds lies under the window's foot:
# ranges made for music do not resolve it, and the stems that come of it are 80 dB below what is heard next. Stems are
# compared until those of step 1's samples are complete: see `export.verification.measure.stem_windows`.
FIRST_STEP = ("float32", "float16")
# Of both stems, to either side: a file that seems better than its network is not that network either.
MAX_SDR_CHANGE_DB = {"float32": 0.01, "float16": 0.02, "dynamic_int8": 0.1, "int8": 0.2}
# Largest error of a state after any window, in parts of the state's range: a network may hardly use its state, and
# then masks do not tell that it is wrong.
MAX_STATE_ERROR = {"float32": 1e-3, "float16": 0.02, "dynamic_int8": 0.2, "int8": 0.2}


def reasons(precision: str, figures: dict[str, Any]) -> list[str]:
    """Why a file must not be published, one text a reason; none where it may.

    Args:
        precision: whose gates apply.
        figures: `steps`, `state_error`, `sdr_db`, `keras_sdr_db` and `ops` as in `verify`; None is a number that is
            not finite.
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
            f"expected states within {MAX_STATE_ERROR[precision]:g} of their range. "
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
    """Whether every runtime has an op of `export.verification.ops`."""
    return ":" not in op
