"""The model that `fit` trains: its loss and its metrics."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from keras_sep.extra_losses import compressed_spectrogram_loss, snr_loss
from keras_sep.losses import loss_weights, spectrogram_loss
from keras_sep.models import OrUnet, Unet
from keras_sep.separation import Separation, si_sdr_of_masks
from keras_sep.signal import OverlapAdd, StreamingStft
from keras_sep.spec import StreamSpec
from keras_sep.teachers import Teacher
from tests.support.networks import FOUR_VIEWS, SMALL_SPEC, magnitude, masks_of, song
from training.evaluation.metrics import si_sdr

FRAMES = 8


def build(spec: StreamSpec = SMALL_SPEC, **arguments) -> Separation:
    keras.utils.set_random_seed(21)
    model = Separation(OrUnet("tiny", spec), **arguments)
    model.compile(keras.optimizers.Adam(1e-2), run_eagerly=True)
    return model


def teacher(num_taps: int = 2) -> Teacher:
    keras.utils.set_random_seed(22)
    return Teacher(Unet("tiny", SMALL_SPEC), num_taps)


# Metrics


@pytest.mark.parametrize(
    ("weight", "snr_weight", "num_taps", "terms"),
    [
        (0.0, 0.0, 0, []),
        (1.0, 0.0, 0, ["compressed_loss"]),
        (0.0, 0.05, 0, ["snr_loss"]),
        (0.0, 0.0, 1, ["feature_loss_down_1"]),
        (0.5, 0.1, 2, ["compressed_loss", "snr_loss", "feature_loss_down_1", "feature_loss_down_2"]),
    ],
)
def test_each_term_is_reported_and_the_loss_is_their_weighted_sum(weight, snr_weight, num_taps, terms):
    phi = teacher(num_taps) if num_taps else None
    weights = {"compressed_weight": weight, "snr_weight": snr_weight}
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
    if snr_weight:
        by_hand["snr_loss"] = float(snr_loss(x * scale, references, masks))
    for i, tap in enumerate(phi.taps if phi else []):
        pairs = [(phi(y[s])[i], phi(masks[s] * x)[i]) for s in y]  # not normalised
        by_hand[f"feature_loss_{tap}"] = sum(float(np.mean(np.abs(np.subtract(*pair)))) for pair in pairs)
    assert {name: found[name] for name in by_hand} == pytest.approx(by_hand, rel=1e-4)
    l_0 = by_hand["spectrogram_loss"] + weight * by_hand.get("compressed_loss", 0.0)
    l_0 += snr_weight * by_hand.get("snr_loss", 0.0)
    weighted = [l_0, *(value for name, value in by_hand.items() if name.startswith("feature"))]
    expected = sum(w * term for w, term in zip(loss_weights(num_taps), weighted, strict=True))
    assert found["loss"] == pytest.approx(expected, rel=1e-4)


def test_the_paper_s_loss_is_the_default():
    (x, y), model = song(FRAMES), build()
    assert list(model.loss_terms(x, y, model(x))) == ["spectrogram_loss"]


def test_masks_multiply_the_channels_whatever_else_a_network_sees():
    """Mid and side are views for the network: loss and metrics are of left and right."""
    model, (x, y) = build(FOUR_VIEWS, compressed_weight=0.5, snr_weight=0.1), song(FRAMES, spec=FOUR_VIEWS)
    found = model.evaluate(x, y, verbose=0, return_dict=True)
    masks = masks_of(model, x)
    expected, of_channels = (model.loss_terms(mixture, y, masks) for mixture in (x, x[..., :2]))
    assert {name: float(term) for name, term in expected.items()} == {
        name: float(term) for name, term in of_channels.items()
    }
    assert found["spectrogram_loss"] == pytest.approx(float(of_channels["spectrogram_loss"]), rel=1e-4)
    value, _ = si_sdr_of_masks(x[..., :2], y, masks, "vocals")
    assert found["vocals_si_sdr"] == pytest.approx(float(np.mean(value)), abs=1e-3)
    swapped = masks_of(model, x[..., [0, 1, 3, 2]])  # negative control: the network does see them
    assert np.abs(swapped["vocals_mask"] - masks["vocals_mask"]).max() > 1e-3


def test_the_loss_does_not_change_with_the_loudness():
    model = Separation(OrUnet("tiny", SMALL_SPEC))
    x = magnitude(8)
    y = {"vocals": 0.3 * x, "accompaniment": 0.7 * x}
    masks = {"vocals_mask": np.full_like(x, 0.5), "accompaniment_mask": np.full_like(x, 0.5)}
    loud = {source: 10 * value for source, value in y.items()}
    quiet, scaled = model.compute_loss(x, y, masks), model.compute_loss(10 * x, loud, masks)
    assert float(quiet) == pytest.approx(float(scaled), rel=1e-4)
    assert float(quiet) == pytest.approx(0.4, rel=1e-3)  # |0.3 − 0.5| + |0.7 − 0.5|, of a mean of 1


def test_a_negative_weight_is_refused():
    for name in ("compressed_weight", "snr_weight"):
        with pytest.raises(ValueError, match=f"{name}=-1"):
            Separation(OrUnet("tiny", SMALL_SPEC), **{name: -1})


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


# Training


@pytest.mark.slow("compiles a training step with a teacher")
def test_fit_lowers_the_loss():
    x, y = song(frames=16, batch=4)
    model = build(teacher=teacher())
    model.compile(keras.optimizers.Adam(1e-2), jit_compile=False)  # as `training.engine.training_run`
    validation = (x[:2, :8], {source: value[:2, :8] for source, value in y.items()})
    history = model.fit(x, y, batch_size=2, epochs=12, shuffle=False, validation_data=validation, verbose=0).history
    assert history["loss"][-1] < 0.8 * history["loss"][0]
    assert np.all(np.isfinite(history["val_loss"]))
    assert model.count_params() == model.network.count_params()
