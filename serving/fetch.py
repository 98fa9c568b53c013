"""Copy a package from an object store, where the platform gives its address instead of a folder.

obstore finds the credentials in the environment and the metadata service, as it does for the prediction log.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from intermodal.platform.errors import MissingExtra
from intermodal.serving.contract import FETCHED_TO, REMOTE_LOCATIONS, STORE_ADDRESSES
from intermodal.serving.errors import StartError
from intermodal.serving.prediction_log.azure_identity import blob_store

SCHEMES = {"s3": "S3Store", "gs": "GCSStore"}
"""obstore's class for each scheme of an address."""
BLOB_SCHEMES = ("https", "http")
"""Of the address of a container of blobs, as the prediction log's; http is that of an emulator."""
CHUNK_BYTES = 8 << 20


def fetched(environment: Mapping[str, str], root: Path = Path("/")) -> Mapping[str, str]:
    """The environment with the path of a copy where it had the address of a package: ``gs://<bucket>/<prefix>``.

    The copy is made once, below ``root``. StartError when nothing is there, or the store fails.
    """
    for location in REMOTE_LOCATIONS:
        uri = location.value(environment)
        if urlsplit(uri).scheme in (*SCHEMES, *BLOB_SCHEMES):
            folder = root / FETCHED_TO.lstrip("/")
            shutil.rmtree(folder, ignore_errors=True)  # of an earlier start in the same environment
            if not _copy(uri, location.name, folder, environment):
                raise _missing(location.name, uri, "there is no object below it")
            return {**environment, location.name: FETCHED_TO}
    return environment


def _copy(uri: str, variable: str, folder: Path, environment: Mapping[str, str]) -> int:
    """The number of objects that were copied."""
    try:
        import obstore
        from obstore.exceptions import BaseError
    except ImportError as error:
        raise MissingExtra("obstore", "serving") from error
    count = 0
    try:
        store = _store(uri, environment)
        for entry in (entry for page in obstore.list(store) for entry in page):
            path = (folder / entry["path"]).resolve()
            if not path.is_relative_to(folder.resolve()):
                raise _missing(variable, uri, f"'{entry['path']}' is outside of it")
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                for chunk in obstore.get(store, entry["path"]).stream(min_chunk_size=CHUNK_BYTES):
                    file.write(chunk)
            count += 1
    except (BaseError, OSError, ValueError) as error:
        raise _missing(variable, uri, str(error).partition("\n")[0]) from error
    return count


def _store(uri: str, environment: Mapping[str, str]) -> Any:
    from obstore import store

    url = urlsplit(uri)
    if url.scheme in BLOB_SCHEMES:
        options = {"allow_http": url.scheme == "http"}
        return blob_store(url, unquote(url.path).strip("/"), environment, {"client_options": options})
    plain = any(rule.value(environment).startswith("http://") for rule in STORE_ADDRESSES)
    prefix = unquote(url.path).strip("/") or None
    return getattr(store, SCHEMES[url.scheme])(url.netloc, prefix=prefix, client_options={"allow_http": plain})


def _missing(variable: str, uri: str, reason: str) -> StartError:
    return StartError(
        f"{variable} is {uri}, which could not be read: {reason}.",
        hint="Check the address, and that the role or service account of the container may list and read it.",
    )
