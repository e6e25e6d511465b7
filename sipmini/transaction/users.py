"""What a transaction tells the one who uses it (the transaction user, RFC 3261 §17)."""

from __future__ import annotations

from typing import Protocol

from sipmini.errors import TransportFailure
from sipmini.message import Request, Response


class ClientUser(Protocol):
    """Who sent a request."""

    def received(self, response: Response) -> None:
        """A response came: every provisional, the final, and each further 2xx to an INVITE."""

    def timed_out(self) -> None:
        """No final response came in time; the transaction is over (§8.1.3.1: treat it as a 408)."""

    def transport_failed(self, failure: TransportFailure) -> None:
        """The request could not be sent; the transaction is over (§8.1.3.1: treat it as a 503)."""


class ServerUser(Protocol):
    """Who answers a request."""

    def acked(self, ack: Request) -> None:
        """The ACK for a final response came; for a 2xx only if its sender reused the INVITE's branch."""

    def cancelled(self, cancel: Request) -> None:
        """A CANCEL for this request came, and was answered with 200."""

    def timed_out(self) -> None:
        """The ACK for a 300-699 never came."""

    def transport_failed(self, failure: TransportFailure) -> None:
        """A response could not be sent.

        An INVITE's transaction goes on and still wants a final response (RFC 6026 §8.8); any other is over.
        """
