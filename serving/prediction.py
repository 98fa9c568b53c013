"""The result of one predicted request."""

from collections.abc import Sequence

import msgspec

from intermodal.serving.protocol.coerce import Unseen, Values


class Prediction(msgspec.Struct, frozen=True, gc=False):
    """``body`` is the response body, ``id`` the id in the request body. The other fields are for the prediction log and
    the metrics: ``numbers`` and ``texts`` are the inputs as in ``table.Table``, ``values`` the outputs row by row,
    ``unseen`` the categories that training did not see."""

    body: bytes
    id: str | None
    rows: int
    numbers: bytes
    values: list[float]
    texts: Sequence[Values] = ()
    unseen: Unseen = {}
