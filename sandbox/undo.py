"""Starting is all or nothing: a call that fails ends what it started itself, and leaves what ran before it."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from intermodal.platform.errors import IntermodalError


@contextmanager
def ended_on_failure(stop: Callable[[str], None]) -> Iterator[list[str]]:
    """A list of the programs that the block starts, which the block fills.

    When the block fails, or is interrupted, ``stop`` ends them. The hint of an error of ours then names them.
    """
    started: list[str] = []
    try:
        yield started
    except BaseException as error:
        with ThreadPoolExecutor() as pool:
            list(pool.map(stop, started))
        if started and isinstance(error, IntermodalError):
            error.hint = f"{error.hint}\nWhat this command had started is ended again: {', '.join(started)}.".lstrip()
        raise
