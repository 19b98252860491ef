"""Makes unit-{mask,waveform}-float32.tflite: a model whose vocals mask is 1 and whose accompaniment mask is 1/2.

What goes in comes out of it, late by the algorithmic latency: the reference for delays, lengths and channels,
without a trained network. The files here were made by the first release, and are kept as they are: they stand for the
files that users have. Run from the repository's root: .venv/bin/python -m tests.golden.make_unit_masks
"""

from __future__ import annotations

from pathlib import Path

from export.conversion.convert import convert
from keras_sep.spec import StreamSpec
from tests.support.networks import unit_network

if __name__ == "__main__":
    convert(unit_network(StreamSpec()), Path(__file__).parent, "unit", precisions=("float32",))
