"""Command line of the training folder: `python -m training COMMAND`, from a checkout."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m training", description="Train and score separators.")
    commands = parser.add_subparsers(dest="command", required=True)

    train = commands.add_parser("train", help="train a model with fit", description="Train a model with fit.")
    train.add_argument("config", type=Path, metavar="CONFIG.toml")
    train.add_argument("--data", type=Path, required=True, help="folder with train/ and valid/ stems")
    train.add_argument("--out", type=Path, required=True, help="run folder; an interrupted run in it is resumed")
    train.add_argument("--cache", type=Path, help="folder for decoded audio (default: OUT/cache)")
    train.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override the configuration")

    args = parser.parse_args(argv)
    try:
        # Heavy imports inside commands: --help stays quick.
        from training.config import TrainConfig
        from training.train import train as run_training

        run_training(TrainConfig.load(args.config, args.set), args.data, args.out, args.cache or args.out / "cache")
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from the last epoch", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
