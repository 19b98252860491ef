"""The effects of the random mixer on waveforms and spectra, in NumPy and soxr.

Conventions: waveform (channels, samples), float32, full scale ±1. Ratios above 1 make the sound higher or faster.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import soxr

Waveform = npt.NDArray[np.float32]
LEVEL_BLOCK = 4096  # samples, 93 ms at 44100 Hz
COARSE = 4  # samples per step of the first search in `time_stretch`


def gain(db: float) -> float:
    return float(10.0 ** (db / 20))


def active_rms_db(x: Waveform) -> float:
    """Returns the RMS of the blocks within 30 dB of the loudest one, so that pauses do not count.

    dB relative to full scale; −120 for silence. A block has `LEVEL_BLOCK` samples.
    """
    blocks = x[:, : max(1, x.shape[1] // LEVEL_BLOCK) * LEVEL_BLOCK].reshape(len(x), -1, min(LEVEL_BLOCK, x.shape[1]))
    power = np.einsum("cbs,cbs->b", blocks, blocks) / (len(x) * blocks.shape[2])
    active = power[power > 1e-3 * power.max()]
    return float(10 * np.log10(active.mean() + 1e-12)) if len(active) else -120.0


def resample(x: Waveform, ratio: float) -> Waveform:
    """Plays a waveform `ratio` times as fast, with pitch and formants; returns (channels, about samples / ratio)."""
    if ratio == 1.0:
        return x
    # One channel at a time: on interleaved channels soxr takes five times as long (measured).
    return np.stack([soxr.resample(channel, ratio * 1000.0, 1000.0) for channel in x])


def time_stretch(x: Waveform, ratio: float, sample_rate: int) -> Waveform:
    """Plays a waveform `ratio` times as fast at the same pitch, by waveform similarity overlap-add.

    Frames of 46 ms overlap by half. Each is taken within ±12 ms of its nominal place, where it continues the one before
    best. Suited to single voices.

    Returns:
        Waveform (channels, round(samples / ratio)).

    Source: Verhelst and Roelands (1993).
    """
    hop = round(0.0232 * sample_rate) // COARSE * COARSE
    reach = hop // 2 // COARSE * COARSE
    samples = round(x.shape[1] / ratio)
    window = (0.5 - 0.5 * np.cos(np.pi * np.arange(2 * hop) / hop)).astype(np.float32)
    padded = np.pad(x, ((0, 0), (reach + hop, reach + 4 * hop)))
    mono = np.ascontiguousarray(padded.mean(axis=0)) if len(x) > 1 else padded[0]
    coarse = mono[: len(mono) // COARSE * COARSE].reshape(-1, COARSE).mean(axis=1)
    out = np.zeros((len(x), samples + 3 * hop), np.float32)
    place, last = reach, padded.shape[1] - reach - 2 * hop - 2 * COARSE
    for frame in range(samples // hop + 2):  # the output begins in the middle of the first frame
        if frame:
            nominal = min(reach + round(frame * hop * ratio), last)
            place = _continuation(mono, coarse, place + hop, nominal - reach, nominal + reach, hop)
        out[:, frame * hop : (frame + 2) * hop] += window * padded[:, place : place + 2 * hop]
    return out[:, hop : hop + samples]


def _continuation(mono: Waveform, coarse: Waveform, natural: int, first: int, last: int, length: int) -> int:
    """Finds the place from `first` to `last` whose next `length` samples are most like those at `natural`."""
    a, b, wanted = first // COARSE, last // COARSE, coarse[natural // COARSE : (natural + length) // COARSE]
    span = coarse[a : b + len(wanted)]
    energy = np.cumsum(np.concatenate([[0.0], span.astype(np.float64) ** 2]))
    similarity = np.correlate(span, wanted) / np.sqrt(energy[len(wanted) :] - energy[: -len(wanted)] + 1e-6)
    best = (a + int(np.argmax(similarity))) * COARSE + natural % COARSE
    begin = max(0, best - COARSE + 1)
    fine = np.correlate(mono[begin : best + COARSE - 1 + length], mono[natural : natural + length])
    return begin + int(np.argmax(fine))


def change_pitch_and_tempo(x: Waveform, pitch: float, tempo: float, sample_rate: int) -> Waveform:
    """Changes pitch, with its formants, and tempo by two ratios; returns (channels, about samples / tempo)."""
    x = resample(x, pitch)
    return x if tempo == pitch else time_stretch(x, tempo / pitch, sample_rate)


def stereo(x: Waveform) -> Waveform:
    return x if len(x) == 2 else np.repeat(x, 2, axis=0)


def change_width(x: Waveform, width: float) -> Waveform:
    """Multiplies the difference of two channels by `width`: 0 makes them mono, 1 leaves them as they are."""
    mid, side = (x[0] + x[1]) * 0.5, (x[0] - x[1]) * np.float32(0.5 * width)
    return np.stack([mid + side, mid - side])


def pan_gains(position: float) -> npt.NDArray[np.float32]:
    """Returns the gains (2,) of left and right for a position from −1, left, to 1, right.

    The power is constant; in the centre, 0, both gains are 1.
    """
    angle = (min(max(position, -1.0), 1.0) + 1.0) * np.pi / 4
    return (np.sqrt(2.0) * np.array([np.cos(angle), np.sin(angle)])).astype(np.float32)


def double(x: Waveform, rng: np.random.Generator, sample_rate: int) -> Waveform:
    """Doubles a voice, as if the singer sang it again: mono (1, samples), 12 to 35 ms late.

    The delay wavers slowly, which detunes the double by up to ±10 cents.
    """
    samples = x.shape[1]
    rate, depth = rng.uniform(0.2, 0.6), rng.uniform(0.0005, 0.0015) * sample_rate
    late = rng.uniform(0.014, 0.033) * sample_rate
    # The slow wave is computed every 256 samples and linear in between.
    points = np.arange(samples // 256 + 2)
    wave = late + depth * np.sin(2 * np.pi * (rate * points * 256 / sample_rate + rng.random()))
    delay = (wave[:-1, None] + np.diff(wave)[:, None] * (np.arange(256) / 256)).reshape(-1)[:samples]
    place = np.arange(samples) - delay
    before = np.floor(place).astype(np.int32)
    part = (place - before).astype(np.float32)
    pad = int(late + depth) + 2
    padded = np.pad(x.mean(axis=0), (pad, 1))
    before += pad
    return ((1 - part) * padded[before] + part * padded[before + 1])[None]


def silence(x: Waveform, start: int, stop: int, fade: int) -> None:
    """Mutes samples start … stop − 1 in place, with fades of `fade` samples, half a cosine, before and after."""
    slope = (0.5 + 0.5 * np.cos(np.pi * (np.arange(fade) + 0.5) / fade)).astype(np.float32)
    x[:, max(start, 0) : max(stop, 0)] = 0.0
    for first, curve in ((start - fade, slope), (stop, slope[::-1])):
        a, b = max(first, 0), min(first + fade, x.shape[1])
        if a < b:
            x[:, a:b] *= curve[a - first : b - first]


def limiter(x: Waveform, peak: float) -> Waveform:
    """Computes a gain (samples,) in (0, 1] that keeps |x| within `peak`, as mastering does.

    It falls and rises over some 50 ms. Multiply every source by it, so that they still add up to the mixture.
    """
    block, reach = 256, 4
    padded = np.pad(x, ((0, 0), (0, -x.shape[1] % block))).reshape(len(x), -1, block)
    wanted = np.minimum(1.0, peak / (np.maximum(padded.max(axis=(0, 2)), -padded.min(axis=(0, 2))) + 1e-9))
    # The minima reach a block further than the average, so that neither averages nor the lines between are too high.
    lowest = np.pad(wanted, 2 * reach + 1, constant_values=1.0)
    lowest = np.lib.stride_tricks.sliding_window_view(lowest, 2 * reach + 3).min(axis=1)
    smooth = np.convolve(lowest, np.full(2 * reach + 1, 1 / (2 * reach + 1)), "valid")
    points = np.concatenate([smooth[:1], (smooth[:-1] + smooth[1:]) / 2, smooth[-1:]])
    gains = points[:-1, None] + np.diff(points)[:, None] * (np.arange(block) / block)
    return gains.astype(np.float32).reshape(-1)[: x.shape[1]]


def reverberate(x: Waveform, rng: np.random.Generator, sample_rate: int) -> Waveform:
    """Adds the reverberation of a random room; returns stereo (2, samples).

    The room response is exponentially decaying noise, different in each channel. It falls by 60 dB in 0.2 to 1.6 s and
    is cut at 0.7 s, starts 0 to 30 ms after the dry sound, and is −20 to −4 dB relative to it.
    """
    decay, late = rng.uniform(0.2, 1.6), int(rng.uniform(0.0, 0.03) * sample_rate)
    length = int(min(decay, 0.7) * sample_rate)
    response = rng.standard_normal((2, length), dtype=np.float32)
    response *= np.exp(np.float32(-6.9 / (decay * sample_rate)) * np.arange(length, dtype=np.float32))
    # Averaging neighbours lowers high frequencies, which rooms absorb.
    response[:, 1:] += 0.8 * response[:, :-1]
    response /= np.sqrt(np.einsum("cs,cs->c", response, response))[:, None] + np.float32(1e-9)
    response *= np.float32(gain(rng.uniform(-20, -4)))
    out = stereo(x).copy()
    # Overlap-add in blocks small enough for the cache.
    size = 1 << int(np.ceil(np.log2(2 * length)))
    block = size - length
    spectrum = np.fft.rfft(response, size)
    for start in range(0, x.shape[1] - late, block):
        wet = np.fft.irfft(np.fft.rfft(x[:, start : min(start + block, x.shape[1] - late)], size) * spectrum, size)
        stop = min(start + late + size, x.shape[1])
        out[:, start + late : stop] += wet[:, : stop - start - late]
    return out


def equaliser(rng: np.random.Generator, num_bins: int) -> npt.NDArray[np.float32]:
    """Draws a smooth gain (F,) over log frequency: a tilt and a wave of a few dB."""
    octave = np.log2(np.maximum(np.arange(num_bins), 1)) / np.log2(num_bins)
    wave = np.sin(2 * np.pi * (rng.uniform(0.5, 3) * octave + rng.random()))
    db = rng.normal(0, 4) * (octave - 0.6) + rng.normal(0, 2) * wave
    return np.power(10.0, db / 20).astype(np.float32)


def low_pass(cutoff_hz: float, num_bins: int, sample_rate: int) -> npt.NDArray[np.float32]:
    """Computes the gain (F,) of a codec or an old recording: 1 up to the cutoff, 0 from 3 % above it."""
    frequency = np.linspace(0, sample_rate / 2, num_bins)
    slope = np.clip((frequency / cutoff_hz - 1) / 0.03, 0, 1)
    return (0.5 + 0.5 * np.cos(np.pi * slope)).astype(np.float32)
