"""SIP over UDP: a socket that hears datagrams and sends them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.protocol import DatagramProtocol

from sipmini.errors import TransportFailure
from sipmini.flow import Flow

#: How many peers' flows a socket remembers; making one anew costs a microsecond.
_REMEMBERED_FLOWS = 4096


class DatagramSocket(DatagramProtocol):
    """One bound UDP socket."""

    noisy = False
    transport: Any

    def __init__(self, number: int, received: Callable[[bytes, Flow], None]) -> None:
        self.number = number
        self.local: tuple[str, int] = ("", 0)
        self._received = received
        self._flows: dict[tuple[str, int], Flow] = {}
        self._write: Callable[[bytes, tuple[str, int]], object] = _closed

    def bound(self, host: str, port: int) -> None:
        """Tell the socket what it is bound to."""
        self.local = (host, port)
        # Twisted's write() looks at every address anew, at a third of the price of sending.  What it
        # would find is known: hops and peers are addresses of this socket's family.
        system_socket = getattr(self.transport, "socket", None)
        self._write = self.transport.write if system_socket is None else system_socket.sendto

    def flow(self, remote: tuple[str, int]) -> Flow:
        """The flow between this socket and *remote*."""
        flow = self._flows.get(remote)
        if flow is None:
            if len(self._flows) >= _REMEMBERED_FLOWS:
                self._flows.clear()
            flow = self._flows[remote] = Flow("UDP", self.local, remote, self.number)
        return flow

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        """Hand a datagram up."""
        self._received(datagram, self.flow((addr[0], addr[1])))

    def send(self, data: bytes, remote: tuple[str, int]) -> None:
        """Send a datagram.

        :raises TransportFailure: the system refuses it.
        """
        try:
            self._write(data, remote)
        except (BlockingIOError, ConnectionRefusedError):
            # Lost, as a datagram may be: a full buffer, or ICMP about an earlier one.
            return
        except (OSError, OverflowError) as error:
            problem = getattr(error, "strerror", None) or str(error)
            raise TransportFailure(f"UDP to {remote[0]} port {remote[1]}: {problem}") from error


def _closed(data: bytes, remote: tuple[str, int]) -> None:
    raise TransportFailure("the socket is not bound")
