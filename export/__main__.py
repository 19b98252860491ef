"""Command line of the export folder: `python -m export COMMAND`, from a checkout."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m export", description="Convert, publish, measure and compare models.", allow_abbrev=False
    )
    commands = parser.add_subparsers(dest="command", required=True)

    convert = commands.add_parser(
        "convert", allow_abbrev=False, help="a training run to .tflite and .onnx files, each checked against Keras"
    )
    convert.add_argument(
        "run",
        type=Path,
        metavar="RUN",
        help="run folder of `python -m training train`, or <name>.keras that convert wrote",
    )
    convert.add_argument("-o", "--out", type=Path, required=True, metavar="DIR")
    convert.add_argument("--name", help="of the files (default: that of RUN)")
    convert.add_argument("--graphs", default="mask,waveform", help="comma-separated: mask, waveform")
    convert.add_argument(
        "--precisions",
        default="float32,dynamic_int8",
        help="comma-separated: float32, float16, dynamic_int8, int8",
    )
    convert.add_argument("--formats", default="tflite", help="comma-separated: tflite, onnx (mask, float32)")
    convert.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="calibrates int8: holds train/songs/<song>/{vocals,accompaniment}.*",
    )
    convert.set_defaults(call=_convert)

    verify = commands.add_parser(
        "verify", allow_abbrev=False, help="converted files on real songs, against Keras; publish asks for it"
    )
    verify.add_argument("converted", type=Path, metavar="DIR", help="what convert wrote")
    verify.add_argument(
        "--data", type=Path, required=True, metavar="DIR", help="holds test/songs/<song>/{vocals,accompaniment}.*"
    )
    verify.add_argument("--name", help="of the files, as given to convert (default: the only one there)")
    verify.add_argument("--seconds", type=int, default=90, help="of each song, the most active ones (default: 90)")
    verify.add_argument("--steps", type=int, default=20000, help="length of the stream (default: 20000)")
    verify.add_argument("--jobs", type=int, default=2, help="processes (default: 2)")
    verify.set_defaults(call=_verify)

    publish = commands.add_parser("publish", allow_abbrev=False, help="verified files to a preset in keras_sep/assets")
    publish.add_argument("converted", type=Path, metavar="DIR")
    publish.add_argument("--name", required=True, help="of the preset, as given to convert")
    publish.add_argument(
        "--files", required=True, help="comma-separated, such as waveform-float32; keras is the float network"
    )
    publish.add_argument("--description", required=True)
    publish.add_argument("--licence", required=True, help="SPDX identifier of the weights")
    publish.add_argument("--licence-file", type=Path, required=True)
    publish.set_defaults(call=_publish)

    benchmark = commands.add_parser(
        "benchmark", allow_abbrev=False, help="time, memory and quality of files, and time of keras-sep separate"
    )
    benchmark.add_argument(
        "folders", type=Path, nargs="*", metavar="DIR", help="of `convert` (default: the files of the shipped preset)"
    )
    benchmark.add_argument(
        "--random",
        metavar="SIZES",
        help="comma-separated: tiny, s, m, l; OR-U-Nets with random weights, for their cost",
    )
    benchmark.add_argument("--peers", type=Path, metavar="DIR", help="holds dtln/ and gtcrn/, measured beside")
    benchmark.add_argument("--out", type=Path, metavar="JSON", help="file for the figures")
    benchmark.add_argument(
        "--write",
        type=Path,
        metavar="FILE",
        help="document: the tables go between its benchmark: begin and end markers",
    )
    benchmark.add_argument(
        "--minutes", type=int, default=60, help="length of the long song; 0: no keras-sep separate (default: 60)"
    )
    benchmark.add_argument("--rounds", type=int, help="in which all files take turns (default: 7)")
    benchmark.add_argument("--steps", type=int, help="at most, of one file in a round (default: 1000)")
    benchmark.set_defaults(call=_benchmark)

    browser = commands.add_parser(
        "benchmark-browser",
        allow_abbrev=False,
        help="time of a step and of a 4-minute song on the page in Chromium, beside keras-sep separate",
    )
    browser.add_argument("--rounds", type=int, default=3, help="in which all models take turns (default: 3)")
    browser.add_argument("--live", type=int, default=60, metavar="S", help="of the fake microphone (default: 60)")
    browser.add_argument(
        "--write", type=Path, metavar="FILE", help="document: the table goes between its browser: begin and end markers"
    )
    browser.set_defaults(call=_benchmark_browser)

    runtimes = commands.add_parser(
        "runtimes",
        allow_abbrev=False,
        help="do the files give the same stems under another TFLite runtime or processor?",
    )
    runtimes.add_argument("folders", nargs="*", type=Path, metavar="DIR", help=".tflite files beside the shipped ones")
    which = runtimes.add_mutually_exclusive_group(required=True)
    which.add_argument("--write", type=Path, metavar="FILE.npz", help="keep the stems of this runtime")
    which.add_argument("--against", type=Path, metavar="FILE.npz", help="compare with kept ones; exit 1 if they differ")
    runtimes.add_argument("--seconds", type=float, default=10.0, help="of the example song, to write (default: 10)")
    runtimes.add_argument(
        "--may-refuse",
        default="",
        metavar="PRECISIONS",
        help="comma-separated: what the runtime is known not to run (default: it must run everything)",
    )
    runtimes.set_defaults(call=_runtimes)

    endure = commands.add_parser(
        "endure", allow_abbrev=False, help="hours of music through files: no drift, no NaN, silence from silence"
    )
    endure.add_argument(
        "paths", nargs="*", type=Path, metavar="FILE|DIR", help=".tflite files (default: those of the preset)"
    )
    endure.add_argument("--hours", type=float, default=2.0, help="of audio, at least three rounds (default: 2)")
    endure.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="holds test/songs/<song>/{vocals,accompaniment}.* (default: the example song)",
    )
    endure.set_defaults(call=_endure)

    migrate = commands.add_parser(
        "migrate", allow_abbrev=False, help="a .keras file of the first release to one that this release loads"
    )
    migrate.add_argument(
        "old",
        type=Path,
        metavar="OLD.keras",
        help="an or_unet_memories network, with its <name>.json or presets.json beside it",
    )
    migrate.add_argument("-o", "--out", type=Path, required=True, metavar="NEW.keras")
    migrate.set_defaults(call=_migrate)

    android = commands.add_parser(
        "android", allow_abbrev=False, help="models, catalogue and golden vectors into the Android demo"
    )
    android.add_argument(
        "--project",
        type=Path,
        default=Path("android_demo"),
        metavar="DIR",
        help="holds app/ and core/ (default: %(default)s)",
    )
    android.add_argument(
        "--no-golden", action="store_true", help="without the vectors, which only the tests of core/ need"
    )
    android.set_defaults(call=_android)

    args = parser.parse_args(argv)
    try:
        return args.call(args) or 0
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except ImportError as error:
        print(f'error: {error}: `pip install -e ".[train,dev]"`', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _convert(args: argparse.Namespace) -> None:
    graphs, precisions, formats = (tuple(v.split(",")) for v in (args.graphs, args.precisions, args.formats))
    # Heavy imports inside commands: --help stays quick, benchmark needs no TensorFlow.
    from export.calibration import read_calibration
    from export.convert import FORMATS, convert, load
    from keras_sep.tflite.graphs import GRAPHS
    from keras_sep.tflite.quantise import CALIBRATED, PRECISIONS

    asked = (("graphs", graphs, GRAPHS), ("precisions", precisions, PRECISIONS), ("formats", formats, FORMATS))
    for name, values, known in asked:
        if unknown := [value for value in values if value not in known]:
            raise ValueError(f"--{name}: expected some of {', '.join(known)}. Received: {', '.join(unknown)}")
    network, provenance = load(args.run)
    name = args.name or args.run.resolve().name.removesuffix(".keras").replace("_", "-")
    # Music is read only where it is needed.
    calibration = read_calibration(args.data, network.spec) if args.data and set(precisions) & set(CALIBRATED) else None
    files = convert(
        network,
        args.out,
        name,
        graphs=graphs,
        precisions=precisions,
        formats=formats,
        calibration=calibration,
        provenance=provenance,
    )
    for file in files:
        agreement = ", ".join(f"{key} {value:g}" for key, value in file["agreement"].items())
        print(f"{args.out / file['file']}  {file['bytes'] / 1e6:.2f} MB  against Keras: {agreement}")


def _verify(args: argparse.Namespace) -> int:
    from export.verification.verify import failures, table, verify

    options = {"seconds": args.seconds, "steps": args.steps, "jobs": args.jobs}
    summary = verify(args.converted, args.data, args.name, **options)
    print(table(summary))
    failed = failures(summary)
    for line in failed:
        print(f"failed: {line}", file=sys.stderr)
    return 1 if failed else 0


def _publish(args: argparse.Namespace) -> None:
    from export.publish import publish

    entry = publish(args.converted, args.name, args.files.split(","), args.description, args.licence, args.licence_file)
    print(json.dumps(entry, indent=1))


def _benchmark(args: argparse.Namespace) -> None:
    from export.benchmark.run import benchmark

    counts = {name: value for name in ("rounds", "steps") if (value := getattr(args, name)) is not None}
    benchmark(
        tuple(args.folders),
        random=tuple(args.random.split(",")) if args.random is not None else (),
        peers=args.peers,
        out=args.out,
        write=args.write,
        long_minutes=args.minutes,
        **counts,
    )


def _benchmark_browser(args: argparse.Namespace) -> None:
    from export.benchmark.browser import benchmark_browser

    if args.rounds < 1 or args.live < 1:
        raise ValueError(f"expected --rounds and --live of at least 1. Received: {args.rounds} and {args.live}")
    benchmark_browser(args.rounds, args.live, args.write)


def _runtimes(args: argparse.Namespace) -> int:
    from export.verification import runtimes

    files = runtimes.files_of(args.folders)
    if args.write:
        runtimes.write(args.write, files, args.seconds)
        return 0
    return 0 if runtimes.against(args.against, files, args.may_refuse.split(",")) else 1


def _endure(args: argparse.Namespace) -> None:
    from export.verification.endurance import endure

    endure(args.paths, args.hours, args.data)


def _migrate(args: argparse.Namespace) -> None:
    from export.migrate import migrate_file

    print(migrate_file(args.old, args.out))


def _android(args: argparse.Namespace) -> None:
    from export.android.assets import write_assets

    for path in write_assets(args.project / "app"):
        print(path)
    if not args.no_golden:
        from export.android.golden import write_golden

        print(write_golden(args.project / "core", args.project / "app" / "src" / "main" / "assets" / "models"))


if __name__ == "__main__":
    sys.exit(main())
