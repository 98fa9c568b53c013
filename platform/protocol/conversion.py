"""What has to be compared of an estimator that a model file holds in the terms of another library."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Conversion:
    """``thresholds`` says where each column of numbers is split, by name. ``is_exact`` says whether predictions have to
    be equal in every bit, rather than up to the rounding of a function such as exp. ``zero``: the library reads numbers
    as near to zero as this as zero, so no probe has one of them."""

    thresholds: Mapping[str, Sequence[float]] = field(default_factory=dict)
    is_exact: bool = True
    zero: float = 0.0


class NotConvertible(ValueError):
    """The format cannot hold this estimator exactly. The text is a clause that names the reason."""
