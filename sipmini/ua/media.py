# test-case-name: tests.ua.test_media
"""The UDP port that a session description names: bound before it is offered, released when the call ends.

What arrives on it is dropped for now; sound comes later. The reactor comes in through the constructor.
"""

from __future__ import annotations

from typing import Any, Protocol

from attrs import define
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import DatagramProtocol

from sipmini.errors import TransportFailure

#: How often to ask for a port before giving up; each try is an even one with a chance of one half.
TRIES = 32


class Listening(Protocol):
    """A bound port."""

    def getHost(self) -> Any: ...

    def stopListening(self) -> object: ...


class Udp(Protocol):
    """The part of ``IReactorUDP`` that is needed."""

    def listenUDP(
        self, port: int, protocol: DatagramProtocol, interface: str = "", maxPacketSize: int = 8192
    ) -> Any: ...


class _Silence(DatagramProtocol):
    """Hears and says nothing."""

    noisy = False

    def datagramReceived(self, datagram: bytes, addr: object) -> None:
        """Media is a later issue."""


@define(eq=False)
class MediaPort:
    """A bound port for the media of one call."""

    address: str
    port: int
    _listening: Listening | None

    def close(self) -> None:
        """Release it; harmless if that was done."""
        listening, self._listening = self._listening, None
        if listening is not None:
            listening.stopListening()


class MediaPorts:
    """Binds ports for media."""

    def __init__(self, reactor: Udp) -> None:
        self._reactor = reactor

    def open(self, address: str) -> MediaPort:
        """A free even port (RFC 3550 §11: RTP is even, RTCP the next) at *address*.

        :raises TransportFailure: there is none.
        """
        for _ in range(TRIES):
            try:
                listening = self._reactor.listenUDP(0, _Silence(), interface=address)
            except CannotListenError as error:
                raise TransportFailure(f"no UDP port at {address} for media: {error.socketError}") from error
            port = int(listening.getHost().port)
            if port % 2 == 0:
                return MediaPort(address, port, listening)
            listening.stopListening()
        raise TransportFailure(f"no even UDP port at {address} for media in {TRIES} tries")
