"""Checks the Android application with Maven Central's libraries and Debian's tools; Google's repositories are not used.

python3 android_demo/checks compile          the type check of core, of the application and of its tests
python3 android_demo/checks test [CLASS …]   the application's tests on the JVM, with the real activity
"""

import argparse
import sys

from jvmtests import run_tests
from kotlin import compile_app_tests
from project import CheckError


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="android_demo/checks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    steps = parser.add_subparsers(dest="step", required=True)
    steps.add_parser("compile")
    steps.add_parser("test").add_argument("classes", nargs="*", metavar="CLASS", help="simple names; all without")
    arguments = parser.parse_args()
    try:
        if arguments.step == "compile":
            compile_app_tests()
        else:
            run_tests(arguments.classes)
    except CheckError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


sys.exit(main())
