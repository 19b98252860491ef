"""Score a model or a folder of estimates by BSS Eval (museval), v4 on 1 s frames and v3 images on 30 s windows, and by
SI-SDR. The mixture, a classical method and oracles are scored on the same songs, for comparison. A second call with the
same --out adds the scores that are missing, and rows of another model."""

from __future__ import annotations

import argparse
import functools
import operator
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keras_sep.presets import DEFAULT_PRESET
from keras_sep.spec import StreamSpec
from training.commands.options import add_data_options, add_scoring_options, add_split, current_preset

if TYPE_CHECKING:
    from training.evaluation.methods import Method

HELP = "score a model, or stems of another system"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--preset", default=DEFAULT_PRESET, help=f"shipped model (default: {DEFAULT_PRESET})")
    which.add_argument("--model", type=Path, metavar="FILE.tflite", help="a file of export, as it streams")
    which.add_argument("--run", type=Path, metavar="RUN", help="best network of a training run, in Keras")
    which.add_argument(
        "--estimates", type=Path, metavar="DIR", help="stems of another system: DIR/SONG/vocals.wav and so on"
    )
    parser.add_argument("--graph", help="graph of the preset: mask or waveform (default: the faster one it has)")
    parser.add_argument("--precision", help="precision of the preset (default: the fastest one it has)")
    add_data_options(parser, cache="a temporary one")
    add_split(parser)
    parser.add_argument(
        "--exclude-shared", action="store_true", help="leave out songs that the model was trained or validated on"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the results")
    parser.add_argument("--name", help="name of the model's row (default: that of the file or folder)")
    parser.add_argument(
        "--references",
        default="mixture,repet_sim,irm1,irm2,ibm",
        metavar="A,B",
        help="rows to compare it with (default: mixture,repet_sim,irm1,irm2,ibm), or none",
    )
    parser.add_argument(
        "--robustness",
        nargs="?",
        const="all",
        default="",
        metavar="A,B",
        help="also score the model on altered mixtures: all of them, or some of level_+20db,level_-20db,lowpass_8khz,"
        "mono,mp3_128k,noise_-80db,dc_10percent",
    )
    add_scoring_options(parser, protocols="v4,v3")
    parser.add_argument(
        "--cluster",
        metavar="ADDRESS",
        help="score on a Ray cluster in place of --jobs: HOST:PORT, auto, or local; model files, runs and estimates "
        "are there under the same paths (extra cluster)",
    )
    parser.add_argument("--save-estimates", action="store_true", help="write the stems to DIR/estimates")
    parser.add_argument(
        "--overwrite", action="store_true", help="replace scores of other weights or of other versions of the tools"
    )


def run(args: argparse.Namespace) -> int:
    from common.exposure import TrainingExposure
    from training.evaluation import methods
    from training.evaluation.conditions import CONDITIONS
    from training.evaluation.scoring import evaluate, require_counts, require_known
    from training.evaluation.songs import exposure_of_file, scored_songs
    from training.report import write_summary

    # Checked first, so that a wrong option is reported before audio is decoded.
    require_counts(args.excerpt, args.jobs)
    references = [] if args.references == "none" else args.references.split(",")
    require_known("--references", references, methods.REFERENCES)
    conditions = args.robustness.split(",") if args.robustness else []
    if conditions == ["all"]:
        conditions = list(CONDITIONS)
    require_known("--robustness", conditions, CONDITIONS)
    if conditions and args.estimates:
        raise ValueError("--robustness: expected a model that can be given other mixtures. Received: --estimates")
    if args.exclude_shared and args.estimates:
        raise ValueError("--exclude-shared: expected a model that says what it was trained on. Received: --estimates")
    other = next((name for name in ("model", "run", "estimates") if getattr(args, name)), None)
    if other and (args.graph or args.precision):
        raise ValueError(f"--graph, --precision: expected a preset, which has several files. Received: --{other}")
    exposure = TrainingExposure()
    if args.run:
        make = functools.partial(methods.of_run, args.run.resolve(), name=args.name)
        method, exposure = make(), TrainingExposure.of_run(args.run)
    elif args.estimates:
        make = functools.partial(methods.of_estimates, args.estimates.resolve(), name=args.name)
        method = make()
    else:
        file = (current_preset(args.preset), args.model and args.model.resolve(), args.graph, args.precision)
        make = functools.partial(_method_of_file, *file, name=args.name)
        method, provenance = methods.of_file(*file, name=args.name)
        exposure = exposure_of_file(provenance, method.row)
    rate = method.sample_rate or StreamSpec().sample_rate
    elsewhere = None
    if args.cluster:
        from training.cluster.scoring_tasks import on_cluster

        makers: dict[str, Any] = {
            **{name: functools.partial(operator.getitem, methods.REFERENCES, name) for name in references},
            method.row: make,
        }
        elsewhere = on_cluster(args.cluster, makers, rate, args.excerpt, args.save_estimates)
    with scored_songs(
        args.data,
        args.split,
        rate,
        dataset=args.dataset,
        cache=args.cache,
        strict=args.strict,
        exposure=exposure,
        exclude_shared=args.exclude_shared,
    ) as songs:
        summary = evaluate(
            songs,
            [*(methods.REFERENCES[name] for name in references), method],
            args.out,
            rate,
            conditions=conditions,
            protocols=args.protocols.split(","),
            excerpt=args.excerpt,
            jobs=args.jobs,
            dataset=args.dataset,
            split=args.split,
            save_estimates=args.save_estimates,
            overwrite=args.overwrite,
            elsewhere=elsewhere,
        )
    print(write_summary(args.out))
    failed = sum(len(row["failed"]) for row in summary["rows"])
    if failed:
        print(f"error: {failed} scores are missing, see above", file=sys.stderr)
    return 1 if failed else 0


def _method_of_file(*file: Any, name: str | None) -> Method:
    from training.evaluation import methods

    return methods.of_file(*file, name=name)[0]
