"""What is refused, and which references are found to be empty above a frequency."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import scipy.signal
import soundfile

from tests.support.paths import EXAMPLE
from training.evaluation.conditions import CONDITIONS
from training.evaluation.metrics import bss_eval
from training.evaluation.scored_mixture import SOURCES, ScoredMixture
from training.evaluation.validity import band_levels_db, edge_hz, require_fit, require_scorable, warnings_of

RATE = 44100


def noise(seconds: float = 3, seed: int = 0, slope_db: float = 6, rate: int = RATE) -> np.ndarray:
    """Stereo noise, full band, falling by `slope_db` an octave above 300 Hz."""
    white = np.random.default_rng(seed).standard_normal((round(seconds * rate), 2))
    hz = np.fft.rfftfreq(len(white), 1 / rate)[:, None]
    x = np.fft.irfft(np.fft.rfft(white, axis=0) / (1 + (hz / 300) ** 2) ** (slope_db / 12), len(white), axis=0)
    return (0.1 * x / x.std()).astype(np.float32)


def rounded(waveform: np.ndarray) -> np.ndarray:
    return (np.round(waveform * 32768) / 32768).astype(np.float32)


def lowpassed(waveform: np.ndarray, hz: float, rate: int = RATE) -> np.ndarray:
    fir = scipy.signal.firwin(1001, hz, window=("kaiser", 12), fs=rate)
    return scipy.signal.oaconvolve(waveform, fir[:, None], "same", axes=0).astype(np.float32)


def edge_of(waveform: np.ndarray, rate: int) -> float | None:
    return edge_hz(band_levels_db(waveform, rate), rate)


@pytest.fixture
def scored() -> ScoredMixture:
    return ScoredMixture("song", RATE, {s: noise(0.5, seed) for seed, s in enumerate(SOURCES)})


def with_(scored: ScoredMixture, **references: np.ndarray) -> ScoredMixture:
    return dataclasses.replace(scored, references={**scored.references, **references})


def test_what_fits_is_let_through(scored):
    require_scorable(scored)
    require_fit(scored, scored.references)
    assert warnings_of(scored) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: 0 * x, "song: the vocals reference: expected sound. Received: 22050 samples, all zero"),
        (lambda x: x[:-1], r"expected \(samples, channels\) = \(22050, 2\). Received: \(22049, 2\)"),
        (lambda x: x[:, :1], r"Received: \(22050, 1\)"),
        (lambda x: x[:, 0], r"Received: \(22050,\)"),
        (lambda x: np.where(np.arange(22050)[:, None] == 7, np.nan, x), "finite samples. Received: nan at sample 7"),
        (lambda x: np.where(np.arange(22050)[:, None] == 9, -np.inf, x), "Received: -inf at sample 9"),
    ],
)
def test_references_and_estimates_that_cannot_be_scored(scored, change, message):
    changed = change(scored.references["vocals"])
    with pytest.raises(ValueError, match=message):
        require_scorable(with_(scored, vocals=changed))
    with pytest.raises(ValueError, match=message.replace("reference", "estimate")):
        require_fit(scored, {**scored.references, "vocals": changed})


@pytest.mark.parametrize(("samples", "refused"), [(0, True), (511, True), (512, False)])
def test_a_song_as_short_as_the_filters_is_refused(scored, samples, refused):
    short = ScoredMixture("song", RATE, {source: x[:samples] for source, x in scored.references.items()})
    if refused:
        with pytest.raises(ValueError, match=f"song: expected at least 512 samples.* Received: {samples}$"):
            require_scorable(short)
    else:
        require_scorable(short)


def test_the_accompaniment_and_the_mixture_are_looked_at_too(scored):
    with pytest.raises(ValueError, match="the accompaniment reference"):
        require_scorable(with_(scored, accompaniment=0 * scored.mixture))
    with pytest.raises(ValueError, match="the accompaniment estimate"):
        require_fit(scored, {**scored.references, "accompaniment": 0 * scored.mixture})
    with pytest.raises(ValueError, match="the mixture: expected finite"):
        require_scorable(dataclasses.replace(scored, mixture=scored.mixture * np.nan))


def test_estimates_at_another_rate_or_missing(scored):
    with pytest.raises(ValueError, match="Missing: accompaniment"):
        require_fit(scored, {"vocals": scored.references["vocals"]})


@pytest.mark.parametrize("slope_db", [0, 6, 12, 18, 24])
@pytest.mark.parametrize("gain", [1, 1e-3])
@pytest.mark.parametrize("rate", [16000, 44100, 48000])
def test_a_smooth_fall_has_no_edge_however_dull_or_quiet(slope_db, gain, rate):
    x = gain * noise(1, slope_db=slope_db, rate=rate)
    assert edge_of(x, rate) is None
    assert edge_of(rounded(x), rate) is None


@pytest.mark.parametrize("edge", [5000, 8000, 11025, 16000, 19000])
@pytest.mark.parametrize("gain", [10, 1, 0.1])
def test_a_cliff_is_found_where_it_is_at_any_level(edge, gain):
    x = gain * lowpassed(noise(), edge)
    assert edge_of(x, RATE) == pytest.approx(edge, abs=500)
    if gain >= 1 and edge < 19000:
        assert edge_of(rounded(x), RATE) == pytest.approx(edge, abs=500)


def test_a_cliff_of_thirty_decibels_onto_rounding_noise_is_found():
    x = rounded(lowpassed(noise(slope_db=10), 16000))
    assert edge_of(x, RATE) == pytest.approx(16000, abs=500)


def test_a_gap_is_no_edge_nor_is_a_step():
    x = noise(slope_db=12)
    above = x - lowpassed(x, 12000)
    assert edge_of(lowpassed(x, 8000) + above, RATE) is None
    assert edge_of(lowpassed(x, 12000) + 0.2 * above, RATE) is None


def test_a_converters_own_filter_is_no_edge():
    assert edge_of(lowpassed(noise(), 20500), RATE) is None


@pytest.mark.parametrize("num_samples", [0, 1, 1000])
def test_nothing_and_next_to_nothing_have_no_edge(num_samples):
    assert edge_of(np.ones((num_samples, 2), np.float32), RATE) is None
    assert edge_of(np.zeros((RATE, 1), np.float32), RATE) is None


def test_the_warnings_say_what_is_known(scored):
    full = [noise(seed=seed) for seed in range(2)]
    empty = ScoredMixture("empty", RATE, dict(zip(SOURCES, (lowpassed(full[0], 15900), full[1]), strict=True)))
    edge = f"{edge_of(empty.references['vocals'], RATE) / 1000:.1f} kHz (MP3-coded?)"
    assert edge.startswith("16.")
    assert warnings_of(empty) == [f"vocals: nothing above {edge}: SIR and SAR have no meaning, SDR is not affected"]
    (line,) = warnings_of(with_(empty, vocals=rounded(empty.references["vocals"])))
    assert line.startswith(("vocals: little but noise above 15.", "vocals: little but noise above 16."))
    assert "SIR and SAR depend on that noise" in line
    (line,) = warnings_of(with_(empty, vocals=noise(slope_db=24)))
    assert "spectrum spans 14" in line
    assert "SIR and SAR have no meaning" in line
    assert warnings_of(with_(empty, vocals=rounded(noise(slope_db=24)))) == []
    assert len(warnings_of(CONDITIONS["lowpass_8khz"](scored))) == 2


def test_sir_of_an_empty_reference_is_arbitrary_and_sdr_is_not():
    """What the warning says, measured: −120 dB of noise in the references moves SIR by decibels."""
    rng = np.random.default_rng(5)

    def scores(references: list[np.ndarray]) -> dict[str, float]:
        leak = 0.3 * full[1] + 0.1 * np.roll(full[0], 900, axis=0)
        found = bss_eval(references, [full[0] + leak, full[1] - leak], RATE)
        return {name: float(np.median(values[0])) for name, values in found.items()}

    full = [lowpassed(noise(2, seed), 12000) for seed in (1, 2)]
    empty = scores(full)
    noisy, again = (
        scores([x + (10**-4.5 * rng.standard_normal(x.shape)).astype(np.float32) for x in full]) for _ in range(2)
    )
    assert abs(empty["SDR"] - noisy["SDR"]) < 0.01
    assert abs(empty["SIR"] - noisy["SIR"]) > 3
    assert noisy == pytest.approx(again, abs=0.05)  # what noise decides does not depend on which


def test_the_examples_mp3_is_found_as_floats_and_rounded():
    x = soundfile.read(EXAMPLE / "accompaniment.ogg", dtype="float32", frames=10 * RATE)[0]
    coded = CONDITIONS["mp3_128k"](ScoredMixture("x", RATE, dict.fromkeys(SOURCES, x), x)).mixture
    assert edge_of(coded, RATE) == pytest.approx(16000, abs=750)
    assert edge_of(rounded(coded), RATE) == pytest.approx(16000, abs=750)


@pytest.mark.parametrize("start", [0, 10, 15])
def test_real_stems_from_ogg_vorbis_are_empty_on_top_until_rounded(start):
    part = {"dtype": "float32", "start": start * RATE, "frames": 10 * RATE}
    stems = {s: soundfile.read(EXAMPLE / f"{s}.ogg", **part)[0] for s in SOURCES}
    lines = warnings_of(ScoredMixture("lithium", RATE, stems))
    assert len(lines) == 2
    assert all("no meaning" in line for line in lines)
    lines = warnings_of(ScoredMixture("lithium", RATE, {s: rounded(x) for s, x in stems.items()}))
    assert not any("no meaning" in line for line in lines)
