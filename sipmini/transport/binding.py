"""Sockets of this host: binding one for all IPv6 addresses beside one for all IPv4 addresses.

A socket on ``::`` hears IPv4 too unless it is told not to, and then cannot be bound beside one on
``0.0.0.0``; Twisted's ports do not tell it.  Also: which address of this host reaches another.
"""

from __future__ import annotations

import socket
from errno import EADDRINUSE
from typing import Any

from twisted.internet.error import CannotListenError
from twisted.internet.protocol import DatagramProtocol, Factory

_BACKLOG = 128
_REMEMBERED = 4096


def bind_datagram(reactor: Any, host: str, port: int, protocol: DatagramProtocol) -> Any:
    """Listen for datagrams; as ``reactor.listenUDP``, but ``::`` is IPv6 only."""
    if host == "::" and hasattr(reactor, "adoptDatagramPort"):
        with _ipv6_only(socket.SOCK_DGRAM, port, "UDP") as bound:
            return reactor.adoptDatagramPort(bound.fileno(), socket.AF_INET6, protocol, 65536)
    return reactor.listenUDP(port, protocol, interface=host, maxPacketSize=65536)


def bind_stream(reactor: Any, host: str, port: int, factory: Factory) -> Any:
    """Listen for connections; as ``reactor.listenTCP``, but ``::`` is IPv6 only."""
    if host == "::" and hasattr(reactor, "adoptStreamPort"):
        with _ipv6_only(socket.SOCK_STREAM, port, "TCP") as bound:
            bound.listen(_BACKLOG)
            return reactor.adoptStreamPort(bound.fileno(), socket.AF_INET6, factory)
    return reactor.listenTCP(port, factory, backlog=_BACKLOG, interface=host)


def _ipv6_only(kind: int, port: int, transport: str) -> socket.socket:
    try:
        bound = socket.socket(socket.AF_INET6, kind)
    except OSError as error:
        raise CannotListenError("::", port, error) from error
    try:
        if transport == "TCP":
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.setblocking(False)
        bound.bind(("::", port))
    except OSError as error:
        bound.close()
        raise CannotListenError("::", port, error) from error
    return bound


def is_taken(error: CannotListenError) -> bool:
    """Whether an address could not be had because somebody else has it."""
    return getattr(error.socketError, "errno", None) == EADDRINUSE


class LocalAddresses:
    """Which of this host's addresses reaches a given one, by the system's routing table.  Sends nothing."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def __call__(self, remote: str) -> str:
        """The address of this host that a packet to *remote* would bear.

        :raises OSError: there is no way to it.
        """
        known = self._known.get(remote)
        if known is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            known = self._known[remote] = self._ask(remote)
        return known

    @staticmethod
    def _ask(remote: str) -> str:
        family = socket.AF_INET6 if ":" in remote else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as asking:
            # Connecting a datagram socket only looks up the route.
            asking.connect((remote, 5060))
            return str(asking.getsockname()[0])
