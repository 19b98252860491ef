"""Command line of the training folder: `python -m training COMMAND`, from a checkout."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m training", description="Train and score separators.", allow_abbrev=False
    )
    commands = parser.add_subparsers(dest="command", required=True)

    train = commands.add_parser(
        "train", allow_abbrev=False, help="train a model with fit", description="Train a model with fit."
    )
    train.add_argument("config", type=Path, metavar="CONFIG.toml")
    train.add_argument("--out", type=Path, required=True, help="run folder; an interrupted run in it is resumed")
    _add_training_options(train)
    train.set_defaults(call=_train)

    evaluate = commands.add_parser(
        "evaluate",
        allow_abbrev=False,
        help="SDR of a model on songs with stems",
        description="BSS Eval v4 (museval), median over 1 s frames.",
    )
    which = evaluate.add_mutually_exclusive_group()
    which.add_argument("--preset", default="or-unet", help="shipped model (default: or-unet)")
    which.add_argument("--model", type=Path, metavar="FILE.tflite")
    which.add_argument("--run", type=Path, metavar="RUN", help="best network of a training run, in Keras")
    evaluate.add_argument("--graph", default="mask", help="of the preset: mask or waveform (default: mask)")
    evaluate.add_argument("--precision", default="dynamic_int8", help="of the preset (default: dynamic_int8)")
    _add_data_options(evaluate)
    evaluate.add_argument("--split", default="test", help="train, valid or test (default: test)")
    evaluate.add_argument(
        "--exclude-shared", action="store_true", help="leave out songs that the run was trained or validated on"
    )
    evaluate.add_argument("--excerpt", type=int, metavar="S", help="score the S seconds with the most voice only")
    evaluate.add_argument("--jobs", type=int, default=2, help="processes (default: 2)")
    evaluate.add_argument("--out", type=Path, metavar="FILE.json", help="write the figures")
    evaluate.set_defaults(call=_evaluate)

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
    paper.add_argument("--jobs", type=int, default=2, help="scoring processes (default: 2)")
    paper.set_defaults(call=_run_paper)

    benchmark = commands.add_parser(
        "benchmark", allow_abbrev=False, help="speed and memory of training each method, beside a matrix product"
    )
    benchmark.add_argument("--data", type=Path, help="folder of stems; adds the figures of fit on mixed data")
    benchmark.add_argument("--cache", type=Path, help="folder of its decoded audio (default: a temporary one)")
    benchmark.add_argument("--size", default="m", help="s, m or l (default: m)")
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
        args.call(args)
    except ImportError as error:
        print(f'error: {error}; the extras "train" and "train-jax" of pyproject.toml bring it', file=sys.stderr)
        return 1
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    return 0


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
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override the configuration")


def _training_options(args: argparse.Namespace) -> dict:
    if args.max_minutes is not None and not args.max_minutes > 0:
        raise ValueError(f"--max-minutes: expected minutes above 0. Received: {args.max_minutes:g}")
    names = ("cache", "dataset", "exclude_shared", "strict", "max_minutes", "devices")
    return {name: getattr(args, name) for name in names}


def _train(args: argparse.Namespace) -> None:
    # Heavy imports inside commands: --help stays quick.
    from training.config import TrainConfig
    from training.train import train

    train(TrainConfig.load(args.config, args.set), args.data, args.out, **_training_options(args))


def _run_paper(args: argparse.Namespace) -> None:
    from training.paper import run_paper

    options = _training_options(args)
    print(run_paper(args.out, args.data, args.set, args.split, args.excerpt, args.jobs, **options))


def _benchmark(args: argparse.Namespace) -> None:
    from training.benchmark import benchmark

    if args.steps < 1:
        raise ValueError(f"--steps: expected at least 1. Received: {args.steps}")
    if args.data and not args.data.is_dir():
        raise ValueError(f"--data: expected a folder. Received: {args.data}")
    with tempfile.TemporaryDirectory() as folder:
        print(benchmark(args.data, args.cache or Path(folder), args.size, args.steps, args.out))


def _credits(args: argparse.Namespace) -> None:
    from training.credits import credits_text

    print(credits_text(args.run, args.data, args.name), end="")


def _evaluate(args: argparse.Namespace) -> None:
    from training.evaluate import evaluate, save, scored_songs, table

    if args.exclude_shared and not args.run:
        raise ValueError("--exclude-shared: expected --run RUN, whose manifest says what it was trained on")
    if args.out and not args.out.resolve().parent.is_dir():
        raise ValueError(f"--out: expected a file in an existing folder. Received: {args.out}")
    rate, separate = _run_separator(args) if args.run else _file_separator(args)
    with scored_songs(
        args.data,
        args.split,
        rate,
        dataset=args.dataset,
        cache=args.cache,
        strict=args.strict,
        run=args.run,
        exclude_shared=args.exclude_shared,
    ) as songs:
        scores = evaluate(songs, separate, rate, args.excerpt, args.jobs)
    if args.out:
        save(scores, args.out)
    print(table(scores))


def _file_separator(args: argparse.Namespace) -> tuple:
    from keras_sep.separator import Separator

    separator = Separator(args.preset, model=args.model, graph=args.graph, precision=args.precision)
    return separator.spec.sample_rate, separator.separate


def _run_separator(args: argparse.Namespace) -> tuple:
    from training.runs import run_separator

    return run_separator(args.run)


if __name__ == "__main__":
    sys.exit(main())
