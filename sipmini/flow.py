"""The way a message took: two addresses and the socket between them."""

from __future__ import annotations

from attrs import frozen


@frozen
class Flow:
    """Where a message came from, or goes to.

    :ivar transport: ``"UDP"`` or ``"TCP"``.
    :ivar local: our address and port; the address is a wildcard where the socket listens on all.
    :ivar remote: the peer's address and port.
    :ivar socket: which socket or connection of the transport layer; numbers are not used twice.
    """

    transport: str
    local: tuple[str, int]
    remote: tuple[str, int]
    socket: int

    def __str__(self) -> str:
        host, port = self.remote
        return f"{self.transport} [{host}]:{port}" if ":" in host else f"{self.transport} {host}:{port}"
