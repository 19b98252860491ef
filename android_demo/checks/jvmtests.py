"""The application's tests on the JVM: plain JUnit, and Robolectric with the real activity and the real Compose."""

import shutil
from pathlib import Path

from artifacts import classpath
from dex import desugared_app, desugared_libraries
from kotlin import compile_app, compile_app_tests, compile_core
from project import APP, CHECKS, TARGET, gradle, java_aloud
from res import test_resources

SCREENSHOTS = TARGET / "screenshots"


def run_tests(names: list[str], use_desugared: bool) -> None:
    """Tests find `kerassep.screenshots`, a folder to leave pictures in.

    Args:
        names: simple names of classes; empty for all.
        use_desugared: whether to test the class files that become the APK's, in place of the compiler's.
    """
    tests = compile_app_tests()
    if use_desugared:
        tested = [*desugared_app(), *desugared_libraries()]
    else:
        tested = [compile_core(), compile_app(), *classpath("app")]
    shutil.rmtree(SCREENSHOTS, ignore_errors=True)
    SCREENSHOTS.mkdir(parents=True)
    (framework,) = classpath("framework")
    found = [tests, APP / "src/test/resources", _robolectric(), test_resources().classes]
    java_aloud(
        [*found, *tested, *classpath("test"), framework],
        "-Drobolectric.offline=true",
        f"-Drobolectric.dependency.dir={framework.parent}",
        "-Drobolectric.usePreinstrumentedJars=false",
        f"-Dkerassep.screenshots={SCREENSHOTS}",
        *(CHECKS / "java/RunTests.java", tests, *names),
    )


def _robolectric() -> Path:
    """Where Robolectric finds resources and manifest: the file that the Android Gradle plugin writes for it."""
    folder, linked = TARGET / "robolectric", test_resources()
    properties = folder / "com/android/tools/test_config.properties"
    properties.parent.mkdir(parents=True, exist_ok=True)
    properties.write_text(
        f"android_resource_apk={linked.apk}\n"
        f"android_merged_manifest={linked.manifest}\n"
        f"android_merged_assets={APP / 'src/main/assets'}\n"
        f"android_custom_package={gradle('namespace')}\n"
    )
    return folder
