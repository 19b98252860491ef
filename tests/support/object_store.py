"""An S3 server on the loopback interface, by moto, with one bucket."""

from __future__ import annotations

import contextlib
import logging
import urllib.request
from collections.abc import Iterator

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_REGION": "us-east-1",
}


@contextlib.contextmanager
def object_store(bucket: str) -> Iterator[str]:
    """A bucket; yields the address for AWS_ENDPOINT_URL. ENVIRONMENT has to be set."""
    from moto.server import ThreadedMotoServer
    from pyarrow import fs

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        # What an earlier server of this process held, it holds, too.
        urllib.request.urlopen(urllib.request.Request(f"http://{host}:{port}/moto-api/reset", method="POST")).close()
        options = f"scheme=http&endpoint_override={host}:{port}&allow_bucket_creation=true"
        fs.FileSystem.from_uri(f"s3://{bucket}/?{options}")[0].create_dir(bucket)
        yield f"http://{host}:{port}"
    finally:
        server.stop()
