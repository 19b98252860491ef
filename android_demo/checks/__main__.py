"""Checks the Android application with Maven Central's libraries and Debian's tools; Google's repositories are not used.

compile   the type check of core, of the application and of its tests, and of what they use of Android 8
test      the application's tests on the JVM, with the real activity; pictures lie in target/screenshots
apk       the application as an APK, and what can be verified of it without a device
"""

import argparse
import fcntl
import sys

from api import check_api
from apk import build_apk
from jvmtests import run_tests
from kotlin import compile_app_tests
from project import TARGET, CheckError
from selftest import run_selftest
from verify import verify_apk


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="android_demo/checks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    steps = parser.add_subparsers(dest="step", required=True)
    steps.add_parser("compile")
    test = steps.add_parser("test")
    test.add_argument("classes", nargs="*", metavar="CLASS", help="simple names of test classes; all without")
    test.add_argument("--desugared", action="store_true", help="test the class files that become the APK's")
    steps.add_parser("apk")
    arguments = parser.parse_args()
    TARGET.mkdir(exist_ok=True)
    try:
        with (TARGET / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # one run after another: they share what they build
            check(arguments)
    except CheckError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def check(arguments: argparse.Namespace) -> None:
    run_selftest()
    compile_app_tests()
    if arguments.step == "test":
        run_tests(arguments.classes, arguments.desugared)
    check_api()
    if arguments.step == "apk":
        build_apk()
        verify_apk()


sys.exit(main())
