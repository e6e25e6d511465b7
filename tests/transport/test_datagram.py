"""UDP: flows, sockets, and the way back (RFC 3261 §18, RFC 3581)."""

from __future__ import annotations

from errno import ENETUNREACH
from typing import Any

from sipmini.errors import TransportFailure
from sipmini.flow import Flow
from sipmini.hop import Hop
from sipmini.transport.addressing import marked
from sipmini.transport.datagram import _REMEMBERED_FLOWS, DatagramSocket
from tests.transport.scene import PEER, PEER_6, US, US_6, TransportCase, via_of


class DatagramTests(TransportCase):
    def test_received(self) -> None:
        """A datagram comes up with its flow; flows of one peer are one object."""
        self.listen()
        peer = self.udp_peer(5070)
        for data in (b"one", b"two"):
            peer.transport.write(data, (US, 5060))  # type: ignore[union-attr]
        self.advance()
        (first, flow), (second, same) = self.heard
        self.assertEqual((first, second, str(flow)), (b"one", b"two", f"UDP {PEER}:5070"))
        self.assertIs(flow, same)
        self.assertEqual((flow.transport, flow.local, flow.remote), ("UDP", (US, 5060), (PEER, 5070)))

    def test_sent(self) -> None:
        """A request goes to its hop from the port that we listen on, in either family."""
        self.listen()
        peers = self.udp_peer(), self.udp_peer(host=PEER_6)
        self.send(Hop("UDP", PEER, 5060))
        self.send(Hop("UDP", PEER_6, 5060))
        heard = [(b"request", (US, 5060))], [(b"request", (US_6, 5060))]
        self.assertEqual((peers[0].heard, peers[1].heard), heard)
        self.assertEqual(self.sent, [(b"request", f"UDP {PEER}:5060"), (b"request", f"UDP [{PEER_6}]:5060")])

    def test_loopback_and_others(self) -> None:
        """Of two sockets, the one is taken that reaches the hop, and Via names that one."""
        self.listen(("UDP", "127.0.0.1"), ("UDP", US))
        peer = self.udp_peer()
        hop = Hop("UDP", PEER, 5060)
        self.send(hop)
        self.assertEqual(peer.heard, [(b"request", (US, 5060))])
        self.assertEqual(self.transports.sent_by(hop), f"{US}:5060")
        self.assertEqual(self.transports.sent_by(Hop("UDP", "127.0.0.1", 5070)), "127.0.0.1:5060")

    def test_no_socket(self) -> None:
        """Without a socket of that family the failure says so."""
        self.listen(("UDP", US))
        self.send(Hop("UDP", PEER_6, 5060))
        self.assertEqual(self.failures, [f"no UDP socket for IPv6 is open to send to UDP [{PEER_6}]:5060"])
        self.listen(("UDP", US_6))
        self.send(Hop("UDP", PEER_6, 5060))
        self.assertEqual(len(self.failures), 1)

    def test_too_large(self) -> None:
        """What no datagram can hold fails, and nothing is written down as sent."""
        self.listen()
        self.send(Hop("UDP", PEER, 5060), b"x" * 65508)
        self.assertEqual(self.failures, [f"65508 octets do not fit into a datagram to UDP {PEER}:5060"])
        self.assertEqual(self.sent, [])

    def test_replies(self) -> None:
        """§18.2.2, RFC 3581 §4: from the socket that the request came to, to rport or the port of sent-by."""
        self.listen(("UDP", US))
        self.transports.listen("UDP", US, 5080)
        natted, plain = self.udp_peer(1024), self.udp_peer(5070)
        natted.transport.write(b"x", (US, 5080))  # type: ignore[union-attr]
        self.advance()
        flow = self.heard[0][1]
        self.reply(marked(via_of("SIP/2.0/UDP 10.0.0.1:5070;rport"), flow.remote), flow, b"to rport")
        self.reply(marked(via_of("SIP/2.0/UDP 10.0.0.1:5070"), flow.remote), flow, b"to sent-by")
        self.assertEqual(natted.heard, [(b"to rport", (US, 5080))])
        self.assertEqual(plain.heard, [(b"to sent-by", (US, 5080))])

    def test_reply_by_closed_socket(self) -> None:
        """A socket that was closed meanwhile is a failure, before and after the replier was made."""
        listening = self.transports.listen("UDP", US, 5060)
        peer = self.udp_peer()
        peer.transport.write(b"x", (US, 5060))  # type: ignore[union-attr]
        self.advance()
        flow = self.heard[0][1]
        request = marked(via_of("SIP/2.0/UDP 10.0.0.1"), flow.remote)
        reply = self.transports.replier(request, flow)
        self.transports.close(listening)
        reply(b"response", self.failed)
        self.reply(request, flow)
        self.assertEqual(self.failures, [f"the socket for UDP {PEER}:5060 is closed"] * 2)
        self.assertEqual((self.transports.listening, peer.heard), ([], []))

    def test_many_peers(self) -> None:
        """What is remembered of peers and hops is bounded."""
        self.listen(("UDP", US))
        socket = next(iter(self.transports._sockets.values()))
        for port in range(1, _REMEMBERED_FLOWS + 10):
            self.transports.send_request(b"x", Hop("UDP", PEER, port), self.failed)
            self.transports.address_for(Hop("UDP", PEER, port))
        for kept in (socket._flows, self.transports._chosen, self.transports._addresses):
            self.assertLessEqual(len(kept), _REMEMBERED_FLOWS)
        self.assertEqual(self.failures, [])


class SocketTests(TransportCase):
    """One socket over a transport that fails as systems do."""

    def setUp(self) -> None:
        self.error: Exception | None = None
        self.written: list[tuple[bytes, tuple[str, int]]] = []
        self.tested = DatagramSocket(1, lambda data, flow: None)
        self.tested.transport = self
        self.tested.bound(US, 5060)

    def write(self, data: bytes, remote: tuple[str, int]) -> None:  # type: ignore[override]
        if self.error is not None:
            raise self.error
        self.written.append((data, remote))

    def test_system_refuses(self) -> None:
        """What the system says is told in words."""
        self.error = OSError(ENETUNREACH, "Network is unreachable")
        with self.assertRaisesRegex(TransportFailure, "^UDP to 192.0.2.2 port 5060: Network is unreachable$"):
            self.tested.send(b"x", (PEER, 5060))
        self.error = OSError("odd")
        with self.assertRaisesRegex(TransportFailure, "port 5060: odd$"):
            self.tested.send(b"x", (PEER, 5060))

    def test_lost(self) -> None:
        """§17.1: a full buffer, or the ICMP for an earlier datagram, loses this one, as a network may."""
        for error in (BlockingIOError(11, "again"), ConnectionRefusedError(111, "refused")):
            self.error = error
            self.tested.send(b"x", (PEER, 5060))
        self.error = None
        self.tested.send(b"y", (PEER, 5060))
        self.assertEqual(self.written, [(b"y", (PEER, 5060))])

    def test_impossible_port(self) -> None:
        """A port that cannot be is a failure like any other."""
        self.error = OverflowError("sendto(): port must be 0-65535.")
        with self.assertRaises(TransportFailure):
            self.tested.send(b"x", (PEER, 70000))

    def test_not_bound(self) -> None:
        """Before it is bound nothing can be sent."""
        with self.assertRaisesRegex(TransportFailure, "not bound"):
            DatagramSocket(2, lambda data, flow: None).send(b"x", (PEER, 5060))

    def test_system_socket(self) -> None:
        """Where there is a system socket, it is used without a way round."""

        class Bound:
            class socket:
                sent: list[Any] = []

                @classmethod
                def sendto(cls, data: bytes, remote: Any) -> None:
                    cls.sent.append((data, remote))

        self.tested.transport = Bound()
        self.tested.bound(US, 5060)
        self.tested.send(b"x", (PEER, 5060))
        self.assertEqual(Bound.socket.sent, [(b"x", (PEER, 5060))])


class FlowTests(TransportCase):
    def test_shown(self) -> None:
        """As a person writes it."""
        self.assertEqual(str(Flow("TCP", (US, 1), (PEER, 2), 3)), f"TCP {PEER}:2")
        self.assertEqual(str(Flow("UDP", (US_6, 1), (PEER_6, 2), 3)), f"UDP [{PEER_6}]:2")
