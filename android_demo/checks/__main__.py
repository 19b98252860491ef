"""Checks the Android application with Maven Central and Debian's tools alone: `python3 android_demo/checks --help`."""

import argparse
import sys

from project import CheckError


def main() -> int:
    parser = argparse.ArgumentParser(prog="android_demo/checks", description=__doc__)
    parser.add_argument("step", choices=["compile"], help="compile: the type check of core, app and its tests")
    step = parser.parse_args().step
    try:
        if step == "compile":
            from kotlin import compile_app

            compile_app()
    except CheckError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


sys.exit(main())
