from __future__ import annotations

import keras
import numpy as np
import pytest

from keras_sep.models import BinMemoryUnet, Lstm, OrUnet
from tests.support.networks import magnitude, small_network, vocals_mask
from training.engine.fused_recurrence import fuse_recurrence

pytestmark = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="acts on TensorFlow only")
KINDS = {"gru": keras.layers.GRU, "lstm": keras.layers.LSTM}


def _model(kind: str, **options) -> keras.Model:
    keras.utils.set_random_seed(3)
    x = keras.Input((None, 7))
    h = KINDS[kind](6, return_sequences=True, bias_initializer="random_normal", name="one")(x)
    return keras.Model(x, KINDS[kind](5, bias_initializer="random_normal", name="two", **options)(h))


def _gradients(model: keras.Model, x: np.ndarray, traced: bool) -> list[np.ndarray]:
    import tensorflow as tf

    def gradients(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(tf.square(model(x, training=True)) * tf.range(1.0, 6.0))
        return tape.gradient(loss, [*[v.value for v in model.trainable_variables], x])

    return [g.numpy() for g in (tf.function(gradients) if traced else gradients)(tf.constant(x))]


@pytest.mark.parametrize("sequences", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_outputs_and_gradients_are_those_of_keras(kind, sequences):
    x = np.random.default_rng(1).standard_normal((3, 9, 7)).astype(np.float32)
    plain, fused = (_model(kind, return_sequences=sequences) for _ in range(2))
    fuse_recurrence(fused)
    assert "inner_loop" in vars(fused.get_layer("one"))
    np.testing.assert_allclose(fused(x), plain(x), atol=1e-6)
    for a, b in zip(_gradients(fused, x, traced=True), _gradients(plain, x, traced=False), strict=True):
        assert np.abs(b).max() > 1e-3
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_a_state_is_carried_from_call_to_call(kind):
    x = np.random.default_rng(2).standard_normal((2, 8, 4)).astype(np.float32)
    inputs = keras.Input((4, 4), batch_size=2)
    model = keras.Model(inputs, KINDS[kind](5, return_sequences=True, stateful=True, name="one")(inputs))
    whole = keras.Sequential([KINDS[kind](5, return_sequences=True)])
    whole.build((2, 8, 4))
    whole.set_weights(model.get_weights())
    fuse_recurrence(model)
    parts = np.concatenate([model(x[:, :4]), model(x[:, 4:])], axis=1)
    np.testing.assert_allclose(parts, whole(x), atol=1e-6)


@pytest.mark.parametrize("options", [{"dropout": 0.1}, {"activation": "relu"}, {"go_backwards": True}])
def test_other_layers_keep_their_loop(options):
    inputs = keras.Input((4, 4))
    model = keras.Model(inputs, keras.layers.GRU(5, **options, name="one")(inputs))
    fuse_recurrence(model)
    assert "inner_loop" not in vars(model.get_layer("one"))


@pytest.mark.parametrize(
    ("kind", "names"), [(OrUnet, "gru"), (BinMemoryUnet, "gru gru gru"), (Lstm, "lstm_1 lstm_2 lstm_3")]
)
def test_the_recurrent_layers_of_a_network_are_fused(kind, names):
    """Also those of memories; masks stay what they are."""
    network, x = small_network(3, kind), magnitude(6, batch=2)
    recurrent = [layer for layer in network._flatten_layers() if isinstance(layer, tuple(KINDS.values()))]
    assert sorted(layer.name for layer in recurrent) == names.split()
    plain = vocals_mask(network, x)
    fuse_recurrence(network)
    assert all("inner_loop" in vars(layer) for layer in recurrent)
    np.testing.assert_allclose(vocals_mask(network, x), plain, atol=1e-5)
    # Negative control: the fused layer depends on the past.
    assert np.abs(vocals_mask(network, x[:, ::-1])[:, ::-1] - plain).max() > 1e-3
