from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest

from keras_sep.signal import stft
from keras_sep.spec import StreamSpec
from tests.support.pools import POOLS, RATE, SPEC, LoggedStem, instrumentals, song, stem, tone, voices
from training.data import effects
from training.data.batches import random_batches, validation_segments
from training.data.excerpts import Excerpt
from training.data.mixing import Activity, Mixing, RandomMixer, _needed
from training.data.stems import Stem, StemPool

FRAMES = 64  # 0.54 s
LONG = 620  # 5 s, as in training


@pytest.fixture(scope="module")
def mixer() -> RandomMixer:
    return RandomMixer(POOLS["all"](), SPEC, FRAMES)


def draws(mixer: RandomMixer, count: int) -> list[Excerpt]:
    return [mixer.draw(np.random.default_rng([9, i])) for i in range(count)]


def power_db(x: np.ndarray) -> float:
    return 10 * np.log10(np.mean(np.square(x)) + 1e-12)


def pitch_hz(x: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(x * np.hanning(len(x)), 1 << 19))
    return float(np.argmax(spectrum)) * RATE / (1 << 19)


def silent_runs(x: np.ndarray, below_db: float = -40.0) -> list[float]:
    """Seconds of each run of 10 ms blocks that are far below the loudest."""
    blocks = np.square(x.mean(axis=0))[: x.shape[1] // 80 * 80].reshape(-1, 80).mean(axis=1)
    quiet = blocks < blocks.max() * 10 ** (below_db / 10)
    return [0.01 * len(list(run)) for is_quiet, run in itertools.groupby(quiet) if is_quiet]


# --- segments


def test_a_segment_is_a_function_of_its_generator(mixer):
    a, b, c = (mixer.draw(np.random.default_rng(seed)).segment() for seed in (3, 3, 4))
    for name in ("mixture", "vocals", "accompaniment"):
        assert np.array_equal(getattr(a, name), getattr(b, name))
    assert not np.array_equal(a.mixture, c.mixture)
    # What was drawn before does not matter, nor does another mixer.
    other = RandomMixer(POOLS["all"](), SPEC, FRAMES).draw(np.random.default_rng(3)).segment()
    assert np.array_equal(a.mixture, other.mixture)


@pytest.mark.parametrize("name", POOLS)
def test_any_pool_makes_mixtures_of_what_they_are_made_of(name):
    mixer = RandomMixer(POOLS[name](), SPEC, FRAMES)
    found = 0
    for excerpt in draws(mixer, 40):
        assert excerpt.vocals.waveform.dtype == excerpt.accompaniment.waveform.dtype == np.float32
        segment = excerpt.segment()
        for magnitude in (segment.mixture, segment.vocals, segment.accompaniment):
            assert magnitude.shape == (FRAMES, 129, 2)
            assert magnitude.dtype == np.float32
            assert np.all(np.isfinite(magnitude))
        # |V + A| lies between | |V| − |A| | and |V| + |A|.
        assert np.all(segment.mixture <= (segment.vocals + segment.accompaniment) * 1.001 + 1e-4)
        assert np.all(segment.mixture >= np.abs(segment.vocals - segment.accompaniment) * 0.999 - 1e-4)
        found += bool(segment.vocals.any() and segment.accompaniment.any())
    assert found >= 20


def test_a_mixture_is_the_transform_of_the_sum():
    excerpt = RandomMixer(POOLS["all"](), SPEC, FRAMES, Mixing(floor=1.0)).draw(np.random.default_rng(1))
    excerpt.vocals.equaliser[:] = excerpt.accompaniment.equaliser[:] = 1.0
    assert excerpt.vocals.gains.any()
    assert excerpt.accompaniment.gains.any()
    excerpt.floor.equaliser[:] = 1.0
    total = excerpt.vocals.scaled() + excerpt.accompaniment.scaled() + excerpt.floor.scaled()
    np.testing.assert_allclose(excerpt.segment().mixture, np.abs(stft(total.T, SPEC)), atol=1e-4)


def test_one_channel():
    spec = StreamSpec(sample_rate=RATE, num_channels=1, frame_length=256, frame_step=64, fft_length=256)
    for excerpt in draws(RandomMixer(POOLS["all"](), spec, 8), 20):
        assert excerpt.segment().mixture.shape == (8, 129, 1)


def test_what_cannot_be_mixed_is_named():
    for pool in (StemPool(), StemPool(voices=voices()), StemPool(instrumentals=instrumentals())):
        with pytest.raises(ValueError, match="expected songs, or both voices and music"):
            RandomMixer(pool, SPEC, FRAMES)
    with pytest.raises(ValueError, match="num_channels=3"):
        RandomMixer(POOLS["songs"](), StreamSpec(num_channels=3), FRAMES)


def test_songs_alone_are_mixed_with_each_other_and_with_themselves():
    mixer = RandomMixer(POOLS["songs"](), SPEC, FRAMES)
    pairs = []
    for seed in range(60):
        LoggedStem.reads.clear()
        mixer.draw(np.random.default_rng(seed))
        read = [path.split("/")[2:] for path, _ in LoggedStem.reads]
        pairs.append({name for name, _ in read})
        assert {kind for _, kind in read} == {"vocals.wav", "accompaniment.wav"}
    assert sum(len(pair) > 1 for pair in pairs) >= 15
    assert sum(len(pair) == 1 for pair in pairs) >= 15


def test_levels_and_silences():
    mixer = RandomMixer(POOLS["all"](), SPEC, LONG)
    levels, balances, voice_silent, music_silent = [], [], 0, 0
    for excerpt in draws(mixer, 300):
        vocals, music = excerpt.vocals.scaled(), excerpt.accompaniment.scaled()
        assert np.abs(vocals + music).max() <= 1.2 * 1.001
        voice_silent += not vocals.any()
        music_silent += not music.any()
        if music.any():
            levels.append(effects.active_rms_db(music))
        if vocals.any() and music.any():
            balances.append(effects.active_rms_db(vocals) - effects.active_rms_db(music))
    low, middle, high = np.quantile(levels, [0.05, 0.5, 0.95])
    assert -42 < low < -32  # quiet recordings
    assert -24 < middle < -15
    assert -13 < high < -7  # mastered ones: the range up to −14 dB was too narrow
    assert -5 < np.median(balances) < 3
    assert 5 < np.std(balances) + np.ptp(balances) / 10 < 12
    assert 0.03 < voice_silent / 300 < 0.12
    assert 0.005 < music_silent / 300 < 0.07


def test_the_noise_floor_is_heard_as_accompaniment():
    excerpts = draws(RandomMixer(POOLS["all"](), SPEC, FRAMES, Mixing(floor=0.75, floor_db=-62.0)), 100)
    floors = [excerpt.floor for excerpt in excerpts if excerpt.floor is not None]
    assert 60 < len(floors) < 90
    levels = [power_db(floor.scaled()) for floor in floors]
    assert -101 < min(levels) < -95 < -67 < max(levels) < -61
    assert {len(floor.waveform) for floor in floors} == {1, 2}
    excerpt = next(e for e in excerpts if e.floor is not None)
    before = excerpt.segment()
    excerpt.accompaniment.gains[:] = 0.0
    alone = excerpt.segment()
    assert np.array_equal(alone.vocals, before.vocals)
    assert alone.accompaniment.any()
    excerpt.floor = None
    assert not excerpt.segment().accompaniment.any()


def test_a_lead_in_is_the_noise_floor_alone_or_digital_silence():
    mixer = RandomMixer(POOLS["pools"](), SPEC, FRAMES, Mixing(lead_in=1.0, floor=1.0, narrow=0.0, music_silent=0.0))
    begins, levels, count = [], [], 60
    for excerpt in draws(mixer, count):
        (sounds,) = np.nonzero(excerpt.vocals.waveform.any(axis=0) | excerpt.accompaniment.waveform.any(axis=0))
        begins.append(sounds[0] / excerpt.vocals.waveform.shape[1])
        if excerpt.floor is not None:
            levels.append(power_db(excerpt.floor.scaled()[:, : sounds[0]]))
    assert 0.45 < len(levels) / count < 0.75
    assert 0.08 < min(begins) < 0.2
    assert 0.4 < np.quantile(begins, 0.8) < 0.65
    assert -92 < min(levels) < -80 < -60 < max(levels) < -48


def test_some_mixtures_have_no_highest_frequencies():
    spec = StreamSpec(frame_length=256, frame_step=64, fft_length=256)  # 44.1 kHz: bins of 172 Hz
    mixer = RandomMixer(POOLS["pools"](), spec, FRAMES, Mixing(narrow=0.25))
    narrow = [e for e in draws(mixer, 100) if (e.vocals.equaliser == 0).any()]
    assert 12 < len(narrow) < 40
    for excerpt in narrow:
        empty = excerpt.vocals.equaliser == 0
        assert np.array_equal(empty, excerpt.accompaniment.equaliser == 0)
        assert 7000 < np.argmax(empty) * 44100 / 256 < 20000
        assert empty[np.argmax(empty) :].all()
    response = effects.low_pass(10000.0, 2049, 44100)
    edge = 10000 * 2048 // 22050
    assert (response[: edge + 1] == 1).all()
    assert (np.diff(response) <= 0).all()
    assert (response[round(1.03 * edge) + 2 :] == 0).all()


def test_levels_count_where_it_sounds():
    sound = np.full((1, 16 * effects.LEVEL_BLOCK), 0.1, np.float32)
    paused = sound.copy()
    paused[:, : 12 * effects.LEVEL_BLOCK] = 0
    assert effects.active_rms_db(sound) == pytest.approx(-20, abs=0.01)
    assert effects.active_rms_db(paused) == pytest.approx(-20, abs=0.01)
    assert power_db(paused) == pytest.approx(-26, abs=0.1)
    assert effects.active_rms_db(0 * sound) == -120


def test_short_phrases_are_joined():
    lengths = (0.9, 2.0, 1.4, 2.6)
    padded = [np.pad(tone(200 + 9 * i, s), RATE // 2) for i, s in enumerate(lengths)]
    phrases = [stem(f"train/voices/{i}.wav", x) for i, x in enumerate(padded)]
    mixer = RandomMixer(StemPool([], phrases, instrumentals()), SPEC, LONG, Mixing(voice_pauses=0, voice_silent=0))
    for excerpt in draws(mixer, 60):
        vocals = excerpt.vocals.scaled()
        runs = silent_runs(vocals)
        assert (
            max(runs, default=0.0) < 1.02
        )  # 0.6 s and up to a block of 0.1 s at each end, played at most a quarter slower
        assert sum(runs) < 0.4 * LONG * SPEC.frame_step / RATE
    # The control: the phrases as they are leave seconds of silence.
    assert max(silent_runs(phrases[0].read(0, LONG * SPEC.frame_step).T)) > 2


def test_pauses_are_added_to_voices_that_have_none():
    def share(**settings: float) -> float:
        mixer = RandomMixer(POOLS["pools"](), SPEC, LONG, Mixing(**settings))
        sung = [e.vocals.scaled() for e in draws(mixer, 80) if e.vocals.gains.any()]
        return float(np.mean([max(silent_runs(vocals), default=0.0) > 0.5 for vocals in sung]))

    assert 0.25 < share(voice_pauses=0.45) < 0.65
    assert share(voice_pauses=0) == 0


def test_short_music_is_repeated():
    plain = Mixing(music_pauses=0, music_silent=0)
    for pool in (StemPool([], voices(), instrumentals(1.3)), StemPool([song(0, 2.2)])):
        for excerpt in draws(RandomMixer(pool, SPEC, LONG, plain), 20):
            assert not silent_runs(excerpt.accompaniment.scaled())


def test_activity_is_relative_to_the_stem():
    x = np.concatenate([np.zeros(2 * RATE), tone(200, 2), 0.001 * tone(200, 2)])
    activity = Activity(stem("a.wav", x), RATE)
    begin, end = activity.bounds()
    assert (begin, end) == (2 * RATE, 4 * RATE)
    assert activity.level_db == pytest.approx(power_db(tone(200, 2)), abs=0.2)
    louder = Stem("a.wav", "", stem("a.wav", x).audio, scale=2.0)
    assert Activity(louder, RATE).level_db == pytest.approx(activity.level_db + 6.02, abs=0.01)
    rng = np.random.default_rng(0)
    starts = [activity.start(len(x), RATE, 0.9, rng) for _ in range(50)]
    assert 1.8 * RATE <= min(starts) < 2.2 * RATE
    assert 2.8 * RATE < max(starts) <= 3.3 * RATE


# --- views


def test_a_network_may_see_mid_and_side_too(mixer):
    """Of the mixture; sources have no more than their channels."""
    spec = dataclasses.replace(SPEC, views=("left", "right", "mid", "side"))
    four, means = RandomMixer(mixer.pool, spec, FRAMES), []
    for seed in range(4):
        two_views, four_views = (each.draw(np.random.default_rng(seed)).segment() for each in (mixer, four))
        assert four_views.mixture.shape == (FRAMES, 129, 4)
        assert four_views.vocals.shape == four_views.accompaniment.shape == (FRAMES, 129, 2)
        np.testing.assert_array_equal(four_views.mixture[..., :2], two_views.mixture)
        np.testing.assert_array_equal(four_views.vocals, two_views.vocals)
        # |L|² + |R|² = |M|² + |S|², and mid is no mean of magnitudes.
        power = np.square(four_views.mixture)
        np.testing.assert_allclose(power[..., 2:].sum(-1), power[..., :2].sum(-1), rtol=1e-3, atol=1e-5)
        means.append(np.abs(four_views.mixture[..., 2] - four_views.mixture[..., :2].sum(-1) / np.sqrt(2)).max())
    assert max(means) > 0.1
    x, y = validation_segments(mixer.pool, spec, FRAMES, 2)
    assert (x.shape, y["vocals"].shape) == ((2, FRAMES, 129, 4), (2, FRAMES, 129, 2))


# --- batches


def test_a_batch_is_a_function_of_seed_and_step(mixer):
    x, y = next(random_batches(mixer, 2, seed=1, first_step=3))
    assert x.shape == (2, FRAMES, 129, 2)
    for row in range(2):
        segment = mixer.draw(np.random.default_rng([1, 3, row])).segment()
        np.testing.assert_array_equal(x[row], segment.mixture)
        np.testing.assert_array_equal(y["vocals"][row], segment.vocals)
        np.testing.assert_array_equal(y["accompaniment"][row], segment.accompaniment)


def test_a_resumed_run_sees_the_batches_it_would_have_seen(mixer):
    def first(count: int, **kwargs):
        found = list(itertools.islice(random_batches(mixer, 2, seed=1, **kwargs), count))
        return [(x, y["vocals"]) for x, y in found]

    batches = first(7)
    for x in (batches[0][0], batches[0][1]):
        assert isinstance(x, np.ndarray)
    resumed = first(3, first_step=4, prefetch=2)
    for a, b in zip(resumed, batches[4:], strict=True):
        assert np.array_equal(a[0], b[0])
        assert np.array_equal(a[1], b[1])
    assert not np.array_equal(resumed[0][0], batches[3][0])


def test_excerpts_are_drawn_once_and_not_far_ahead(mixer):
    drawn = []

    class Counting(RandomMixer):
        def draw(self, rng):
            drawn.append(rng)
            return super().draw(rng)

    batches = random_batches(Counting(mixer.pool, SPEC, 8), 2, seed=1, prefetch=3)
    for _ in range(8):
        next(batches)
    batches.close()
    assert 8 * 2 <= len(drawn) <= (8 + 3) * 2


@pytest.mark.parametrize(("name", "count"), [("batch_size", 0), ("prefetch", 0), ("workers", -1)])
def test_counts_of_batches_are_checked(mixer, name, count):
    with pytest.raises(ValueError, match=f"at least 1.* Received: .*{name}={count}"):
        next(random_batches(mixer, seed=1, **{"batch_size": 2, "prefetch": 3, name: count}))


# --- validation


@pytest.mark.parametrize("name", ["all", "songs", "pools", "voices and tracks", "songs and voices"])
def test_validation_is_the_same_in_every_run(name):
    x, y = validation_segments(POOLS[name](), SPEC, FRAMES, 6)
    list(itertools.islice(random_batches(RandomMixer(POOLS[name](), SPEC, 8), 1, seed=7), 2))
    again, _ = validation_segments(POOLS[name](), SPEC, FRAMES, 6)
    more, _ = validation_segments(POOLS[name](), SPEC, FRAMES, 8)
    assert x.shape == (6, FRAMES, 129, 2)
    assert np.array_equal(x, again)
    assert np.array_equal(x, more[:6])
    assert all(y["vocals"][row].any() and y["accompaniment"][row].any() for row in range(6))


def test_validation_mixtures_are_real_where_there_are_songs():
    mixer = RandomMixer(POOLS["songs"](), SPEC, FRAMES)
    levels = []
    for index in range(12):
        LoggedStem.reads.clear()
        excerpt = mixer.draw_plain(index)
        (vocals, start), (music, music_start) = LoggedStem.reads
        assert vocals.split("/")[2] == music.split("/")[2] == str(index % 3)
        assert start == music_start
        # The song's own balance, and at least half of it sung.
        song = mixer.pool.songs[index % 3]
        own = song.vocals.read(start, 1000) + song.accompaniment.read(start, 1000)
        mixed = (excerpt.vocals.scaled() + excerpt.accompaniment.scaled())[:, :1000].T
        assert np.corrcoef(own[:, 0], mixed[:, 0])[0, 1] > 0.999
        assert sum(silent_runs(excerpt.vocals.scaled())) <= 0.65 * mixer.num_samples(FRAMES) / RATE
        levels.append(effects.active_rms_db(excerpt.vocals.scaled() + excerpt.accompaniment.scaled()))
    assert min(levels) < -28
    assert max(levels) > -14
    assert np.max(np.diff(np.sort(levels))) < 6


# --- effects


@pytest.mark.parametrize(
    ("pitch", "tempo"), [(1.25, 1.25), (0.8, 0.8), (1.25, 1.0), (0.8, 1.0), (1.0, 1.3), (1.2, 0.8)]
)
def test_pitch_and_tempo(pitch, tempo):
    swelling = tone(440, 6) * (1 + 0.5 * np.sin(2 * np.pi * 3 * np.arange(6 * RATE) / RATE))
    x = swelling[None].astype(np.float32)
    y = effects.change_pitch_and_tempo(x, pitch, tempo, RATE)
    assert y.dtype == np.float32
    assert y.shape[1] == pytest.approx(x.shape[1] / tempo, abs=2)
    assert pitch_hz(y[0]) == pytest.approx(440 * pitch, rel=2e-3)
    assert power_db(y) == pytest.approx(power_db(x), abs=0.3)
    envelope = np.square(y[0, RATE // 2 : -RATE // 2])
    assert pitch_hz(np.convolve(envelope - envelope.mean(), np.ones(100) / 100, "same")) == pytest.approx(
        3 * tempo, rel=0.05
    )


def test_a_stretch_by_one_changes_nothing():
    x = np.random.default_rng(0).standard_normal((2, 2 * RATE)).astype(np.float32)
    np.testing.assert_allclose(effects.time_stretch(x, 1.0, RATE), x, atol=1e-5)
    assert np.abs(effects.time_stretch(x, 1.1, RATE)[:, :4000] - x[:, :4000]).max() > 0.1


def test_a_room_is_linear_and_its_blocks_join():
    x = np.random.default_rng(0).standard_normal((1, 3 * RATE)).astype(np.float32)
    impulse = np.zeros((1, 3 * RATE), np.float32)
    impulse[0, 0] = 1.0
    wet, response = (effects.reverberate(signal, np.random.default_rng(2), RATE) for signal in (x, impulse))
    for channel in range(2):
        size = 1 << 16
        expected = np.fft.irfft(np.fft.rfft(x[0], size) * np.fft.rfft(response[channel], size), size)[: 3 * RATE]
        np.testing.assert_allclose(wet[channel], expected, atol=1e-4)
    assert np.abs(wet[0] - wet[1]).max() > 0.01
    assert not np.allclose(wet[0], x[0], atol=0.1)


def test_a_doubled_voice_is_late_and_nearly_in_tune():
    x = np.random.default_rng(0).standard_normal((1, 2 * RATE)).astype(np.float32)
    for seed in range(5):
        y = effects.double(x, np.random.default_rng(seed), RATE)
        late = 500 - np.argmax(np.correlate(x[0, 3500:5000], y[0, 4000:5000]))
        assert 0.011 * RATE < late < 0.036 * RATE
    sung = tone(440, 4)[None].astype(np.float32)
    assert pitch_hz(effects.double(sung, np.random.default_rng(0), RATE)[0]) == pytest.approx(440, rel=0.01)


def test_the_limiter_keeps_the_peak_and_what_is_below_it():
    x = np.full((2, 2 * RATE), 0.2, np.float32)
    x[:, 5000:5003] = [[1.4, -2.0, 1.4], [0.1, 0.2, 0.3]]
    x[1, -1] = 1.1
    gains = effects.limiter(x, 0.9)
    assert gains.shape == (2 * RATE,)
    assert np.abs(x * gains).max() <= 0.9 * (1 + 1e-5)
    assert gains.min() > 0.3
    assert np.all(gains[:2000] == 1.0)
    assert np.all(gains[8000:12000] == 1.0)
    assert np.abs(np.diff(gains)).max() < 2e-3


@pytest.mark.parametrize(("power", "share"), [(0.0, 0.5), (0.5, 0.75), (1.0, 0.9)])
def test_a_longer_song_may_be_drawn_more_often(power, share):
    pool = StemPool(songs=[song(0, 4.0), song(1, 36.0)])
    for together, used in ((1.0, "vocals"), (0.0, "vocals"), (0.0, "accompaniment")):
        mixer = RandomMixer(pool, SPEC, FRAMES, Mixing(song_length=power, together=together))
        LoggedStem.reads.clear()
        rng = np.random.default_rng(4)
        for _ in range(300):
            mixer.draw(rng)
        paths = [path for path, _ in LoggedStem.reads if used in path]
        assert np.mean(["/1/" in path for path in paths]) == pytest.approx(share, abs=0.09)


def test_silence_fades_outside_of_its_bounds():
    for start, stop in ((100, 200), (-50, 30), (950, 1200), (-10, 0), (1000, 1000)):
        x = np.ones((2, 1000), np.float32)
        effects.silence(x, start, stop, 20)
        assert not x[:, max(0, start) : max(0, stop)].any()
        expected = np.ones(1000)
        expected[max(0, start - 20) : max(0, min(1000, stop + 20))] = 0
        assert np.all(x[:, expected > 0] == 1)
        assert np.all((x[0, 1:] > x[0, :-1]) == (x[1, 1:] > x[1, :-1]))


def test_panning_keeps_the_power():
    for position in (-1, -0.3, 0, 0.8, 3):
        gains = effects.pan_gains(position)
        assert np.sum(np.square(gains)) == pytest.approx(2, rel=1e-5)
    np.testing.assert_allclose(effects.pan_gains(0), 1, rtol=1e-6)
    np.testing.assert_allclose(effects.pan_gains(1), [0, np.sqrt(2)], atol=1e-6)


# --- settings


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"floor": 2.0}, "floor from 0 to 1. Received: 2"),
        ({"together": -0.1}, "together from 0 to 1. Received: -0.1"),
        ({"floor_db": -110.0}, "floor_db from -100 to 0. Received: -110"),
    ],
)
def test_shares_and_levels_that_cannot_be_are_named(settings, message):
    with pytest.raises(ValueError, match=message):
        Mixing(**settings)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("floor", lambda e: e.floor is not None),
        ("lead_in", lambda e: not e.accompaniment.waveform[:, 0].any() and not e.vocals.waveform[:, 0].any()),
        ("voice_silent", lambda e: not e.vocals.gains.any()),
        ("equaliser", lambda e: np.ptp(e.vocals.equaliser) > 0),
    ],
)
def test_a_share_is_what_it_says(name, found):
    for share in (0.0, 1.0):
        mixer = RandomMixer(POOLS["pools"](), SPEC, FRAMES, Mixing(**{"narrow": 0.0, "floor": 0.0, name: share}))
        assert {bool(found(excerpt)) for excerpt in draws(mixer, 20)} == {bool(share)}


def test_a_voice_has_all_its_samples_when_its_pitch_alone_changes():
    """By 1.26, soxr and the stretching that follows round a sample of 3 s away."""
    pitch, samples = 1.26, 132608
    voice = np.zeros((1, _needed(samples, 1.0, pitch)), np.float32)
    assert effects.change_pitch_and_tempo(voice, pitch, 1.0, 44100).shape[1] >= samples
    assert effects.change_pitch_and_tempo(voice[:, :samples], pitch, 1.0, 44100).shape[1] < samples
    assert _needed(samples, 1.0) == samples
