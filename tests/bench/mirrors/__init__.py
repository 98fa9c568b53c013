"""Mirrors to three stores at once, beside rclone and the clouds' own programs."""

from tests.bench.mirrors.section import section as measure

__all__ = ["measure"]
