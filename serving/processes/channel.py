"""Messages between the server's own processes, over pairs of sockets.

Messages are pickles: both sides are forks of one process, and no other process can reach the sockets.
"""

import pickle
import socket
from asyncio import StreamReader, StreamWriter
from typing import Any

LENGTH_BYTES = 4
MAX_MESSAGE_BYTES = 4096
"""For messages of a packet."""


def packet_pair() -> tuple[socket.socket, socket.socket]:
    """A pair of sockets that keep the bounds of messages."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def send_packet(channel: socket.socket, message: object, *sockets: socket.socket) -> None:
    socket.send_fds(channel, [pickle.dumps(message)], [given.fileno() for given in sockets])


def receive_packet(channel: socket.socket) -> tuple[Any, list[socket.socket]]:
    """The message and the sockets that came with it. EOFError when the other side has closed."""
    data, handles, _, _ = socket.recv_fds(channel, MAX_MESSAGE_BYTES, 2)
    if not data:
        raise EOFError
    return pickle.loads(data), [socket.socket(fileno=handle) for handle in handles]


def write(writer: StreamWriter, message: object) -> None:
    """Write to a stream, at once when there is room, else from the event loop."""
    data = pickle.dumps(message)
    writer.write(len(data).to_bytes(LENGTH_BYTES, "big") + data)


async def read(reader: StreamReader) -> Any:
    """The next message of a stream. EOFError or OSError when the other side has closed."""
    length = int.from_bytes(await reader.readexactly(LENGTH_BYTES), "big")
    return pickle.loads(await reader.readexactly(length))
