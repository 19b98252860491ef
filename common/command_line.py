"""A command line whose commands are modules of a package, one file each."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any


class _StoreOnce(argparse.Action):
    """Value of an option; a file or folder is refused a second time, because the first would be lost without a word."""

    _given: argparse.Namespace | None = None

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option: str | None = None
    ) -> None:
        if option and self.type is Path and self._given is namespace:
            raise argparse.ArgumentError(self, f"expected once. Received: {getattr(namespace, self.dest)} and {values}")
        self._given = namespace
        setattr(namespace, self.dest, values)


def run_command(
    prog: str, description: str, commands: Sequence[ModuleType], extras: str, argv: Sequence[str] | None
) -> int:
    """Runs one of several commands; an expected failure is one line on stderr, and so is a second --data.

    A command has the name of its module, with hyphens. The module's docstring is its description, and its line in the
    list of commands unless the module has a shorter `HELP`; `add_arguments(parser)` adds its options; `run(args)` does
    the work and returns the exit status, or None for 0. Heavy packages are imported inside `run`: --help is quick.

    Args:
        prog: name of the program in --help, such as "python -m training".
        description: one sentence about the program, for --help.
        commands: the commands' modules, in the order of --help.
        extras: extras of pyproject.toml, comma-separated, that the message of an ImportError tells the user to install.
        argv: arguments of the command line; None for those of this process.

    Returns:
        The exit status: 1 after a ValueError, OSError or ImportError, 130 after Ctrl-C.
    """
    parser = argparse.ArgumentParser(prog=prog, description=description, allow_abbrev=False)
    subparsers = parser.add_subparsers(dest="command", required=True)
    for command in commands:
        name = command.__name__.rpartition(".")[2].replace("_", "-")
        about = " ".join((command.__doc__ or "").split())
        line = getattr(command, "HELP", about[:1].lower() + about[1:].removesuffix("."))
        subparser = subparsers.add_parser(name, allow_abbrev=False, description=about, help=line)
        subparser.register("action", None, _StoreOnce)
        command.add_arguments(subparser)
        subparser.set_defaults(call=command.run)
    args = parser.parse_args(argv)
    try:
        return args.call(args) or 0
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except ImportError as error:
        print(f'error: {error}: `pip install -e ".[{extras}]"`', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
