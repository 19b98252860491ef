"""The application's tests on the JVM: plain JUnit, and Robolectric with the real activity and the real Compose."""

import shutil
from pathlib import Path

from artifacts import classpath
from kotlin import compile_app, compile_app_tests, compile_core
from project import APP, CHECKS, TARGET, gradle, java_aloud
from res import test_resources

SCREENSHOTS = TARGET / "screenshots"


def run_tests(names: list[str]) -> None:
    """Tests find `kerassep.screenshots`, a folder to leave pictures in."""
    tests = compile_app_tests()
    shutil.rmtree(SCREENSHOTS, ignore_errors=True)
    SCREENSHOTS.mkdir(parents=True)
    (framework,) = classpath("framework")
    java_aloud(
        [
            *(tests, _robolectric(), compile_core(), compile_app(), test_resources().classes, APP / "src/test/resources"),
            *(*classpath("app"), *classpath("test"), framework),
        ],
        "-Drobolectric.offline=true",
        f"-Drobolectric.dependency.dir={framework.parent}",
        "-Drobolectric.usePreinstrumentedJars=false",
        f"-Dkerassep.screenshots={SCREENSHOTS}",
        *(CHECKS / "java/RunTests.java", tests, *names),
    )


def _robolectric() -> Path:
    """Where Robolectric finds resources and manifest: the file that the Android Gradle plugin writes for it."""
    folder = TARGET / "robolectric"
    properties = folder / "com/android/tools/test_config.properties"
    properties.parent.mkdir(parents=True, exist_ok=True)
    linked = test_resources()
    properties.write_text(
        f"android_resource_apk={linked.apk}\n"
        f"android_merged_manifest={linked.manifest}\n"
        f"android_merged_assets={APP / 'src/main/assets'}\n"
        f"android_custom_package={gradle('namespace')}\n"
    )
    return folder
