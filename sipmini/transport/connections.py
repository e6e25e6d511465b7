"""The TCP connections of one element: made, found again, limited, and closed in time (RFC 3261 §18)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import frozen
from twisted.python.failure import Failure

from sipmini import reasons
from sipmini.errors import MalformedMessage, TransportFailure
from sipmini.flow import Flow
from sipmini.hop import Hop
from sipmini.journal import Journal
from sipmini.transport.stream import SipStream, StreamConnector

Failed = Callable[[TransportFailure], None]


@frozen
class TransportLimits:
    """How much is held at once, and for how long (seconds)."""

    connections: int = 10_000
    waiting_for_connection: int = 256
    connect_timeout: float = 5.0
    message_timeout: float = 30.0
    idle_timeout: float = 7200.0
    sweep_interval: float = 10.0


class Connections:
    """All TCP connections, whichever side made them."""

    def __init__(
        self,
        reactor: Any,
        journal: Journal,
        limits: TransportLimits,
        number: Callable[[], int],
        received: Callable[[bytes, Flow], None],
        unframeable: Callable[[MalformedMessage, Flow], None],
    ) -> None:
        """:param number: gives each connection its number; see :class:`Flow`.
        :param received: is called with each message.
        :param unframeable: is called before a connection is closed that cannot be cut into messages.
        """
        self._reactor = reactor
        self._journal = journal
        self._limits = limits
        self._number = number
        self._received = received
        self._unframeable = unframeable
        self._streams: dict[int, SipStream] = {}
        self._by_remote: dict[tuple[str, int], SipStream] = {}
        self._connecting: dict[tuple[str, int], list[tuple[bytes, Failed]]] = {}
        self._connectors: dict[tuple[str, int], Any] = {}
        self._sweep: Any = None

    def __len__(self) -> int:
        return len(self._streams)

    def __contains__(self, remote: tuple[str, int]) -> bool:
        return remote in self._by_remote

    def accept(self) -> SipStream:
        """The stream of a connection that a peer opens."""
        return SipStream(self._number(), self)

    def send(self, data: bytes, remote: tuple[str, int], failed: Failed) -> None:
        """Send to *remote*, on an open connection or a new one."""
        stream = self._by_remote.get(remote)
        if stream is not None:
            self._write(stream, data)
        else:
            self._connect_and_send(data, remote, failed)

    def reply(self, data: bytes, number: int, reopened: tuple[str, int], failed: Failed) -> None:
        """Send on the connection of that *number*; where it is gone, to *reopened* (§18.2.2)."""
        stream = self._streams.get(number)
        if stream is None or stream.closing_since is not None:
            self.send(data, reopened, failed)
        else:
            self._write(stream, data)

    def stop(self) -> None:
        """Close them all, and give up those that are being made."""
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        self._connecting.clear()
        for connector in list(self._connectors.values()):
            connector.disconnect()
        for stream in list(self._streams.values()):
            stream.close()

    def _write(self, stream: SipStream, data: bytes) -> None:
        self._journal.sent(data, stream.flow)
        stream.send(data)

    def _connect_and_send(self, data: bytes, remote: tuple[str, int], failed: Failed) -> None:
        waiting = self._connecting.get(remote)
        if waiting is not None:
            if len(waiting) >= self._limits.waiting_for_connection:
                failed(TransportFailure(f"too many messages wait for a connection to {_shown(remote)}"))
            else:
                waiting.append((data, failed))
            return
        count = len(self._streams) + len(self._connecting)
        if count >= self._limits.connections:
            failed(TransportFailure(f"{count} connections are open, no more are allowed"))
            return
        self._connecting[remote] = [(data, failed)]
        factory = StreamConnector(
            lambda: SipStream(self._number(), self, remote), lambda reason: self._refused(remote, reason)
        )
        host, port = remote
        self._connectors[remote] = self._reactor.connectTCP(
            host, port, factory, timeout=self._limits.connect_timeout
        )

    def _refused(self, remote: tuple[str, int], reason: Failure) -> None:
        self._connectors.pop(remote, None)
        failure = TransportFailure(f"TCP to {_shown(remote)}: {reason.getErrorMessage()}")
        for _, failed in self._connecting.pop(remote, ()):
            failed(failure)

    # --- from the connections (StreamOwner) ------------------------------------------------

    def opened(self, stream: SipStream) -> bool:
        """A connection was made, by us or by the peer."""
        if len(self._streams) >= self._limits.connections:
            self._journal.decided(reasons.TOO_MANY_CONNECTIONS.because(str(stream.flow)), None, stream.flow)
            if stream.asked is not None:
                self._refused(stream.asked, Failure(TransportFailure("too many connections are open")))
            return False
        self._streams[stream.number] = stream
        remote = stream.flow.remote
        if stream.asked is not None:
            # The peer's address may be spelled differently from what was asked for.
            self._connectors.pop(stream.asked, None)
            self._by_remote[stream.asked] = stream
            remote = stream.asked
        self._by_remote[stream.flow.remote] = stream
        if self._sweep is None:
            self._sweep = self._reactor.callLater(self._limits.sweep_interval, self._close_stalled)
        for data, _ in self._connecting.pop(remote, ()):
            self._write(stream, data)
        return True

    def closing(self, stream: SipStream) -> None:
        """A connection is no longer to be used for what is new."""
        for remote in (stream.flow.remote, stream.asked):
            if remote is not None and self._by_remote.get(remote) is stream:
                del self._by_remote[remote]

    def closed(self, stream: SipStream) -> None:
        """A connection ended."""
        self._streams.pop(stream.number, None)
        self.closing(stream)

    def received(self, data: bytes, flow: Flow) -> None:
        """A message came over a connection."""
        self._received(data, flow)

    def unframeable(self, error: MalformedMessage, stream: SipStream) -> None:
        """A connection is about to be closed."""
        self._unframeable(error, stream.flow)

    def seconds(self) -> float:
        """The time of the reactor."""
        return float(self._reactor.seconds())

    def _close_stalled(self) -> None:
        """Close connections that hold half a message, or nothing, for too long; drop what does not close."""
        self._sweep = None
        now = self.seconds()
        limits = self._limits
        for stream in list(self._streams.values()):
            began, closing = stream.message_began, stream.closing_since
            if closing is not None:
                if now - closing > limits.message_timeout:
                    stream.abort()
            elif began is not None and now - began > limits.message_timeout:
                self._journal.decided(reasons.STREAM_STALLED.because(str(stream.flow)), None, stream.flow)
                stream.close()
            elif now - stream.last_heard > limits.idle_timeout:
                stream.close()
        if self._streams:
            self._sweep = self._reactor.callLater(limits.sweep_interval, self._close_stalled)


def _shown(remote: tuple[str, int]) -> str:
    return str(Hop("TCP", *remote)).removeprefix("TCP ")
