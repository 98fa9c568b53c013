"""The server on one worker beside other servers of the same model, each in an environment of its own."""

from tests.bench.peers.section import measure

__all__ = ["measure"]
