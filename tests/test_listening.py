"""Tests of binding what settings ask for, where the system refuses (RFC 3261 §18.1.1)."""

from __future__ import annotations

from errno import EACCES, EADDRINUSE, EADDRNOTAVAIL, EAFNOSUPPORT
from typing import Any

from twisted.internet.error import CannotListenError
from twisted.trial.unittest import SynchronousTestCase

from sipmini.config import ListenSpec
from sipmini.errors import BadSetting
from sipmini.listening import PORTS_TRIED, in_words, listen_everywhere, listen_on
from sipmini.transport import Listening


class Sockets:
    """A stack that binds nothing and refuses what it is told to.

    :ivar refusals: the errno by transport, host and port, ``None`` standing for any.
    """

    def __init__(self, **refusals: object) -> None:
        self.refusals: dict[tuple[str | None, str | None, int | None], int] = {}
        self.bound: list[tuple[str, str, int]] = []
        self.next_port = 40000
        self.transports: Any = self

    def listen(self, transport: str, host: str, port: int) -> Listening:
        if port == 0:
            port = self.next_port
            self.next_port += 1
        for (refused_transport, refused_host, refused_port), number in self.refusals.items():
            if (
                refused_transport in (None, transport)
                and refused_host in (None, host)
                and refused_port in (None, port)
            ):
                raise CannotListenError(host, port, OSError(number, "the system's word"))
        self.bound.append((transport, host, port))
        return Listening(transport, host, port)

    def close(self, listening: Listening) -> None:
        self.bound.remove((listening.transport, listening.host, listening.port))

    def stop(self) -> list[object]:
        self.bound.clear()
        return []


class Everywhere(SynchronousTestCase):
    def setUp(self) -> None:
        self.sockets = Sockets()

    def listen(self) -> int:
        return listen_everywhere(self.sockets, 8000)  # type: ignore[arg-type]

    def test_host_without_ipv6(self) -> None:
        """IPv4 alone will do."""
        self.sockets.refusals[None, "::", None] = EAFNOSUPPORT
        self.assertEqual(self.listen(), 8000)
        self.assertEqual(self.sockets.bound, [("UDP", "0.0.0.0", 8000), ("TCP", "0.0.0.0", 8000)])

    def test_taken_for_one(self) -> None:
        """A port that any of the four cannot have is given up for all."""
        self.sockets.refusals["TCP", "::", 8000] = EADDRINUSE
        self.sockets.refusals["UDP", "0.0.0.0", 8001] = EADDRINUSE
        self.assertEqual(self.listen(), 8002)
        self.assertEqual([port for _, _, port in self.sockets.bound], [8002] * 4)

    def test_not_allowed(self) -> None:
        """The next port would not be allowed either."""
        self.sockets.refusals["UDP", "0.0.0.0", None] = EACCES
        error = self.assertRaises(BadSetting, self.listen)
        self.assertEqual(
            str(error),
            "cannot listen on port 8000 of all addresses (the system's word); "
            "choose a port above 1023 with --listen, or let this user have that one",
        )
        self.assertEqual(self.sockets.bound, [])

    def test_all_taken(self) -> None:
        """It is tried a hundred times."""
        self.sockets.refusals["UDP", None, None] = EADDRINUSE
        error = self.assertRaises(BadSetting, self.listen)
        self.assertTrue(str(error).startswith(f"ports 8000 to {8000 + PORTS_TRIED - 1} are all taken; "))


class Asked(SynchronousTestCase):
    def setUp(self) -> None:
        self.sockets = Sockets()

    def listen(self, transport: str | None, port: int) -> list[tuple[str, str, int]]:
        listen_on(self.sockets, ListenSpec(transport, "192.0.2.1", port))  # type: ignore[arg-type]
        return self.sockets.bound

    def test_both(self) -> None:
        """UDP first: what is bound first is published as what is liked best."""
        self.assertEqual(self.listen(None, 5060), [("UDP", "192.0.2.1", 5060), ("TCP", "192.0.2.1", 5060)])

    def test_one(self) -> None:
        for transport in ("UDP", "TCP"):
            with self.subTest(transport=transport):
                self.sockets.bound.clear()
                self.assertEqual(self.listen(transport, 0)[0][:2], (transport, "192.0.2.1"))

    def test_any_port_is_one_that_both_can_have(self) -> None:
        """The system chooses; where TCP is taken on that port, it chooses again."""
        for port in (40000, 40001):
            self.sockets.refusals["TCP", None, port] = EADDRINUSE
        self.assertEqual(self.listen(None, 0), [("UDP", "192.0.2.1", 40002), ("TCP", "192.0.2.1", 40002)])

    def test_there_is_no_such_port(self) -> None:
        """It ends, with a sentence, and nothing stays bound."""
        for number, problem in (
            (EADDRINUSE, f"TCP port {40000 + PORTS_TRIED - 1} of 192.0.2.1 is taken by another program"),
            (EACCES, f"cannot listen on TCP port {40000 + PORTS_TRIED} of 192.0.2.1 (the system's word)"),
        ):
            with self.subTest(number=number):
                self.sockets.refusals["TCP", None, None] = number
                error = self.assertRaises(BadSetting, self.listen, None, 0)
                self.assertTrue(str(error).startswith(f"{problem}; "), str(error))
                self.assertEqual(self.sockets.bound, [])

    def test_remedies(self) -> None:
        """What helps is another matter for each cause; only who took the port can be ended."""
        for number, remedy in (
            (EADDRINUSE, "choose another address or port with --listen, or end that program"),
            (EADDRNOTAVAIL, "name an address of this machine with --listen"),
            (EACCES, "choose a port above 1023 with --listen, or let this user have that one"),
            (EAFNOSUPPORT, "choose another with --listen"),
        ):
            self.sockets.refusals["UDP", None, None] = number
            error = self.assertRaises(BadSetting, self.listen, "UDP", 5060)
            self.assertTrue(str(error).endswith(f"; {remedy}"), str(error))


class Words(SynchronousTestCase):
    def test_in_words(self) -> None:
        """Both families of a wildcard are one place for a person."""
        for listening, words in (
            (
                [Listening(t, h, 8000) for h in ("0.0.0.0", "::") for t in ("UDP", "TCP")],
                "UDP and TCP port 8000 of all addresses",
            ),
            ([Listening("TCP", "::1", 5060)], "TCP port 5060 of ::1"),
            (
                [Listening("UDP", "192.0.2.1", 5060), Listening("UDP", "192.0.2.1", 5070)],
                "UDP port 5060 of 192.0.2.1, UDP port 5070 of 192.0.2.1",
            ),
        ):
            with self.subTest(words=words):
                self.assertEqual(in_words(listening), words)
