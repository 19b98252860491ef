"""The two exported graphs, as TensorFlow modules with one signature, `step`.

`MaskCore`: magnitude in, masks out; the caller does the STFT and the overlap-add.
`WaveformGraph`: samples in, stems out; the STFT, the network and the overlap-add are all inside.

Tensor names are API, read by signature, never by position. Builtin ops only.
"""

from __future__ import annotations

import tensorflow as tf

from keras_sep.models import OnlineNetwork
from keras_sep.signal import analysis_window, synthesis_window
from keras_sep.tflite.inverse_dft import InverseDft


class Graph(tf.Module):
    """A network's step as a TensorFlow function with one signature.

    Args:
        network: an online network; its weights are shared, not copied.

    Raises:
        ValueError: a network that is not online; names it.

    Examples:
        >>> from keras_sep.models import OrUnet
        >>> from keras_sep.tflite.graphs import GRAPHS, Graph
        >>> graph: Graph = GRAPHS["mask"](OrUnet("tiny"))
        >>> graph.state_shapes()
        {'state_0': (1, 12)}
    """

    kind: str

    def __init__(self, network: OnlineNetwork):
        super().__init__()
        if not isinstance(network, OnlineNetwork):
            raise ValueError(
                f"expected an online network, which has a step. Received: {network.name!r}, which has none"
            )
        self.network, self.spec = network, network.spec
        # Keras variables are not TensorFlow's; a SavedModel keeps only what the module itself tracks.
        self.tracked = [variable.value for variable in network.variables]
        shapes = self.input_shapes()
        signature = {name: tf.TensorSpec(shape, tf.float32, name=name) for name, shape in shapes.items()}
        self.step = tf.function(self._step, input_signature=[signature])

    def state_shapes(self) -> dict[str, tuple[int, ...]]:
        """Returns the shapes of the network's own states, by name."""
        return {f"state_{i}": (1, size) for i, size in enumerate(self.network.state_sizes)}

    def input_shapes(self) -> dict[str, tuple[int, ...]]:
        """Returns the shapes of the signature's inputs, by name."""
        raise NotImplementedError

    def _step(self, inputs):
        raise NotImplementedError

    def _run(self, frame, inputs):
        """Computes masks (1, F, C) and new states, by name, from a frame (1, F, V) and the signature's inputs."""
        masks, new = self.network.step(frame, [inputs[name] for name in self.state_shapes()])
        return masks, {f"new_state_{i}": state for i, state in enumerate(new)}


class MaskCore(Graph):
    """The mask graph; step: magnitude (1, 1, F, V), state_<i> → <source>_mask (1, 1, F, C), new_state_<i>.

    Examples:
        >>> from keras_sep.models import OrUnet
        >>> from keras_sep.tflite.graphs import MaskCore
        >>> MaskCore(OrUnet("tiny")).input_shapes()
        {'magnitude': (1, 1, 1025, 2), 'state_0': (1, 12)}
    """

    kind = "mask"

    def input_shapes(self) -> dict[str, tuple[int, ...]]:
        return {"magnitude": (1, 1, self.spec.num_bins, self.spec.num_views), **self.state_shapes()}

    def _step(self, inputs):
        spec = self.spec
        masks, new = self._run(tf.reshape(inputs["magnitude"], (1, spec.num_bins, spec.num_views)), inputs)
        shape = (1, 1, spec.num_bins, spec.num_channels)
        return {name: tf.reshape(mask, shape) for name, mask in masks.items()} | new


class WaveformGraph(Graph):
    """The waveform graph; step: samples (1, frame_step, C), state_* → <source> (1, frame_step, C), new_state_*.

    The stems lag behind by frame_length − frame_step samples; feeding whole steps adds frame_step.
    States, all zero at first: `state_<i>` of the network, `state_samples` (C, overlap), the mixture's
    last samples, and `state_overlap` (sources · C, overlap), the stems' unfinished ones.

    Examples:
        >>> from keras_sep.models import OrUnet
        >>> from keras_sep.tflite.graphs import WaveformGraph
        >>> WaveformGraph(OrUnet("tiny")).input_shapes()["samples"]
        (1, 512, 2)
    """

    kind = "waveform"

    def __init__(self, network: OnlineNetwork):
        self.inverse_dft = InverseDft(network.spec.fft_length)
        super().__init__(network)

    def input_shapes(self) -> dict[str, tuple[int, ...]]:
        spec = self.spec
        overlap = spec.frame_length - spec.frame_step
        return {
            "samples": (1, spec.frame_step, spec.num_channels),
            "state_samples": (spec.num_channels, overlap),
            "state_overlap": (len(spec.sources) * spec.num_channels, overlap),
            **self.state_shapes(),
        }

    def _step(self, inputs):
        spec, step = self.spec, self.spec.frame_step
        num_sources, num_channels, num_bins = len(spec.sources), spec.num_channels, spec.num_bins
        samples = tf.reshape(inputs["samples"], (step, num_channels))
        samples = tf.concat([inputs["state_samples"], tf.transpose(samples)], axis=1)
        spectrum = tf.signal.rfft(samples * analysis_window(spec), [spec.fft_length])
        real, imaginary = tf.math.real(spectrum), tf.math.imag(spectrum)  # (C, F)
        masks, new = self._run(tf.transpose(self._magnitude(real, imaginary))[None], inputs)

        by_source = [tf.transpose(tf.reshape(mask, (num_bins, num_channels))) for mask in masks.values()]
        if self.network.masks_sum_to_one:
            by_source.pop()  # the last source is what the others leave of the mixture
        joined = tf.stack(by_source)  # (sources, C, F)
        # Eq. (1), real and imaginary parts.
        masked = [tf.reshape(joined * part, (len(by_source) * num_channels, num_bins)) for part in (real, imaginary)]
        frames = self.inverse_dft(*masked)[:, : spec.frame_length] * synthesis_window(spec)
        if self.network.masks_sum_to_one:
            others = tf.add_n(tf.split(frames, num_sources - 1)) if num_sources > 2 else frames
            frames = tf.concat([frames, samples * (analysis_window(spec) * synthesis_window(spec)) - others], axis=0)
        frames += tf.pad(inputs["state_overlap"], [[0, 0], [0, step]])
        stems = tf.split(tf.transpose(frames[:, :step]), num_sources, axis=1)
        result = {
            source: tf.reshape(stem, (1, step, num_channels)) for source, stem in zip(spec.sources, stems, strict=True)
        }
        return {**result, **new, "new_state_samples": samples[:, step:], "new_state_overlap": frames[:, step:]}

    def _magnitude(self, real, imaginary):
        """Computes the views (V, F) of the channels' spectra (C, F), as `keras_sep.signal.magnitude_views` does."""
        if self.spec.num_views > self.spec.num_channels:
            half = tf.constant(0.5**0.5, tf.float32)
            real, imaginary = (
                tf.concat([x, (x[:1] + x[1:]) * half, (x[:1] - x[1:]) * half], axis=0) for x in (real, imaginary)
            )
        return tf.sqrt(real * real + imaginary * imaginary)


GRAPHS: dict[str, type[Graph]] = {graph.kind: graph for graph in (MaskCore, WaveformGraph)}
