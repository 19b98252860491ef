from __future__ import annotations

import itertools
import threading

import numpy as np
import pytest
import soxr

from keras_sep import AudioError, Separator, StreamingSeparator
from keras_sep.engine import stems_add_up
from keras_sep.presets import presets
from keras_sep.runtime import StepModel
from tests.support.paths import GOLDEN

SOURCES = ("vocals", "accompaniment")
LATENCY = 2048
MODELS = ["unit-mask", "unit-waveform", "mask dynamic_int8", "mask float16", "waveform dynamic_int8"]


@pytest.fixture(scope="module", params=MODELS)
def arguments(request, unit_model) -> dict:
    """How to open each model: both graphs of the unit model, every file of the shipped preset."""
    if request.param.startswith("unit-"):
        return {"model": unit_model(request.param.removeprefix("unit-"))}
    return dict(zip(("graph", "precision"), request.param.split(), strict=True))


@pytest.fixture(scope="module")
def streaming(arguments) -> StreamingSeparator:
    return StreamingSeparator(**arguments)


@pytest.fixture
def unit(unit_model) -> StreamingSeparator:
    return StreamingSeparator(model=unit_model("mask"))


def run(separator: StreamingSeparator, blocks) -> np.ndarray:
    """Stems of a stream (sources, samples, channels), from a fresh start to the last sample of the flush."""
    separator.reset()
    stems = [separator.push(block) for block in blocks] + [separator.flush()]
    return np.stack([np.concatenate([stem[source] for stem in stems]) for source in SOURCES])


def cut(x: np.ndarray, size: int) -> list[np.ndarray]:
    return [x[i : i + size] for i in range(0, len(x), size)]


# Streams.


@pytest.mark.parametrize("size", [1, 100, 512, 513, 4096])
def test_blocks_of_any_size_give_the_same_bits(streaming, music, size):
    x = music(0.1 if size == 1 else 0.5)
    whole = run(streaming, [x])
    np.testing.assert_array_equal(run(streaming, cut(x, size)), whole)


def test_a_lost_block_shows(streaming, music):
    x = music(0.5)
    whole, blocks = run(streaming, [x]), cut(x, 512)
    lost = run(streaming, [*blocks[:10], 0 * blocks[10], *blocks[11:]])
    assert np.abs(lost - whole).max() > 1e-2


def test_reset_forgets_everything(arguments, music):
    x = music(0.3)
    fresh = run(StreamingSeparator(**arguments), [x])
    used = StreamingSeparator(**arguments)
    used.push(music(0.2)[::-1])
    np.testing.assert_array_equal(run(used, [x]), fresh)  # run() resets
    used.push(music(0.2)[::-1])
    not_reset = used.push(x)["vocals"]
    assert np.abs(not_reset - fresh[0, : len(x)]).max() > 1e-2


def test_flush_starts_anew(unit, music):
    x = music(0.1)
    first = run(unit, [x])
    again = [unit.push(x), unit.flush()]
    np.testing.assert_array_equal(np.concatenate([stem["vocals"] for stem in again]), first[0])


@pytest.mark.parametrize("graph", ["mask", "waveform"])
@pytest.mark.parametrize("position", [0, 1, 511, 512, 3000])
def test_an_impulse_comes_out_one_latency_later(unit_model, graph, position):
    separator = StreamingSeparator(model=unit_model(graph))
    assert separator.algorithmic_latency == separator.spec.algorithmic_latency == LATENCY
    x = np.zeros((4000, 2), np.float32)
    x[position] = 0.5, -0.25
    vocals, accompaniment = run(separator, cut(x, 333))
    expected = np.zeros((4000 + LATENCY, 2), np.float32)
    expected[position + LATENCY] = 0.5, -0.25
    np.testing.assert_allclose(vocals, expected, atol=1e-6)
    np.testing.assert_allclose(accompaniment, expected / 2, atol=1e-6)
    assert np.abs(vocals - np.roll(expected, 1, axis=0)).max() > 0.1  # one sample late would show


def test_as_many_samples_out_as_in_and_silence_first(streaming, music):
    streaming.reset()
    x, out = music(0.2), []
    for size in (0, 1, 7, 512, 2000, 3000):
        stems = streaming.push(x[:size])
        assert list(stems) == list(SOURCES)
        assert all(stem.shape == (size, 2) and stem.dtype == np.float32 for stem in stems.values())
        out.append(stems["vocals"])
    assert all(stem.shape == (LATENCY, 2) for stem in streaming.flush().values())
    vocals = np.concatenate(out)
    assert not vocals[:LATENCY].any()
    assert vocals[LATENCY:].any()


BAD_BLOCKS = {
    "mono": np.zeros((64, 1), np.float32),
    "three channels": np.zeros((64, 3), np.float32),
    "one dimension": np.zeros(64, np.float32),
    "channels first": np.zeros((2, 64), np.float32),
    "a batch": np.zeros((1, 64, 2), np.float32),
    "16-bit integers": np.zeros((64, 2), np.int16),
    "booleans": np.zeros((64, 2), bool),
    "complex": np.zeros((64, 2), np.complex64),
    "NaN": np.full((64, 2), np.nan, np.float32),
    "infinity": np.full((64, 2), -np.inf, np.float32),
    "infinity in float16": np.full((64, 2), np.inf, np.float16),
    "too large for float32": np.full((64, 2), 1e300),
    "large enough to overflow": np.full((64, 2), 1e30, np.float32),
}


@pytest.mark.parametrize("block", BAD_BLOCKS.values(), ids=BAD_BLOCKS)
def test_a_bad_block_leaves_the_stream_as_it_was(unit, music, block):
    x = music(0.1)
    whole = run(unit, [x])
    out = [unit.push(x[:1000])]
    with pytest.raises(AudioError, match=r"expected .* Received: .*"):
        unit.push(block)
    out += [unit.push(x[1000:]), unit.flush()]
    np.testing.assert_array_equal(np.concatenate([stem["vocals"] for stem in out]), whole[0])


def test_stems_and_blocks_belong_to_the_caller(unit, music):
    """Writing into what came out, or into what went in, changes nothing later."""
    x = music(0.1)
    whole, out = run(unit, [x]), []
    for block in cut(x.copy(), 700):
        stems = unit.push(block)
        out.append(stems["vocals"].copy())
        block[:] = 1.0
        for stem in stems.values():
            stem[:] = 1.0
    out.append(unit.flush()["vocals"])
    np.testing.assert_array_equal(np.concatenate(out), whole[0])


# Arrays.


def test_arrays_give_the_bits_of_a_stream(arguments, streaming, music):
    x = music(0.7)
    stems = Separator(**arguments).separate(x, 44100)
    expected = run(streaming, cut(x, 1000))[:, LATENCY:]
    for source, stem in zip(SOURCES, expected, strict=True):
        np.testing.assert_array_equal(stems[source], stem)
    assert np.abs(stems["vocals"][1:] - expected[0, :-1]).max() > 1e-3  # one sample late would show


@pytest.fixture(scope="module")
def separator(unit_model) -> Separator:
    return Separator(model=unit_model("mask"))


@pytest.mark.parametrize("sample_rate", [8000, 22050, 44100, 48000, 96000])
def test_any_sample_rate_comes_out_aligned(separator, music, sample_rate):
    x = music(0.6, sample_rate)
    stems = separator.separate(x, sample_rate)
    assert all(stem.shape == x.shape for stem in stems.values())
    np.testing.assert_allclose(stems["accompaniment"], stems["vocals"] / 2, atol=1e-5)
    edge = sample_rate // 20  # the resampler has nothing to go by outside
    inner, vocals = x[edge:-edge], stems["vocals"]
    assert np.abs(vocals[edge:-edge] - inner).max() < 2e-3
    errors = {lag: np.abs(np.roll(vocals, -lag, axis=0)[edge:-edge] - inner).mean() for lag in range(-3, 4)}
    assert min(errors, key=errors.__getitem__) == 0
    assert errors[1] > 10 * errors[0]  # so one sample late would show


@pytest.fixture(scope="module")
def complementary() -> Separator:
    """A network whose masks sum to one."""
    return Separator(model=GOLDEN / "views-mask-float32.tflite")


@pytest.mark.parametrize("graph", ["mask", "waveform"])
def test_what_adds_up_is_known_of_every_model(unit_model, graph):
    assert stems_add_up(StepModel(GOLDEN / f"views-{graph}-float32.tflite"))
    assert not stems_add_up(StepModel(unit_model(graph)))
    for preset in presets().values():
        for file in preset.candidates():
            assert stems_add_up(StepModel(file.path())), file.file


@pytest.mark.parametrize("num_channels", [1, 2, 3])
@pytest.mark.parametrize("sample_rate", [8000, 16000, 22050, 48000, 96000])
def test_stems_add_up_at_any_other_rate(complementary, music, sample_rate, num_channels):
    x = music(0.6, sample_rate, num_channels)
    stems = complementary.separate(x, sample_rate)
    assert all(stem.dtype == np.float32 for stem in stems.values())
    np.testing.assert_allclose(stems["vocals"] + stems["accompaniment"], x, rtol=0, atol=1e-6)
    assert min(np.abs(stem).max() for stem in stems.values()) > 0.05  # neither of them is all of it


def test_the_voice_at_another_rate_is_the_networks(complementary, music):
    """Only the accompaniment is what the voice leaves."""
    rate = complementary.spec.sample_rate
    expected = complementary.separate(soxr.resample(music(0.6, 48000), 48000, rate), rate)["vocals"]
    vocals = complementary.separate(music(0.6, 48000), 48000)["vocals"]
    edge = 2400
    np.testing.assert_allclose(vocals[edge:-edge], soxr.resample(expected, rate, 48000)[edge:-edge], atol=2e-3)


def test_what_the_model_does_not_hear_is_accompaniment(complementary, music):
    high = 0.1 * np.sin(2 * np.pi * 30000 * np.arange(96000 // 2) / 96000)[:, None].astype(np.float32)
    x = music(0.5, 96000)
    plain, more = complementary.separate(x, 96000), complementary.separate(x + high, 96000)
    edge = 4800
    assert np.abs(more["vocals"] - plain["vocals"])[edge:-edge].max() < 1e-4
    added = more["accompaniment"] - plain["accompaniment"]
    np.testing.assert_allclose(added[edge:-edge, :1], high[edge:-edge], atol=1e-4)


@pytest.mark.parametrize("sample_rate", [44100, 48000])
@pytest.mark.parametrize("num_channels", [0, 1, 2, 3, 5, 6], ids=lambda n: f"{n} channels" if n else "1-D")
def test_any_number_of_channels(separator, music, num_channels, sample_rate):
    x = music(0.2, sample_rate, num_channels or 1)
    x = x if num_channels else x[:, 0]
    stems = separator.separate(x, sample_rate)
    edge = sample_rate // 20
    for stem in stems.values():
        assert stem.shape == x.shape
    np.testing.assert_allclose(stems["vocals"][edge:-edge], x[edge:-edge], atol=2e-3)
    np.testing.assert_allclose(stems["accompaniment"], stems["vocals"] / 2, atol=1e-5)
    if num_channels > 1:  # swapped channels would show
        assert np.abs(stems["vocals"][:, ::-1] - x)[edge:-edge].max() > 0.1


def test_pairs_are_separated_on_their_own(arguments, music):
    """Channels 3 and 4 come out as they would alone; a lone channel as a stereo signal with equal sides."""
    x = music(0.3, num_channels=5)
    separator = Separator(**arguments)
    stems = separator.separate(x, 44100)["vocals"]
    np.testing.assert_array_equal(stems[:, 2:4], separator.separate(x[:, 2:4], 44100)["vocals"])
    centred = separator.separate(x[:, [4, 4]], 44100)["vocals"].mean(axis=1)
    np.testing.assert_allclose(stems[:, 4], centred, atol=1e-7)
    assert np.abs(stems[:, 2:4] - separator.separate(x[:, :2], 44100)["vocals"]).max() > 1e-2


def test_a_separator_forgets_the_last_array(separator, music):
    x, other = music(0.2), music(0.3, 48000, 3)
    first = separator.separate(x, 44100)
    separator.separate(other, 48000)
    np.testing.assert_array_equal(separator.separate(x, 44100)["vocals"], first["vocals"])


@pytest.mark.parametrize("samples", [2048, 2049, 8191, 8192, 8193, 16384])
def test_lengths_around_frames_and_blocks(separator, music, samples):
    x = music(0.4)[:samples]
    np.testing.assert_allclose(separator.separate(x, 44100)["vocals"], x, atol=1e-5)


def test_float64_and_views_are_fine(separator, music):
    x = music(0.2)
    expected = separator.separate(x, 44100)["vocals"]
    for same in (x.astype(np.float64), np.asfortranarray(x), np.stack([x, x])[1], x.tolist()):
        np.testing.assert_array_equal(separator.separate(same, 44100)["vocals"], expected)


@pytest.mark.parametrize("waveform", [np.zeros((2047, 2)), np.zeros((0, 2)), np.zeros((9000, 0)), np.zeros((2, 2, 2))])
def test_arrays_that_cannot_be_separated(separator, waveform):
    with pytest.raises(AudioError, match=r"expected .* Received: .*"):
        separator.separate(waveform, 44100)


@pytest.mark.parametrize("sample_rate", [0, -44100, 999, 10**7, float("nan")])
def test_impossible_sample_rates(separator, music, sample_rate):
    with pytest.raises(AudioError, match="sample rate"):
        separator.separate(music(0.2), sample_rate)


def test_a_frame_is_46_ms_at_any_sample_rate(separator, music):
    least = -(-2048 * 48000 // 44100)
    separator.separate(music(1, 48000)[:least], 48000)
    with pytest.raises(AudioError, match=f"at least {least} samples"):
        separator.separate(music(1, 48000)[: least - 1], 48000)


# Progress, threads, memory.


@pytest.mark.parametrize("sample_rate", [44100, 48000])
def test_progress_grows_to_the_end(separator, music, sample_rate):
    x, seen = music(1.0, sample_rate), []
    separator.separate(x, sample_rate, progress=lambda *numbers: seen.append(numbers))
    done = [numbers[0] for numbers in seen]
    assert len(done) > 3
    assert done == sorted(set(done))
    assert seen[-1] == (len(x), len(x), sample_rate)


def test_a_progress_that_raises_stops_everything(separator, music):
    before = threading.active_count()

    def stop(done: int, total: int | None, sample_rate: int) -> None:
        raise LookupError("enough")

    x = music(1.0)
    with pytest.raises(LookupError, match="enough"):
        separator.separate(x, 44100, progress=stop)
    assert threading.active_count() == before
    np.testing.assert_allclose(separator.separate(x, 44100)["vocals"], x, atol=1e-5)  # and it works on


def test_a_source_that_raises_is_heard(separator, music):
    before = threading.active_count()

    def blocks():
        yield music(0.3)
        raise LookupError("no more")

    with pytest.raises(LookupError, match="no more"):
        list(separator.separate_blocks(blocks(), 44100, 2))
    assert threading.active_count() == before


@pytest.mark.parametrize("sample_rate", [44100, 96000])
def test_memory_is_bounded(separator, music, sample_rate):
    """Whoever takes the stems slowly is waited for: the blocks read ahead fit into the queues."""
    read, ahead, block = itertools.count(), [], music(8192 / sample_rate, sample_rate)
    last = 0

    def blocks():
        nonlocal last
        for last in itertools.islice(read, 200):  # noqa: B007
            yield block

    wake = threading.Event()
    for taken, _ in enumerate(separator.separate_blocks(blocks(), sample_rate, 2)):
        wake.wait(0.02 if taken < 5 else 0)  # time for the threads to run away, were they not held
        ahead.append(last - taken)
    assert last == 199
    assert max(ahead) <= 12


def test_an_error_in_the_network_stops_every_thread(unit_model, music):
    separator = Separator(model=unit_model("mask"))
    threads = threading.active_count()

    def fail(_):
        raise ValueError("network")

    separator._engines[0].infer = fail
    with pytest.raises(ValueError, match="network") as caught:  # the traceback is still held below
        separator.separate(np.tile(music(2.0), (20, 1)), 44100)
    assert threading.active_count() == threads
    assert caught.value.__traceback__


def test_one_separation_at_a_time(unit_model, music):
    mixture = music(2.0)
    separator = Separator(model=unit_model("mask"))
    first = separator.separate_blocks([mixture, mixture], 44100, 2)
    next(first)
    with pytest.raises(RuntimeError, match="one separation at a time"):
        separator.separate(mixture, 44100)
    first.close()
    assert separator.separate(mixture, 44100)["vocals"].shape == mixture.shape
