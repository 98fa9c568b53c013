"""What one answered request leaves behind."""

from collections.abc import Sequence

import msgspec

from intermodal.serving.protocol.coerce import Unseen, Values


class Answered(msgspec.Struct, frozen=True, gc=False):
    """``body`` is the answer and ``id`` the caller's own. For the prediction log and metrics: the inputs as
    ``table.Table`` has them (``numbers``, and the columns of text that have none), the predictions (one row's outputs
    after the other's), and the categories that training did not see."""

    body: bytes
    id: str | None
    rows: int
    numbers: bytes
    values: list[float]
    texts: Sequence[Values] = ()
    unseen: Unseen = {}
