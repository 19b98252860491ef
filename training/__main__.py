"""Command line of the training folder: `python -m training COMMAND`, from a checkout."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import warnings
from pathlib import Path

from keras_sep.presets import DEFAULT_PRESET
from keras_sep.spec import StreamSpec


def main(argv: list[str] | None = None) -> int:
    # TensorFlow leaves oneDNN off on processors without AVX-512, where it trains half as fast again with it.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    parser = argparse.ArgumentParser(
        prog="python -m training", description="Train and score separators.", allow_abbrev=False
    )
    commands = parser.add_subparsers(dest="command", required=True)

    train = commands.add_parser(
        "train",
        allow_abbrev=False,
        help="train a model with fit",
        description="Train a model with fit, from random weights or, with --init-preset, from those of a preset.",
    )
    train.add_argument(
        "config",
        type=Path,
        nargs="?",
        metavar="CONFIG.toml",
        help="may be left out with --init-preset: training/configs/shipped/fine_tune.toml",
    )
    train.add_argument(
        "--init-preset", metavar="NAME", help="begin with the weights of a preset, in its architecture and size"
    )
    train.add_argument(
        "--out",
        type=Path,
        help="run folder; an interrupted run in it is resumed (with --init-preset it may be left out: "
        "runs/NAME-fine-tuned)",
    )
    _add_training_options(train)
    train.set_defaults(call=_train)

    evaluate = commands.add_parser(
        "evaluate",
        allow_abbrev=False,
        help="score a model, or stems made by another system",
        description="BSS Eval (museval) v4 on 1 s frames and v3 images on 30 s windows, and SI-SDR, of a model or of a "
        "folder of estimates, beside the mixture, a classical method and oracles on the same songs. A second call with "
        "the same --out scores what is missing, and adds rows.",
    )
    which = evaluate.add_mutually_exclusive_group()
    which.add_argument("--preset", default=DEFAULT_PRESET, help=f"shipped model (default: {DEFAULT_PRESET})")
    which.add_argument("--model", type=Path, metavar="FILE.tflite")
    which.add_argument("--run", type=Path, metavar="RUN", help="best network of a training run, in Keras")
    which.add_argument(
        "--estimates", type=Path, metavar="DIR", help="stems that another system made: DIR/SONG/vocals.wav and so on"
    )
    evaluate.add_argument("--graph", help="of the preset: mask or waveform (default: the faster that it has)")
    evaluate.add_argument("--precision", help="of the preset (default: the fastest that it has)")
    _add_data_options(evaluate)
    evaluate.add_argument("--split", default="test", help="train, valid or test (default: test)")
    evaluate.add_argument(
        "--exclude-shared", action="store_true", help="leave out songs that the model was trained or validated on"
    )
    evaluate.add_argument("--out", type=Path, required=True, metavar="DIR", help="result folder")
    evaluate.add_argument("--name", help="of the row (default: the file's or folder's)")
    evaluate.add_argument(
        "--references",
        default="mixture,repet_sim,irm1,irm2,ibm",
        metavar="A,B",
        help="rows beside it (default: mixture,repet_sim,irm1,irm2,ibm), or none",
    )
    evaluate.add_argument(
        "--protocols",
        default="v4,v3",
        metavar="A,B",
        help="v4, or v4,v3 (default); v3 takes about 2 s of a core per second of audio and row, v4 0.3 s",
    )
    evaluate.add_argument(
        "--robustness",
        nargs="?",
        const="all",
        default="",
        metavar="A,B",
        help="rows of the model on altered mixtures, all or some of level_+20db,level_-20db,lowpass_8khz,mono,mp3_128k,"
        "noise_-80db",
    )
    evaluate.add_argument("--excerpt", type=int, metavar="S", help="score the S seconds with the most voice only")
    evaluate.add_argument(
        "--jobs",
        type=int,
        default=2,
        help="scoring processes, about 5 GB each for a song of 5 minutes (default: 2); 0 scores in the command's own",
    )
    evaluate.add_argument("--save-estimates", action="store_true", help="keep the stems in DIR/estimates")
    evaluate.add_argument(
        "--overwrite", action="store_true", help="score anew what was scored with other weights or versions"
    )
    evaluate.set_defaults(call=_evaluate)

    alone = commands.add_parser(
        "alone",
        allow_abbrev=False,
        help="music without voice, and voices without music, through a model",
        description="How far down one source alone is in the other's stem.",
    )
    alone.add_argument("models", nargs="+", metavar="RUN|PRESET", help="presets as they stream, runs in Keras")
    _add_stems(alone)
    alone.add_argument("--split", default="test", help="train, valid or test (default: test)")
    alone.set_defaults(call=_alone)

    report = commands.add_parser(
        "report",
        allow_abbrev=False,
        help="one HTML page of result folders",
        description="Tables, figures and players of result folders of evaluate, in one HTML page that needs no "
        "network, and the tables in Markdown.",
    )
    report.add_argument("folders", type=Path, nargs="+", metavar="DIR", help="result folder of evaluate")
    report.add_argument(
        "--out",
        type=Path,
        default=Path("report"),
        metavar="DIR",
        help="folder for index.html and table.md, or FILE.html (default: report)",
    )
    report.add_argument("--title", default="Separation scores", help='of the page (default: "Separation scores")')
    report.add_argument(
        "--players",
        type=int,
        default=4,
        metavar="N",
        help="songs with audio players, those with most voice (default: 4)",
    )
    report.set_defaults(call=_report)

    paper = commands.add_parser(
        "run-paper",
        allow_abbrev=False,
        help="train and score the paper's four methods",
        description="Trains U-Net, LSTM, OR-U-Net and OR-U-Net_df alike, the last with the first as its teacher, "
        "and scores them on songs; the same command goes on where it was stopped.",
    )
    paper.add_argument("--out", type=Path, required=True, help="folder for the four runs and table.md")
    _add_training_options(paper)
    paper.add_argument("--split", default="test", help="whose songs are scored (default: test)")
    paper.add_argument("--excerpt", type=int, metavar="S", help="score the S seconds with the most voice only")
    paper.add_argument("--protocols", default="v4", metavar="A,B", help="v4 (default) or v4,v3, as for evaluate")
    paper.add_argument("--jobs", type=int, default=2, help="scoring processes (default: 2), as for evaluate")
    paper.set_defaults(call=_run_paper)

    gather = commands.add_parser(
        "gather",
        allow_abbrev=False,
        help="a data set with more music, from packages of Debian",
        description="Makes a data set of links to another, and adds free music without voice to its training part.",
    )
    gather.add_argument("--data", type=Path, required=True, help="folder of stems with a manifest.csv")
    gather.add_argument("--out", type=Path, required=True, help="folder to make")
    gather.add_argument("--seconds", type=float, metavar="S", help="of each piece, from its middle (default: all)")
    gather.set_defaults(call=_gather)

    compare = commands.add_parser(
        "compare",
        allow_abbrev=False,
        help="runs beside one another: settings, cost, validation",
        description="A table of runs: what differs in their settings, frames, hours, validation losses and, with "
        "--data, what their best networks do on the validation songs.",
    )
    compare.add_argument("runs", type=Path, nargs="+", metavar="RUN")
    _add_stems(compare, required=False, use="; adds the validation songs")
    compare.add_argument("--preset", default="", metavar="NAME", help="adds a row of a preset, with --data")
    compare.set_defaults(call=_compare)

    average = commands.add_parser(
        "average",
        allow_abbrev=False,
        help="a network whose weights are the mean of several runs'",
        description="Weights of runs that went on from the same ones: their mean is a network too, often a better one.",
    )
    average.add_argument("runs", type=Path, nargs="+", metavar="RUN")
    average.add_argument("--shares", type=float, nargs="+", metavar="X", help="of the mean (default: equal)")
    average.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="a run folder to make")
    average.set_defaults(call=_average)

    gap = commands.add_parser(
        "gap",
        allow_abbrev=False,
        help="strange voices or strange music: where a network falls short",
        description="Scores networks on plain mixtures of the voices of one split with the music of another.",
    )
    gap.add_argument("networks", nargs="+", metavar="RUN|PRESET")
    _add_stems(gap)
    gap.add_argument("--frames", type=int, default=192, help="of a mixture (default: 192; a U-Net wants 64 times)")
    gap.add_argument("--count", type=int, default=40, help="mixtures of a row (default: 40)")
    gap.set_defaults(call=_gap)

    benchmark = commands.add_parser(
        "benchmark", allow_abbrev=False, help="speed and memory of training each method, beside a matrix product"
    )
    benchmark.add_argument("--data", type=Path, help="folder of stems; adds the figures of fit on mixed data")
    benchmark.add_argument("--cache", type=Path, help="folder of its decoded audio (default: a temporary one)")
    benchmark.add_argument("--size", default="m", help="tiny, s, m or l (default: m)")
    benchmark.add_argument(
        "--steps", type=int, default=10, help="timed steps, of which the median counts (default: 10)"
    )
    benchmark.add_argument("--out", type=Path, metavar="FILE.json", help="write the figures")
    benchmark.set_defaults(call=_benchmark)

    credits = commands.add_parser("credits", allow_abbrev=False, help="licence and credits for the weights of a run")
    credits.add_argument("run", type=Path, metavar="RUN")
    credits.add_argument("--data", type=Path, required=True, help="folder with the manifest.csv")
    credits.add_argument("--name", required=True, help="of the weights")
    credits.set_defaults(call=_credits)

    args = parser.parse_args(argv)
    try:
        return args.call(args) or 0
    except ImportError as error:
        print(f'error: {error}; the extras "train" and "train-jax" of pyproject.toml bring it', file=sys.stderr)
        return 1
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


def _add_stems(parser: argparse.ArgumentParser, required: bool = True, use: str = "") -> None:
    """For what looks at runs: a folder of stems, with one cache for all of them."""
    parser.add_argument("--data", type=Path, required=required, help=f"folder of stems{use}")
    parser.add_argument(
        "--cache", type=Path, default=Path("runs/cache"), help="folder of its decoded audio (default: runs/cache)"
    )


def _add_data_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, required=True, help="folder of the data set")
    parser.add_argument(
        "--dataset",
        default="folder",
        help="folder (default), musdb18, musdb18hq, dsd100, medleydb, ccmixter, or paper: the paper's mixture of three",
    )
    parser.add_argument("--cache", type=Path, help="folder for decoded audio (default: one of its own)")
    parser.add_argument("--strict", action="store_true", help="a file that cannot be read is an error, not skipped")


def _add_training_options(parser: argparse.ArgumentParser) -> None:
    _add_data_options(parser)
    parser.add_argument(
        "--exclude-shared", action="store_true", help="leave out songs that are in the validation part too"
    )
    parser.add_argument(
        "--max-minutes",
        type=float,
        metavar="M",
        help="stop after the last epoch that fits, at least one; the same command goes on",
    )
    parser.add_argument("--devices", type=int, default=1, metavar="N", help="spread each batch over N devices")
    parser.add_argument(
        "--workers",
        type=int,
        default=0,
        metavar="N",
        help="N processes mix, and the device takes the spectra: for accelerators (default: 0, one thread does both)",
    )
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override the configuration")


def _training_options(args: argparse.Namespace) -> dict:
    if args.max_minutes is not None and not args.max_minutes > 0:
        raise ValueError(f"--max-minutes: expected minutes above 0. Received: {args.max_minutes:g}")
    names = ("cache", "dataset", "exclude_shared", "strict", "max_minutes", "devices", "workers")
    return {name: getattr(args, name) for name in names}


def _train(args: argparse.Namespace) -> None:
    # Heavy imports inside commands: --help stays quick.
    from training.engine.config import TrainConfig
    from training.engine.train import train
    from training.engine.warm_start import overrides_of

    preset = _preset(args.init_preset)
    for name, value in (("CONFIG.toml", args.config), ("--out", args.out)):
        if value is None and not preset:
            raise ValueError(f"train: expected {name}, which only --init-preset makes optional. Received: none")
    config = args.config or Path(__file__).parent / "configs" / "shipped" / "fine_tune.toml"
    out = args.out or Path("runs") / f"{preset}-fine-tuned"
    settings = (overrides_of(preset) if preset else []) + args.set
    train(TrainConfig.load(config, settings), args.data, out, **_training_options(args))


def _run_paper(args: argparse.Namespace) -> None:
    from training.commands.paper import run_paper

    options = _training_options(args) | {"protocols": args.protocols.split(",")}
    print(run_paper(args.out, args.data, args.set, args.split, args.excerpt, args.jobs, **options))


def _gather(args: argparse.Namespace) -> None:
    from training.commands.gather import gather

    print(gather(args.data, args.out, args.seconds))


def _compare(args: argparse.Namespace) -> None:
    from training.commands.compare import compare

    print(compare(args.runs, args.data, args.cache, _preset(args.preset)))


def _average(args: argparse.Namespace) -> None:
    from training.commands.average import average

    average(args.runs, args.shares or [1.0] * len(args.runs), args.out)
    print(f"{args.out}: the mean of {', '.join(map(str, args.runs))}")


def _gap(args: argparse.Namespace) -> None:
    from training.commands.gap import gap

    if min(args.frames, args.count) < 1:
        raise ValueError(f"gap: expected counts of at least 1. Received: --frames {args.frames} --count {args.count}")
    print(gap(args.networks, args.data, args.cache, args.frames, args.count))


def _benchmark(args: argparse.Namespace) -> None:
    from training.commands.benchmark import benchmark

    if args.steps < 1:
        raise ValueError(f"--steps: expected at least 1. Received: {args.steps}")
    if args.data and not args.data.is_dir():
        raise ValueError(f"--data: expected a folder. Received: {args.data}")
    with tempfile.TemporaryDirectory() as folder:
        print(benchmark(args.data, args.cache or Path(folder), args.size, args.steps, args.out))


def _credits(args: argparse.Namespace) -> None:
    from training.commands.credits import credits_text

    print(credits_text(args.run, args.data, args.name), end="")


def _evaluate(args: argparse.Namespace) -> int:
    from common.exposure import TrainingExposure
    from training.evaluation import methods
    from training.evaluation.conditions import CONDITIONS
    from training.evaluation.evaluate import evaluate, require_counts, require_known, tables
    from training.evaluation.songs import exposure_of_file, scored_songs

    # What can be wrong with the options is said before audio is decoded.
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
    exposure = TrainingExposure()
    if args.run:
        method, exposure = methods.of_run(args.run, name=args.name), TrainingExposure.of_run(args.run)
    elif args.estimates:
        method = methods.of_estimates(args.estimates, name=args.name)
    else:
        method, provenance = methods.of_file(
            _preset(args.preset), args.model, args.graph, args.precision, name=args.name
        )
        exposure = exposure_of_file(provenance, method.row)
    rate = method.sample_rate or StreamSpec().sample_rate
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
        )
    print(tables(args.out))
    failed = sum(len(row["failed"]) for row in summary["rows"])
    if failed:
        print(f"error: {failed} scores are missing, see above", file=sys.stderr)
    return 1 if failed else 0


def _alone(args: argparse.Namespace) -> None:
    from keras_sep.presets import presets
    from training.commands.alone import alone
    from training.data.datasets import load_split
    from training.evaluation import methods

    chosen = [
        methods.of_file(name, None, name=name)[0] if name in presets() else methods.of_run(Path(name))
        for name in map(_preset, args.models)
    ]
    rate, *others = sorted({method.sample_rate for method in chosen if method.sample_rate})
    if others:
        raise ValueError(f"expected networks of one sample rate. Received: {rate} and {others[0]} Hz")
    print(alone(load_split(args.data, args.split, args.cache, rate), chosen, rate))


def _report(args: argparse.Namespace) -> None:
    from training.evaluation.report import write_report

    print(write_report(args.folders, args.out, args.title, args.players))


def _preset(name: str) -> str:
    """The name of a preset today; a line on stderr where the first release had another. What is none stays as it is."""
    from keras_sep.presets import current_name

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        name = current_name(name)
    for warning in said:
        print(f"warning: {warning.message}", file=sys.stderr)
    return name


if __name__ == "__main__":
    sys.exit(main())
