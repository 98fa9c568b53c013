"""``python -m intermodal.sandbox.aws.storage PORT FOLDER REGION BUCKET``: moto, with an S3 that survives a SIGKILL.

Kept on disk: buckets, and of each object its newest bytes, ETag, metadata and checksums. Not kept: multipart uploads
under way, old versions, settings of buckets, and whatever moto holds for other services.
"""

import logging
import os
import signal
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.s3.models import s3_backends
from werkzeug.serving import make_server

from intermodal.sandbox.aws.identity import ACCOUNT
from intermodal.sandbox.aws.objects import Objects

MUTATING = {"PUT", "POST", "DELETE"}
S3_SCOPE = "/s3/aws4_request"


class Durable:
    """WSGI: a mutating S3 request is answered after its effect is on disk."""

    def __init__(self, application: Any, folder: Path, region: str, bucket: str) -> None:
        self.application, self.objects, self.lock = application, Objects(folder, region), threading.Lock()
        self.backend = s3_backends[ACCOUNT]["aws"]
        self.objects.load(self.backend)
        if bucket not in self.backend.buckets:
            self.backend.create_bucket(bucket, region)
            self.objects.save_bucket(bucket)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = environ["PATH_INFO"].encode("latin-1").decode("utf-8")
        mutates = environ["REQUEST_METHOD"] in MUTATING and S3_SCOPE in environ.get("HTTP_AUTHORIZATION", "")
        answer: Iterable[bytes] = self.application(environ, start_response)
        if mutates:
            bucket, _, key = path.lstrip("/").partition("/")
            with self.lock:
                self.objects.save(self.backend, bucket, key)
        return answer


def main(port: int, folder: Path, region: str, bucket: str) -> None:
    os.environ["MOTO_ACCOUNT_ID"] = ACCOUNT
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    application = Durable(DomainDispatcherApplication(create_backend_app), folder, region, bucket)
    server = make_server("127.0.0.1", port, application, threaded=True, request_handler=MotoRequestHandler)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    server.serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4])
