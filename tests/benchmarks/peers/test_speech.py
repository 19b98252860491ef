"""Peers as streams: with stand-ins of their files' interface everywhere, with the real ones where they are."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import soxr

from benchmarks.peers.speech import DTLN_FILES, GTCRN_FILE, Dtln, Gtcrn, load_peers, require_peers
from common.scores import snr_db
from tests.support.paths import EXAMPLE
from tests.support.peers import GROWTH, PEERS, needs_peers, write_dtln, write_peers

DELAYS = {"DTLN (float32)": 384, "DTLN (quantised)": 384, "GTCRN (float32, onnx)": 256}


@pytest.fixture(scope="module")
def voice() -> np.ndarray:
    """(samples,) at 16 kHz: six seconds of the example's singer, nearly clean."""
    audio, rate = soundfile.read(EXAMPLE / "vocals.ogg", dtype="float32")
    return soxr.resample(audio.mean(axis=1), rate, 16000)[: 6 * 16000]


def streamed(stream, x: np.ndarray) -> np.ndarray:
    """What comes out of a stream that gets whole blocks of 256 samples."""
    blocks = x[: len(x) // 256 * 256].reshape(-1, stream.block, 1)
    return np.concatenate([stream(block)[:, 0] for block in blocks])


# Stand-ins: networks that do nothing, or no more than count their steps.


@pytest.fixture(scope="module")
def noise() -> np.ndarray:
    return (0.1 * np.random.default_rng(0).standard_normal(5120)).astype(np.float32)


@pytest.fixture(scope="module")
def counting(tmp_path_factory):
    """A folder of peers whose networks are louder by `GROWTH` with every step."""
    folder = tmp_path_factory.mktemp("counting")
    write_peers(folder, GROWTH)
    return folder


@pytest.mark.parametrize("name", DELAYS)
def test_a_network_that_does_nothing_gives_back_what_it_hears(idle_peers, noise, name):
    """Later by its length less its block, to the sample."""
    delay = DELAYS[name]
    found = streamed(load_peers(idle_peers)[name], noise)
    assert len(found) == len(noise)
    assert np.abs(found[:delay]).max() < 1e-7
    np.testing.assert_allclose(found[delay:], noise[:-delay], atol=1e-6)
    assert np.abs(found[delay + 1 :] - noise[: -delay - 1]).max() > 0.1  # a sample's shift is seen


def test_the_states_of_dtln_go_into_the_next_step(counting, noise):
    """Four steps hear a block; the k-th has a mask of 1 + k · growth."""
    x = noise.reshape(-1, 128)
    k = np.arange(len(x) - 3)[:, None]
    for name in ("DTLN (float32)", "DTLN (quantised)"):
        found = streamed(load_peers(counting)[name], noise).reshape(x.shape)
        gain = sum((1 + GROWTH * (k + late)) ** 2 for late in range(4)) / 4  # of both networks
        np.testing.assert_allclose(found[3:], gain * x[:-3], rtol=1e-4, atol=1e-6)
        assert gain.max() > 10


@pytest.mark.parametrize(("first", "second"), [(GROWTH, 0.0), (0.0, GROWTH)])
def test_either_state_of_dtln_is_its_own_networks(tmp_path, noise, first, second):
    x = noise.reshape(-1, 128)
    k = np.arange(len(x) - 3)[:, None]
    gain = sum(1 + GROWTH * (k + late) for late in range(4)) / 4
    found = streamed(Dtln(*write_dtln(tmp_path, first, second)), noise).reshape(x.shape)
    np.testing.assert_allclose(found[3:], gain * x[:-3], rtol=1e-4, atol=1e-6)


def test_the_caches_of_gtcrn_go_into_the_next_step(counting, noise):
    """Two steps hear a block, through the falling and the rising half of a Hann window."""
    x = noise.reshape(-1, 256)
    k, hann = np.arange(len(x) - 1)[:, None], 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(512) / 512)
    # The step that hears a block first has it in the window's second half.
    gain = (1 + GROWTH * k) * hann[256:] + (1 + GROWTH * (k + 1)) * hann[:256]
    found = streamed(load_peers(counting)["GTCRN (float32, onnx)"], noise).reshape(x.shape)
    np.testing.assert_allclose(found[1:], gain * x[:-1], rtol=1e-4, atol=1e-6)
    assert gain.max() > 1.5


def test_every_peer_says_what_it_takes(idle_peers):
    peers = load_peers(idle_peers)
    assert list(peers) == list(DELAYS)
    formats = {(peer.sample_rate, peer.num_channels, peer.block) for peer in peers.values()}
    assert formats == {(16000, 1, 128), (16000, 1, 256)}


def test_without_onnx_runtime_there_is_no_gtcrn(idle_peers, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert set(load_peers(idle_peers)) == set(DELAYS) - {"GTCRN (float32, onnx)"}


def test_a_folder_without_peers_is_refused(idle_peers, tmp_path):
    (tmp_path / "dtln").mkdir()
    with pytest.raises(ValueError, match=r"expected dtln/model_1.tflite.*Received: none of dtln/model_1.tflite"):
        require_peers(tmp_path)
    names = [f"dtln/{name}.tflite" for pair in DTLN_FILES.values() for name in pair] + [f"gtcrn/{GTCRN_FILE}"]
    (tmp_path / "gtcrn").mkdir()
    for name in names[:-1]:
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(ValueError, match=rf"Received: none of gtcrn/{GTCRN_FILE}$"):
        require_peers(tmp_path)
    require_peers(idle_peers)


# The real ones.


@needs_peers
@pytest.mark.parametrize(("name", "delay"), DELAYS.items())
def test_a_peer_keeps_a_voice_and_removes_noise(voice, name, delay):
    """What their authors promise; each later than its input by its length less its block."""
    rng = np.random.default_rng(0)
    noise = (0.05 * rng.standard_normal(len(voice))).astype(np.float32)
    clean, silent, noisy = (streamed(load_peers(PEERS)[name], x) for x in (voice, noise, voice + noise))
    assert len(clean) == len(voice) // 256 * 256
    assert np.corrcoef(clean[delay:], voice[: len(clean) - delay])[0, 1] > 0.9
    assert abs(np.corrcoef(clean[delay - 64 :], voice[: len(clean) - delay + 64])[0, 1]) < 0.7
    assert np.std(silent) < 0.1 * np.std(noise)
    kept = voice[: len(clean) - delay]
    assert snr_db(kept, noisy[delay:]) > snr_db(kept, (voice + noise)[: len(kept)]) + 6


@needs_peers
@pytest.mark.parametrize("name", ["DTLN (float32)", "GTCRN (float32, onnx)"])
def test_a_peer_remembers(voice, name):
    """What it heard before its last 512 samples, the longest that the transforms keep, is in its states."""
    end = voice[80000:82048]
    pasts = voice[:80000], 0 * voice[:80000]
    heard, silent = (streamed(load_peers(PEERS)[name], np.concatenate([past, end])) for past in pasts)
    assert np.abs(heard - silent)[-1024:].max() > 1e-3


@needs_peers
def test_gtcrn_with_a_network_that_does_nothing_gives_back_a_voice(voice):
    stream = load_peers(PEERS)["GTCRN (float32, onnx)"]
    assert isinstance(stream, Gtcrn)
    stream._session = SimpleNamespace(run=lambda names, inputs: [inputs["mix"], *stream._caches.values()])
    found = streamed(stream, voice[:25600])
    np.testing.assert_allclose(found[256:], voice[: 25600 - 256], atol=1e-5)
