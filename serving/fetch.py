"""Copy a package from an object store, where the platform gives its address instead of a folder.

obstore finds the credentials in the environment and the metadata service, as it does for the prediction log.
"""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from intermodal.platform.errors import MissingExtra
from intermodal.serving.contract import REMOTE_LOCATIONS, STORE_ADDRESSES
from intermodal.serving.errors import StartError

FOLDER = "tmp"
"""All platforms let a container write here."""
CHUNK_BYTES = 8 << 20


def fetched(environment: Mapping[str, str], root: Path = Path("/")) -> Mapping[str, str]:
    """The environment with the path of a copy where it had the address of a package: ``gs://<bucket>/<prefix>``.

    The copy is made once, below ``root``. Raises StartError when there is nothing, or the store fails.
    """
    for location in REMOTE_LOCATIONS:
        uri = location.value(environment)
        if uri.startswith("gs://"):
            (root / FOLDER).mkdir(parents=True, exist_ok=True)
            folder = Path(tempfile.mkdtemp(prefix="model-", dir=root / FOLDER))
            _copy(uri, location.name, folder, environment)
            return {**environment, location.name: f"/{folder.relative_to(root)}"}
    return environment


def _copy(uri: str, variable: str, folder: Path, environment: Mapping[str, str]) -> None:
    try:
        import obstore
        from obstore.exceptions import BaseError
        from obstore.store import GCSStore
    except ImportError as error:
        raise MissingExtra("obstore", "serving") from error
    parts = urlsplit(uri)
    plain = any(rule.value(environment).startswith("http://") for rule in STORE_ADDRESSES)
    count = 0
    try:
        store = GCSStore(
            parts.netloc, prefix=unquote(parts.path).strip("/") or None, client_options={"allow_http": plain}
        )
        for objects in obstore.list(store):
            for found in objects:
                path = folder / found["path"]
                if not path.resolve().is_relative_to(folder.resolve()):
                    raise StartError(f"{variable}={uri} holds an object with the name '{found['path']}'.")
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.open("wb") as file:
                    for chunk in obstore.get(store, found["path"]).stream(min_chunk_size=CHUNK_BYTES):
                        file.write(chunk)
                count += 1
    except (BaseError, ValueError, OSError) as error:
        reason = str(error).partition("\n")[0]
        raise StartError(
            f"{variable}={uri} cannot be read: {reason}.", hint="Let the container's service account read the bucket."
        ) from error
    if not count:
        raise StartError(f"{variable}={uri} holds no objects.", hint="Give the address of a packaged model.")
