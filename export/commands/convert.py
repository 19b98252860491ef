"""Convert a training run to .tflite and .onnx files, each checked against Keras."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "run",
        type=Path,
        metavar="RUN",
        help="run folder of `python -m training train`, or a <name>.keras that convert wrote",
    )
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="DIR", help="folder to write to")
    parser.add_argument("--name", help="name of the files (default: that of RUN)")
    parser.add_argument("--graphs", default="mask,waveform", help="comma-separated: mask, waveform")
    parser.add_argument(
        "--precisions",
        default="float32,dynamic_int8",
        help="comma-separated: float32, float16, dynamic_int8",
    )
    parser.add_argument("--formats", default="tflite", help="comma-separated: tflite, onnx (mask, float32)")


def run(args: argparse.Namespace) -> None:
    from export.conversion.convert import FORMATS, convert, load
    from keras_sep.tflite.graphs import GRAPHS
    from keras_sep.tflite.quantise import PRECISIONS

    graphs, precisions, formats = (tuple(v.split(",")) for v in (args.graphs, args.precisions, args.formats))
    asked = (("graphs", graphs, GRAPHS), ("precisions", precisions, PRECISIONS), ("formats", formats, FORMATS))
    for option, values, known in asked:
        if unknown := [value for value in values if value not in known]:
            raise ValueError(f"--{option}: expected some of {', '.join(known)}. Received: {', '.join(unknown)}")
    network, provenance = load(args.run)
    name = args.name or args.run.resolve().name.removesuffix(".keras").replace("_", "-")
    files = convert(
        network,
        args.out,
        name,
        graphs=graphs,
        precisions=precisions,
        formats=formats,
        provenance=provenance,
    )
    for file in files:
        agreement = ", ".join(f"{key} {value:g}" for key, value in file["agreement"].items())
        print(f"{args.out / file['file']}  {file['bytes'] / 1e6:.2f} MB  against Keras: {agreement}")
