"""Loopback addresses of Pods and load balancers: each has one of its own, so that each may use the port it names."""

from intermodal.platform.errors import IntermodalError

HOSTS = range(2, 255)


class Addresses:
    """127.p.q.2 to 127.p.q.254, where p and q are the bytes of the API server's port, which no other server has. An
    address is not given again until all others were, since a client may still remember whose it was."""

    def __init__(self, port: int) -> None:
        self._network = f"127.{port >> 8}.{port & 255}."
        self._owners: dict[str, str] = {}
        self._next = 0

    def of(self, owner: str, before: str = "") -> str:
        """The owner's address: ``before``, when it is of this network and no other's."""
        for address, holder in self._owners.items():
            if holder == owner:
                return address
        if before.startswith(self._network) and before not in self._owners:
            self._owners[before] = owner
            return before
        for step in range(len(HOSTS)):
            index = (self._next + step) % len(HOSTS)
            address = f"{self._network}{HOSTS[index]}"
            if address not in self._owners:
                self._owners[address], self._next = owner, index + 1
                return address
        raise IntermodalError(
            f"All {len(HOSTS)} addresses of the cluster are taken by Pods and load balancers.",
            hint="Delete Deployments or Services that are not needed.",
        )

    def release(self, owner: str) -> None:
        for address in [address for address, holder in self._owners.items() if holder == owner]:
            del self._owners[address]
