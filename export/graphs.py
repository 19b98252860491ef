"""The two graphs that are exported, as TensorFlow modules with one signature, `step`.

`MaskCore`: magnitude in, masks out; the caller does the STFT and the overlap-add.
`WaveformGraph`: samples in, stems out; the STFT, the network and the overlap-add are all inside.

Tensor names are API, read by signature, never by position. Builtin ops only.
"""

from __future__ import annotations

import keras
import tensorflow as tf

from export.fourier import InverseDft
from keras_sep.signal import analysis_window, synthesis_window
from keras_sep.spec import StreamSpec
from keras_sep.streaming import build_step


class Graph(tf.Module):
    """A step network, its spec, and what TensorFlow must know to save it."""

    kind: str

    def __init__(self, model: keras.Model, spec: StreamSpec):
        super().__init__()
        self.network = build_step(model)
        # Keras variables are not TensorFlow's; a SavedModel keeps only what the module itself tracks.
        self.tracked = [variable.value for variable in self.network.variables]
        self.spec = spec
        shapes = self.input_shapes()
        signature = {name: tf.TensorSpec(shape, tf.float32, name=name) for name, shape in shapes.items()}
        self.step = tf.function(self._step, input_signature=[signature])

    def input_shapes(self) -> dict[str, tuple[int, ...]]:
        """Of the signature, by name."""
        raise NotImplementedError

    def _step(self, inputs):
        raise NotImplementedError


class MaskCore(Graph):
    """step: magnitude (1, 1, F, C), state_<i> → <source>_mask (1, 1, F, C), new_state_<i>."""

    kind = "mask"

    def input_shapes(self) -> dict[str, tuple[int, ...]]:
        return {tensor.name: tensor.shape for tensor in self.network.inputs}

    def _step(self, inputs):
        return self.network(inputs)


class WaveformGraph(Graph):
    """step: samples (1, frame_step, C), state_* → one (1, frame_step, C) a source, new_state_*.

    The stems lag behind by frame_length − frame_step samples; feeding whole steps adds frame_step.
    States, all zero at first: `state_<i>` of the network, `state_samples` (C, overlap), the mixture's
    last samples, and `state_overlap` (sources · C, overlap), the stems' unfinished ones.
    """

    kind = "waveform"

    def __init__(self, model: keras.Model, spec: StreamSpec):
        self.inverse_dft = InverseDft(spec.fft_length)
        super().__init__(model, spec)

    def input_shapes(self) -> dict[str, tuple[int, ...]]:
        spec = self.spec
        overlap = spec.frame_length - spec.frame_step
        return {
            "samples": (1, spec.frame_step, spec.num_channels),
            "state_samples": (spec.num_channels, overlap),
            "state_overlap": (len(spec.sources) * spec.num_channels, overlap),
            **{tensor.name: tensor.shape for tensor in self.network.inputs if tensor.name != "magnitude"},
        }

    def _step(self, inputs):
        spec, step = self.spec, self.spec.frame_step
        num_sources, num_channels, num_bins = len(spec.sources), spec.num_channels, spec.num_bins
        samples = tf.reshape(inputs["samples"], (step, num_channels))
        samples = tf.concat([inputs["state_samples"], tf.transpose(samples)], axis=1)
        spectrum = tf.signal.rfft(samples * analysis_window(spec), [spec.fft_length])
        real, imaginary = tf.math.real(spectrum), tf.math.imag(spectrum)  # (C, F)
        magnitude = tf.transpose(tf.sqrt(real * real + imaginary * imaginary))

        states = {name: value for name, value in inputs.items() if name.startswith("state_") and name[6:].isdigit()}
        outputs = self.network({"magnitude": tf.reshape(magnitude, (1, 1, num_bins, num_channels)), **states})
        masks = [tf.reshape(outputs[f"{source}_mask"], (num_bins, num_channels)) for source in spec.sources]
        masks = tf.stack([tf.transpose(mask) for mask in masks])  # (sources, C, F)
        masked = [tf.reshape(masks * part, (num_sources * num_channels, num_bins)) for part in (real, imaginary)]
        frames = self.inverse_dft(*masked)[:, : spec.frame_length] * synthesis_window(spec)
        frames += tf.pad(inputs["state_overlap"], [[0, 0], [0, step]])
        stems = tf.split(tf.transpose(frames[:, :step]), num_sources, axis=1)
        result = {
            source: tf.reshape(stem, (1, step, num_channels)) for source, stem in zip(spec.sources, stems, strict=True)
        }
        result |= {name: value for name, value in outputs.items() if name.startswith("new_state_")}
        return {**result, "new_state_samples": samples[:, step:], "new_state_overlap": frames[:, step:]}


GRAPHS: dict[str, type[Graph]] = {graph.kind: graph for graph in (MaskCore, WaveformGraph)}
