"""The loss network is frozen, is no part of the student, and its gradient teaches the student."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from keras_sep.losses import feature_loss
from keras_sep.models import OrUnet, Unet, load_network
from keras_sep.separation import Separation
from keras_sep.teachers import Teacher
from tests.support.networks import BINS, SMALL_SPEC, small_network, song

FRAMES = 8


@pytest.fixture
def network() -> Unet:
    """A U-Net whose normalisation matters, as after training."""
    return small_network(11, Unet)


def features(teacher: Teacher, x) -> list[np.ndarray]:
    return [ops.convert_to_numpy(value) for value in teacher(x)]


def values(weights) -> list[np.ndarray]:
    return [ops.convert_to_numpy(weight).copy() for weight in weights]


def same(a: list[np.ndarray], b: list[np.ndarray]) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


class FeaturesOnly(Separation):
    """Trained on Σ l_i, i ≥ 1: without the spectrograms."""

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        terms = self.loss_terms(x, y, y_pred)
        return sum(term for name, term in terms.items() if name.startswith("feature_loss_"))


def test_taps_are_the_encoder_s_levels_unless_named(network):
    assert Teacher(network, 3).taps == ("down_1", "down_2", "down_3")
    teacher = Teacher(network, ["up_1", "down_2"])
    assert teacher.taps == ("up_1", "down_2")
    x, _ = song(FRAMES)
    found = dict(zip(teacher.taps, features(teacher, x), strict=True))
    expected = dict(network.features(ops.convert_to_tensor(x)))
    for name in teacher.taps:
        np.testing.assert_allclose(found[name], ops.convert_to_numpy(expected[name]), atol=1e-6)
    assert [f.shape for f in features(Teacher(network, 3), x)] == [(2, 4, 20, 4), (2, 2, 10, 6), (2, 1, 5, 8)]


def test_what_is_no_tap_is_named(network):
    with pytest.raises(ValueError, match=r"some of down_1, .*up_1\. Received: \['down_9'\]"):
        Teacher(network, ["down_1", "down_9"])
    with pytest.raises(ValueError, match=r"some of down_1, .*up_1\. Received: none"):
        Teacher(network, [])
    assert network.trainable  # what is refused is left as it was


def test_the_first_taps(network):
    x, _ = song(FRAMES)
    assert Teacher(network, 2).taps == ("down_1", "down_2")
    assert same(features(Teacher(network, 2), x), features(Teacher(network, 3), x)[:2])
    for count in (0, 4):
        with pytest.raises(ValueError, match=f"from 1 to 3.*{count}"):
            Teacher(network, count)


def test_what_lies_behind_the_last_tap_is_not_computed(network, monkeypatch):
    monkeypatch.setattr(network.down[2], "call", lambda *_, **__: pytest.fail("computed"))
    x, _ = song(FRAMES)
    assert len(features(Teacher(network, 2), x)) == 2
    with pytest.raises(pytest.fail.Exception, match="computed"):  # negative control
        features(Teacher(network, 3), x)


def test_it_runs_in_inference_mode_always(network):
    x, _ = song(FRAMES)
    level, before_it = network.up[0], features(Teacher(network, 3), x)[-1]
    trained = ops.convert_to_numpy(level(before_it, training=True))  # negative control: dropout, batch statistics
    teacher = Teacher(network, ["up_2"])
    before = values(network.weights)
    first, second = features(teacher, x), features(teacher, x)
    assert same(first, second)
    assert np.abs(trained - first[0]).max() > 1e-2
    assert same(values(network.weights), before)  # among them the moving statistics


def test_identical_spectrograms_have_no_feature_loss(network):
    teacher, (x, y) = Teacher(network, 3), song(FRAMES)
    for i in range(3):
        phi = {source: teacher(y[source])[i] for source in y}
        assert float(feature_loss(phi, phi)) == 0.0
        assert float(feature_loss(phi, {source: teacher(x)[i] for source in y})) > 1e-3


def test_fit_changes_the_student_and_not_the_teacher(network):
    student, (x, y) = OrUnet("tiny", SMALL_SPEC), song(FRAMES)
    model = Separation(student, teacher=Teacher(network, 3))
    model.compile(keras.optimizers.Adam(1e-2), run_eagerly=True)
    teacher_before, student_before = values(network.weights), values(student.trainable_weights)
    history = model.fit(x, y, epochs=2, verbose=0).history
    assert history["loss"][1] < history["loss"][0]
    assert not network.trainable_weights  # all of it is frozen, also behind the last tap
    assert same(values(network.weights), teacher_before)
    assert not any(np.array_equal(a, b) for a, b in zip(values(student.trainable_weights), student_before, strict=True))


def test_its_weights_are_not_the_student_s(network, tmp_path):
    student, (x, y) = OrUnet("tiny", SMALL_SPEC), song(FRAMES)
    model, plain = Separation(student, teacher=Teacher(network, 3)), Separation(student)
    for each in (model, plain):
        each.compile("adam", run_eagerly=True)
        each.train_on_batch(x, y)
    ids = {id(weight) for weight in network.weights}
    assert not ids & {id(weight) for weight in model.weights}
    assert model.count_params() == student.count_params()
    sizes = []
    for name, each in (("taught", model), ("plain", plain)):
        each.save_weights(tmp_path / f"{name}.weights.h5")
        sizes.append((tmp_path / f"{name}.weights.h5").stat().st_size)
    assert abs(sizes[0] - sizes[1]) < 0.3 * 4 * network.count_params()
    student.save(tmp_path / "student.keras")
    assert load_network(tmp_path / "student.keras").count_params() == student.count_params()


@pytest.mark.parametrize("silent", [False, True])
def test_the_features_alone_teach_the_recurrent_layer(network, silent):
    """Also where an estimate is exactly zero, where a square root has no gradient."""
    student, (x, y) = OrUnet("tiny", SMALL_SPEC), song(FRAMES)
    if silent:
        x[:, ::2], x[1] = 0.0, 0.0
        y = {"vocals": x * BINS, "accompaniment": x * (1 - BINS)}
    model = FeaturesOnly(student, Teacher(network, 3))
    model.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
    kernels = [student.gru.cell.kernel, student.gru.cell.recurrent_kernel]
    before, teacher_before = values(kernels), values(network.weights)
    model.train_on_batch(x, y)
    for old, new in zip(before, values(kernels), strict=True):
        assert np.all(np.isfinite(new))
        assert np.abs(new - old).max() > 1e-6
    assert all(np.all(np.isfinite(value)) for value in values(student.weights))
    assert same(values(network.weights), teacher_before)


def test_estimates_like_the_references_teach_nothing(network):
    """Negative control of the test above: the step comes from the features' difference."""
    student, (x, _) = OrUnet("tiny", SMALL_SPEC), song(FRAMES)
    model = FeaturesOnly(student, Teacher(network, 3))
    model.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
    masks = student(x, training=True)
    y = {source: ops.convert_to_numpy(masks[f"{source}_mask"]) * x for source in ("vocals", "accompaniment")}
    assert float(model.compute_loss(x, y, masks)) < 1e-6
