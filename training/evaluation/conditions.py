"""The conditions: the same song as it may reach a listener, louder, duller, in mono, coded, with a little noise or DC.

Conventions: waveform (samples, channels), float32; full scale is ±1, but nothing is clipped.
"""

from __future__ import annotations

import dataclasses
import functools
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import scipy.signal

from keras_sep.audio import AudioReader, AudioWriter
from training.evaluation.scored_mixture import ScoredMixture, Waveform

LOWPASS_EDGES_HZ = (8000, 8500)  # passes up to the first, stops from the second
LOWPASS_STOP_DB = 80.0
MP3_BITRATE = 128  # kbit/s
MP3_SAMPLE_RATES = (16000, 22050, 24000, 32000, 44100, 48000)  # at lower rates MP3 has at most 64 kbit/s


def level(scored: ScoredMixture, gain_db: float) -> ScoredMixture:
    """Makes mixture and references `gain_db` louder."""
    gain = np.float32(10 ** (gain_db / 20))
    return _everywhere(scored, lambda waveform: waveform * gain)


def lowpass_8khz(scored: ScoredMixture) -> ScoredMixture:
    """Filters mixture and references by a low-pass: flat up to 8 kHz, −80 dB from 8.5 kHz on.

    The filter has linear phase, and its delay is removed. Wherever they are not zero, the references get noise at
    −98 dB, as from rounding to 16 bits: if they held nothing at all above 8.5 kHz, ISR, SIR and SAR would have no
    meaning (`training.evaluation.validity.warnings_of`).

    Raises:
        ValueError: the sample rate is not above 17 kHz.
    """
    if scored.sample_rate <= 2 * LOWPASS_EDGES_HZ[1]:
        raise ValueError(
            f"lowpass_8khz: expected a sample rate above {2 * LOWPASS_EDGES_HZ[1]} Hz. Received: {scored.sample_rate}"
        )
    width = LOWPASS_EDGES_HZ[1] - LOWPASS_EDGES_HZ[0]
    taps, beta = scipy.signal.kaiserord(LOWPASS_STOP_DB, width / (scored.sample_rate / 2))
    fir = scipy.signal.firwin(taps | 1, np.mean(LOWPASS_EDGES_HZ), window=("kaiser", beta), fs=scored.sample_rate)

    def filtered(waveform: Waveform) -> Waveform:
        channels = [scipy.signal.oaconvolve(channel.astype(np.float64), fir, "full") for channel in waveform.T]
        late = len(fir) // 2
        return np.stack([channel[late : late + len(waveform)].astype(np.float32) for channel in channels], axis=1)

    duller = _everywhere(scored, filtered)
    random = np.random.default_rng(0)
    references = {}
    for source, reference in duller.references.items():
        noise = random.standard_normal(reference.shape, np.float32) * np.float32(10 ** (-98 / 20))
        references[source] = reference + noise * (scored.references[source] != 0)
    return dataclasses.replace(duller, references=references)


def mono(scored: ScoredMixture) -> ScoredMixture:
    """Averages the channels of mixture and references: (samples, 1).

    The result has one channel, not two equal ones: BSS Eval projects on all channels of all references, and equal
    channels make its equations singular.
    """
    return _everywhere(scored, lambda waveform: waveform.mean(axis=1, keepdims=True, dtype=np.float64))


def mp3_128k(scored: ScoredMixture) -> ScoredMixture:
    """Codes the mixture as MP3 at a constant 128 kbit/s and decodes it again, without a delay.

    The references stay as they are, so that the errors of the coder count as errors of the stems.

    Raises:
        ValueError: MP3 does not support the sample rate or the number of channels.
    """
    if scored.sample_rate not in MP3_SAMPLE_RATES:
        rates = ", ".join(map(str, MP3_SAMPLE_RATES))
        raise ValueError(f"mp3_128k: expected a sample rate of {rates} Hz. Received: {scored.sample_rate}")
    # A sum of stems may exceed full scale, but the coder's input may not.
    gain = np.float32(max(1.0, np.abs(scored.mixture).max(initial=0)))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mixture.mp3"
        writer = AudioWriter(path, scored.sample_rate, scored.mixture.shape[1], "mp3", bitrate=MP3_BITRATE)
        writer.open()
        writer.write(scored.mixture / gain)
        writer.finish()
        writer.commit()
        with AudioReader(path) as reader:
            decoded = np.concatenate(list(reader.blocks()))
    return dataclasses.replace(scored, mixture=(decoded * gain).astype(np.float32))


def noise(scored: ScoredMixture, level_db: float) -> ScoredMixture:
    """Adds white noise to the mixture, the same every time; `level_db` is its RMS in dB relative to full scale."""
    samples = np.random.default_rng(0).standard_normal(scored.mixture.shape, np.float32)
    return dataclasses.replace(scored, mixture=scored.mixture + samples * np.float32(10 ** (level_db / 20)))


def dc(scored: ScoredMixture, offset: float) -> ScoredMixture:
    """Adds a constant, as a share of full scale, to the mixture and to the accompaniment, where it belongs."""
    references = {**scored.references, "accompaniment": scored.references["accompaniment"] + np.float32(offset)}
    return dataclasses.replace(scored, references=references, mixture=scored.mixture + np.float32(offset))


CONDITIONS: dict[str, Callable[[ScoredMixture], ScoredMixture]] = {
    "level_+20db": functools.partial(level, gain_db=20.0),
    "level_-20db": functools.partial(level, gain_db=-20.0),
    "lowpass_8khz": lowpass_8khz,
    "mono": mono,
    "mp3_128k": mp3_128k,
    "noise_-80db": functools.partial(noise, level_db=-80.0),
    "dc_10percent": functools.partial(dc, offset=0.1),
}
LABELS = {
    "level_+20db": "20 dB louder",
    "level_-20db": "20 dB quieter",
    "lowpass_8khz": "nothing above 8 kHz",
    "mono": "mono",
    "mp3_128k": "mixture through MP3 at 128 kbit/s",
    "noise_-80db": "mixture with noise at −80 dB",
    "dc_10percent": "DC offset of 10 % of full scale",
}


def _everywhere(scored: ScoredMixture, change: Callable[[Waveform], np.ndarray]) -> ScoredMixture:
    references = {source: change(reference).astype(np.float32) for source, reference in scored.references.items()}
    return dataclasses.replace(scored, references=references, mixture=change(scored.mixture).astype(np.float32))
