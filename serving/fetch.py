"""A package from an object store, for platforms that mount nothing: MODEL_URI is its address."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from intermodal.platform.errors import MissingExtra
from intermodal.serving.contract import FETCHED_TO, MODEL_STORES, STORE_ADDRESSES
from intermodal.serving.errors import StartError

VARIABLE = "MODEL_URI"


def fetched(environment: Mapping[str, str], root: Path = Path("/")) -> Mapping[str, str]:
    """The environment, with the folder of the copy in MODEL_URI when that was the address of a store.

    Credentials and the store's address are obstore's own, from the environment. StartError when nothing is there.
    """
    uri = environment.get(VARIABLE, "")
    if not uri.startswith(tuple(rule.name for rule in MODEL_STORES)):
        return environment
    folder = root / FETCHED_TO.lstrip("/")
    shutil.rmtree(folder, ignore_errors=True)  # of an earlier start in the same environment
    try:
        count = _copy(uri, environment, folder)
    except ImportError as error:
        raise MissingExtra("obstore", "serving") from error
    if not count:
        raise _missing(uri, "there is no object below it")
    return {**environment, VARIABLE: FETCHED_TO}


def _copy(uri: str, environment: Mapping[str, str], folder: Path) -> int:
    import obstore
    from obstore.exceptions import BaseError
    from obstore.store import S3Store

    url = urlsplit(uri)
    http = any(rule.value(environment).startswith("http://") for rule in STORE_ADDRESSES)
    count = 0
    try:
        store = S3Store(url.netloc, prefix=url.path.strip("/") or None, client_options={"allow_http": http})
        for entry in (entry for page in obstore.list(store) for entry in page):
            path = (folder / entry["path"]).resolve()
            if not path.is_relative_to(folder.resolve()):
                raise _missing(uri, f"'{entry['path']}' is outside of it")
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                for chunk in obstore.get(store, entry["path"]).stream():
                    file.write(chunk)
            count += 1
    except (BaseError, OSError, ValueError) as error:
        raise _missing(uri, str(error).partition("\n")[0]) from error
    return count


def _missing(uri: str, reason: str) -> StartError:
    return StartError(
        f"{VARIABLE} is {uri}, which could not be read: {reason}.",
        hint="Check the address, and that the role of the container may list and read it.",
    )
