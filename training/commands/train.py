"""Train a network with fit, from random weights or, with --init-preset, from the weights of a preset."""

from __future__ import annotations

import argparse
from pathlib import Path

from training.commands.options import add_training_options, current_preset, training_options

HELP = "train a network"
FINE_TUNE = Path(__file__).parents[1] / "configs" / "shipped" / "fine_tune.toml"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "config",
        type=Path,
        nargs="?",
        metavar="CONFIG.toml",
        help="configuration (default with --init-preset: training/configs/shipped/fine_tune.toml)",
    )
    parser.add_argument(
        "--init-preset", metavar="NAME", help="start from the weights of a preset, in its architecture and size"
    )
    parser.add_argument(
        "--out",
        type=Path,
        help="run folder; an interrupted run in it is resumed (default with --init-preset: runs/NAME-fine-tuned)",
    )
    add_training_options(parser)
    hosts = parser.add_argument_group("several hosts, on JAX")
    which = hosts.add_mutually_exclusive_group()
    which.add_argument(
        "--distributed",
        action="store_true",
        help="this is one of several processes that a launcher has started: SLURM, Open MPI, or any that sets "
        "JAX_COORDINATOR_ADDRESS, JAX_NUM_PROCESSES and JAX_PROCESS_ID",
    )
    which.add_argument(
        "--cluster", metavar="ADDRESS", help="start them on a Ray cluster: HOST:PORT, auto, or local (extra cluster)"
    )
    hosts.add_argument("--hosts", type=int, default=1, metavar="N", help="processes of --cluster (default: 1)")
    hosts.add_argument("--gpus", type=int, default=0, metavar="N", help="GPUs of each of them (default: 0)")


def run(args: argparse.Namespace) -> None:
    from training.engine.config import TrainConfig
    from training.engine.training_run import train
    from training.engine.warm_start import overrides_of

    preset = current_preset(args.init_preset)
    for name, value in (("CONFIG.toml", args.config), ("--out", args.out)):
        if value is None and not preset:
            raise ValueError(f"train: expected {name}, which only --init-preset makes optional. Received: none")
    if not args.cluster and (args.hosts, args.gpus) != (1, 0):
        raise ValueError(f"--hosts, --gpus: expected --cluster with them. Received: {args.hosts}, {args.gpus} without")
    out = args.out or Path("runs") / f"{preset}-fine-tuned"
    settings = (overrides_of(preset) if preset else []) + args.set
    config = TrainConfig.load(args.config or FINE_TUNE, settings)
    if args.cluster:
        from training.cluster.hosts import train_on_hosts

        train_on_hosts(args.cluster, args.hosts, config, args.data, out, gpus=args.gpus, **training_options(args))
        return
    if args.distributed:
        from training.engine.distributed import join

        join()
    train(config, args.data, out, **training_options(args))
