"""What `fit` trains: its loss, its metrics, its carried state."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from keras_sep.losses import (
    complex_spectrogram_loss,
    compressed_spectrogram_loss,
    loss_weights,
    snr_loss,
    spectrogram_loss,
)
from keras_sep.models import build_lstm, build_or_unet, build_unet
from keras_sep.separation import Separation, si_sdr_of_masks
from keras_sep.signal import OverlapAdd, StreamingStft
from keras_sep.teachers import Teacher
from tests.support.networks import (
    SMALL,
    SMALL_LSTM,
    SMALL_SPEC,
    SMALL_UNET,
    as_if_trained,
    magnitude,
    masks_of,
    song,
    vocals_mask,
)
from training.evaluation.metrics import si_sdr

FRAMES = 8
PART = 4  # frames of a chunk of a longer sequence


def build(**arguments) -> Separation:
    keras.utils.set_random_seed(21)
    model = Separation(build_or_unet(SMALL, SMALL_SPEC), **arguments)
    model.compile(keras.optimizers.Adam(1e-2), run_eagerly=True)
    return model


def teacher(num_taps: int = 2) -> Teacher:
    keras.utils.set_random_seed(22)
    return Teacher(build_unet(SMALL_UNET, SMALL_SPEC)).first(num_taps)


# Metrics


@pytest.mark.parametrize(
    ("weight", "complex_weight", "snr_weight", "num_taps", "terms"),
    [
        (0.0, 0.0, 0.0, 0, []),
        (1.0, 0.0, 0.0, 0, ["compressed_loss"]),
        (0.0, 2.0, 0.0, 0, ["complex_loss"]),
        (0.0, 0.0, 0.05, 0, ["snr_loss"]),
        (0.0, 0.0, 0.0, 1, ["feature_loss_down_1"]),
        (
            0.5,
            0.7,
            0.1,
            2,
            ["compressed_loss", "complex_loss", "snr_loss", "feature_loss_down_1", "feature_loss_down_2"],
        ),
    ],
)
def test_each_term_is_reported_and_the_loss_is_their_weighted_sum(weight, complex_weight, snr_weight, num_taps, terms):
    phi = teacher(num_taps) if num_taps else None
    weights = {"compressed_weight": weight, "complex_weight": complex_weight, "snr_weight": snr_weight}
    model, (x, y) = build(teacher=phi, **weights), song(FRAMES)
    found = model.evaluate(x, y, verbose=0, return_dict=True)
    si_sdrs = {"vocals_si_sdr", "accompaniment_si_sdr"}
    assert set(found) == {"loss", "spectrogram_loss", *terms, *si_sdrs}

    masks = {name.removesuffix("_mask"): mask for name, mask in masks_of(model, x).items()}
    scale = 1 / x.mean(axis=(1, 2, 3), keepdims=True)
    references, estimates = {s: y[s] * scale for s in y}, {s: masks[s] * x * scale for s in y}
    by_hand = {"spectrogram_loss": float(spectrogram_loss(references, estimates))}
    if weight:
        by_hand["compressed_loss"] = float(compressed_spectrogram_loss(references, estimates))
    if complex_weight:
        by_hand["complex_loss"] = float(complex_spectrogram_loss(x * scale, references, masks))
    if snr_weight:
        by_hand["snr_loss"] = float(snr_loss(x * scale, references, masks))
    for i, tap in enumerate(phi.taps if phi else []):
        pairs = [(phi(y[s])[i], phi(masks[s] * x)[i]) for s in y]  # at the level of the song
        by_hand[f"feature_loss_{tap}"] = sum(float(np.mean(np.abs(np.subtract(*pair)))) for pair in pairs)
    assert {name: found[name] for name in by_hand} == pytest.approx(by_hand, rel=1e-4)
    l_0 = by_hand["spectrogram_loss"] + weight * by_hand.get("compressed_loss", 0.0)
    l_0 += complex_weight * by_hand.get("complex_loss", 0.0) + snr_weight * by_hand.get("snr_loss", 0.0)
    weighted = [l_0, *(value for name, value in by_hand.items() if name.startswith("feature"))]
    expected = sum(w * term for w, term in zip(loss_weights(num_taps), weighted, strict=True))
    assert found["loss"] == pytest.approx(expected, rel=1e-4)


def test_the_loss_does_not_change_with_the_level():
    model = Separation(build_or_unet(SMALL, SMALL_SPEC), compressed_weight=0.0)
    x = magnitude(8)
    y = {"vocals": 0.3 * x, "accompaniment": 0.7 * x}
    masks = {"vocals_mask": np.full_like(x, 0.5), "accompaniment_mask": np.full_like(x, 0.5)}
    loud = {source: 10 * value for source, value in y.items()}
    quiet, scaled = model.compute_loss(x, y, masks), model.compute_loss(10 * x, loud, masks)
    assert float(quiet) == pytest.approx(float(scaled), rel=1e-4)
    assert float(quiet) == pytest.approx(0.4, rel=1e-3)  # |0.3 − 0.5| + |0.7 − 0.5|, of a mean of 1


def test_a_negative_weight_is_refused():
    for name in ("compressed_weight", "complex_weight", "snr_weight"):
        with pytest.raises(ValueError, match=f"{name}=-1"):
            Separation(build_or_unet(SMALL, SMALL_SPEC), **{name: -1})


# SI-SDR


def spectra(samples: int = 16384) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], np.ndarray]:
    """Waveforms and spectra (T, F, C) of a low and a white noise, and a mask, smooth along time and frequency."""
    rng = np.random.default_rng(23)
    waveforms = {source: rng.standard_normal((samples, 2)) for source in ("vocals", "accompaniment")}
    waveforms["vocals"] = sum(np.roll(waveforms["vocals"], shift, axis=0) for shift in range(8))
    complexes = {source: StreamingStft(SMALL_SPEC).push(x) for source, x in waveforms.items()}
    num_frames, bins, _ = complexes["vocals"].shape
    time, frequency = np.meshgrid(np.arange(num_frames) / num_frames, np.arange(bins) / bins, indexing="ij")
    mask = (0.9 / (1 + (5 * frequency) ** 2) + 0.1 * np.cos(3 * time) ** 2).astype(np.float32)[..., None]
    return waveforms, complexes, np.broadcast_to(mask, complexes["vocals"].shape)


def score(complexes: dict[str, np.ndarray], mask: np.ndarray) -> float:
    x = np.abs(sum(complexes.values()))[None]
    y = {source: np.abs(value)[None] for source, value in complexes.items()}
    value, audible = si_sdr_of_masks(x, y, {"vocals_mask": mask[None]}, "vocals")
    assert float(audible[0]) == 1
    return float(value[0])


def test_si_sdr_needs_no_phase():
    """From magnitudes alone it is that of the complex spectra, within 0.01 dB: the law of cosines holds."""
    _, complexes, mask = spectra()
    for m in (mask, np.random.default_rng(24).uniform(0, 1, mask.shape).astype(np.float32)):
        reference, estimate = complexes["vocals"].astype(np.complex128), m * sum(complexes.values())
        target = reference * np.vdot(reference, estimate).real / np.vdot(reference, reference).real
        expected = 10 * np.log10(np.sum(np.abs(target) ** 2) / np.sum(np.abs(estimate - target) ** 2))
        assert score(complexes, m) == pytest.approx(expected, abs=0.01)


def test_si_sdr_is_that_of_the_waveform():
    """Within 0.2 dB of the overlap-added estimate's; a rough mask's spectrum is no waveform's: 3.6 dB lower."""
    waveforms, complexes, mask = spectra()
    late = SMALL_SPEC.frame_length - SMALL_SPEC.frame_step

    def of_waveform(m: np.ndarray) -> float:
        estimate = OverlapAdd(SMALL_SPEC).push(m * sum(complexes.values()))[late:]
        return si_sdr(waveforms["vocals"][: len(estimate)], estimate)

    assert score(complexes, mask) == pytest.approx(of_waveform(mask), abs=0.2)
    assert abs(score(complexes, mask) - of_waveform(1 - mask)) > 1  # negative control: another mask
    rough = np.random.default_rng(24).uniform(0, 1, mask.shape).astype(np.float32)
    assert of_waveform(rough) - score(complexes, rough) == pytest.approx(3.6, abs=0.5)


def test_a_silent_reference_is_left_out():
    model, (x, y) = build(), song(FRAMES)
    alone = model.evaluate(x[:1], {source: value[:1] for source, value in y.items()}, verbose=0, return_dict=True)
    y["accompaniment"][1] += y["vocals"][1]
    y["vocals"][1] = 0.0
    both = model.evaluate(x, y, verbose=0, return_dict=True)
    assert both["vocals_si_sdr"] == pytest.approx(alone["vocals_si_sdr"], abs=1e-3)
    assert both["accompaniment_si_sdr"] != pytest.approx(alone["accompaniment_si_sdr"], abs=1e-3)


def test_a_perfect_mask_is_capped():
    x, y = song()
    perfect = {"vocals_mask": (y["vocals"] > 0).astype(np.float32)}
    value, _ = si_sdr_of_masks(x, y, perfect, "vocals")
    np.testing.assert_allclose(ops.convert_to_numpy(value), [50.0, 50.0], atol=1e-3)
    value, _ = si_sdr_of_masks(x, y, {"vocals_mask": 1 - perfect["vocals_mask"]}, "vocals")
    np.testing.assert_allclose(ops.convert_to_numpy(value), [-30.0, -30.0], atol=1e-3)


def test_si_sdr_is_of_two_sources():
    x, y = song()
    with pytest.raises(ValueError, match=r"two sources.*'drums'"):
        si_sdr_of_masks(x, {**y, "drums": x}, {"vocals_mask": x}, "vocals")


# Carried state


@pytest.fixture(params=["or_unet", "lstm"])
def network(request) -> keras.Model:
    """With normalisation in inference mode, so that frames touch each other through the state alone."""
    keras.utils.set_random_seed(25)
    network = as_if_trained(25) if request.param == "or_unet" else build_lstm(SMALL_LSTM, SMALL_SPEC)
    for layer in network._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False
    return network


def chunk_of(x: np.ndarray, carry: list[float]) -> dict[str, np.ndarray]:
    return {"magnitude": x, "carry": np.array(carry, np.float32)}


def split_song(parts: int = 3) -> list[tuple[np.ndarray, dict[str, np.ndarray]]]:
    x, y = song(frames=PART * parts)
    rows = [np.split(y[source], parts, axis=1) for source in y]
    return [(a, dict(zip(y, b, strict=True))) for a, *b in zip(np.split(x, parts, axis=1), *rows, strict=True)]


def test_training_on_consecutive_chunks_is_one_long_sequence(network):
    parts = split_song()
    whole = vocals_mask(network, np.concatenate([x for x, _ in parts], axis=1))
    model = Separation(network, carry_batch=2)
    model.compile(keras.optimizers.SGD(0.0), run_eagerly=True)
    for i, (x, y) in enumerate(parts[:-1]):
        model.train_on_batch(chunk_of(x, [float(i > 0)] * 2), y)
    last = parts[-1][0]
    found = vocals_mask(model, chunk_of(last, [1, 1]))
    np.testing.assert_allclose(found, whole[:, -last.shape[1] :], atol=1e-5)
    # Negative control: a chunk that begins anew has other masks.
    assert np.abs(vocals_mask(model, chunk_of(last, [0, 0])) - found).max() > 1e-3


def test_a_row_that_begins_anew_leaves_the_others_alone(network):
    (a, _), (b, _) = split_song(2)
    whole, anew = vocals_mask(network, np.concatenate([a, b], axis=1))[:, PART:], vocals_mask(network, b)
    model = Separation(network, carry_batch=2)
    model(chunk_of(a, [0, 0]), training=False)
    found = vocals_mask(model, chunk_of(b, [1, 0]))
    np.testing.assert_allclose(found[0], whole[0], atol=1e-5)
    np.testing.assert_allclose(found[1], anew[1], atol=1e-5)
    assert np.abs(whole - anew).max(axis=(1, 2, 3)).min() > 1e-3


def test_validation_begins_anew_and_leaves_the_states_alone(network):
    (a, _), (b, y) = split_song(2)
    whole, anew = vocals_mask(network, np.concatenate([a, b], axis=1))[:, PART:], vocals_mask(network, b)
    model = Separation(network, carry_batch=2)
    model.compile(keras.optimizers.SGD(0.0), run_eagerly=True)
    model(chunk_of(a, [0, 0]), training=False)
    np.testing.assert_allclose(vocals_mask(model, b), anew, atol=1e-5)
    model.evaluate(b[:1], {source: value[:1] for source, value in y.items()}, verbose=0)  # of any batch size
    np.testing.assert_allclose(vocals_mask(model, chunk_of(b, [1, 1])), whole, atol=1e-5)


@pytest.mark.slow("compiles a training step with a teacher")
def test_fit_with_carried_state_lowers_the_loss():
    parts = split_song(4)
    x = {
        "magnitude": np.concatenate([x for x, _ in parts]),
        "carry": np.repeat([0, 1, 1, 1], 2).astype(np.float32),
    }
    y = {source: np.concatenate([y[source] for _, y in parts]) for source in ("vocals", "accompaniment")}
    model = build(carry_batch=2, teacher=teacher())
    model.compile(keras.optimizers.Adam(1e-2), jit_compile=False)  # as `training.train`: states go on in a graph, too
    history = model.fit(x, y, batch_size=2, epochs=6, shuffle=False, validation_data=parts[0], verbose=0).history
    assert history["loss"][-1] < 0.8 * history["loss"][0]
    assert np.all(np.isfinite(history["val_loss"]))
    assert model.count_params() == model.network.count_params() + 2 * SMALL.gru_units  # the state


def test_without_carried_state_carry_is_ignored():
    model, (x, _) = build(), song(FRAMES)
    np.testing.assert_array_equal(vocals_mask(model, chunk_of(x, [1, 1])), vocals_mask(model, x))
