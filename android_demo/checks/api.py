"""What core and application use of Java and Android, held against the public API of the oldest Android they run on."""

from artifacts import classpath
from kotlin import compile_app, compile_core
from project import CHECKS, CheckError, gradle, java, listed


def check_api() -> None:
    """Newer or hidden API is refused, but for the uses behind a check of SDK_INT that newer_api.txt lists."""
    tools = classpath("tools")
    (signatures,) = (file for file in tools if file.suffix == ".signature")
    if f"gummy-bears-api-{gradle('minSdk')}-" not in signatures.name:
        raise CheckError(f"expected the API of minSdk {gradle('minSdk')} in artifacts.txt. Received: {signatures.name}")
    said = java(tools, CHECKS / "java/CheckApi.java", signatures, compile_core(), compile_app())
    found = set(filter(None, said.splitlines()))
    allowed = set(listed("newer_api.txt"))
    if unknown := sorted(found - allowed):
        raise CheckError("expected API of Android 8, or a line of newer_api.txt. Received:\n" + "\n".join(unknown))
    if stale := sorted(allowed - found):
        raise CheckError("expected of newer_api.txt only what is used. Received:\n" + "\n".join(stale))
