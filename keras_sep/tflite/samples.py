"""Calibration samples: inputs of a step while it streams music, from which int8 takes its ranges."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from keras_sep.signal import StreamingStft, magnitude_views
from keras_sep.tflite.graphs import Graph

Array = npt.NDArray[np.float32]
EVERY = 8  # steps from one sample to the next; neighbours are alike


def calibration_samples(graph: Graph, mixtures: Iterable[Array]) -> Iterator[dict[str, Array]]:
    """Yields the inputs of every `EVERY`-th step while the float graph streams the mixtures, with real states.

    Args:
        graph: "mask" or "waveform" graph of a network.
        mixtures: waveforms (samples, channels), full scale ±1; each starts from zero states.

    Yields:
        One array for each input of the signature, by name: a list would be reordered silently.

    Examples:
        >>> import numpy as np
        >>> from keras_sep.models import OrUnet
        >>> from keras_sep.tflite.graphs import WaveformGraph
        >>> from keras_sep.tflite.samples import calibration_samples
        >>> graph = WaveformGraph(OrUnet("tiny"))
        >>> samples = list(calibration_samples(graph, [np.zeros((16 * 512, 2), "float32")]))
        >>> len(samples), sorted(samples[0])  # steps 0 and 8 of 16
        (2, ['samples', 'state_0', 'state_overlap', 'state_samples'])
    """
    spec = graph.spec
    for mixture in mixtures:
        if graph.kind == "mask":
            frames = magnitude_views(StreamingStft(spec).push(mixture), spec)[:, None, None]
        else:
            whole = len(mixture) // spec.frame_step * spec.frame_step
            frames = mixture[:whole].reshape(-1, 1, spec.frame_step, spec.num_channels)
        shapes = graph.input_shapes()
        states = {name: np.zeros(shape, np.float32) for name, shape in shapes.items() if name.startswith("state_")}
        stream = next(name for name in shapes if name not in states)
        for t, frame in enumerate(frames):
            inputs = {stream: np.ascontiguousarray(frame), **states}
            if t % EVERY == 0:
                yield inputs
            outputs = graph.step(inputs)
            states = {name: outputs[f"new_{name}"].numpy() for name in states}
