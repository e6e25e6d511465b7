"""Which address and which socket: what Via and Contact name, and what is ours (RFC 3261 §18.1)."""

from __future__ import annotations

from twisted.internet.error import CannotListenError

from sipmini.hop import Hop
from sipmini.transport import Listening, Transports
from tests.transport.scene import PEER, PEER_6, US, US_6, TransportCase, message

HOP, HOP_6 = Hop("UDP", PEER, 5060), Hop("UDP", PEER_6, 5060)


class ListeningTests(TransportCase):
    def test_listening(self) -> None:
        """What is bound, the port that was found where any would do."""
        found = [self.transports.listen("UDP", US, 0), self.transports.listen("TCP", US, 5070)]
        self.assertEqual(self.transports.listening, found)
        self.assertNotEqual(found[0].port, 0)
        self.assertEqual(found[1], Listening("TCP", US, 5070))

    def test_taken(self) -> None:
        """An address that cannot be had changes nothing."""
        self.listen()
        for transport, host in (("UDP", US), ("TCP", US), ("UDP", "198.51.100.1")):
            with self.assertRaises(CannotListenError):
                self.transports.listen(transport, host, 5060)
        self.assertEqual(len(self.transports.listening), 4)

    def test_close_one(self) -> None:
        """One socket is given up, the others stay; what is chosen for hops is chosen anew."""
        self.listen(("UDP", "0.0.0.0"))
        self.transports.listen("UDP", US, 5070)
        peer = self.udp_peer()
        self.send(HOP)
        self.transports.close(Listening("UDP", "0.0.0.0", 5060))
        self.send(HOP)
        self.assertEqual([source for _, source in peer.heard], [(US, 5060), (US, 5070)])
        self.assertEqual(self.transports.sent_by(HOP), f"{US}:5070")
        self.transports.listen("TCP", US, 5060)
        self.transports.close(Listening("TCP", US, 5060))
        self.assertEqual(self.transports.listening, [Listening("UDP", US, 5070)])

    def test_nobody(self) -> None:
        """Data that comes before anybody listens to the transports is a mistake of ours, logged."""
        transports = Transports(self.far, self.journal, self.local_address)
        transports.listen("UDP", PEER, 5060)
        self.listen()
        self.send(HOP)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)


class AddressTests(TransportCase):
    def test_by_listener(self) -> None:
        """§18.1.1: sent-by is where we listen for that transport and family."""
        self.transports.listen("UDP", US, 5060)
        self.transports.listen("TCP", US, 5070)
        self.transports.listen("UDP", US_6, 5080)
        self.assertEqual(self.transports.address_for(HOP), (US, 5060))
        self.assertEqual(self.transports.sent_by(HOP), f"{US}:5060")
        self.assertEqual(self.transports.sent_by(Hop("TCP", PEER, 5060)), f"{US}:5070")
        self.assertEqual(self.transports.sent_by(HOP_6), f"[{US_6}]:5080")

    def test_wildcards(self) -> None:
        """Where we listen on all addresses, it is the one that reaches the hop."""
        self.listen(("UDP", "0.0.0.0"), ("UDP", "::"))
        self.assertEqual(self.transports.address_for(HOP), (US, 5060))
        self.assertEqual(self.transports.address_for(HOP_6), (US_6, 5060))
        self.assertEqual(self.transports.address_for(Hop("UDP", "127.0.0.1", 5070)), ("127.0.0.1", 5060))

    def test_no_route(self) -> None:
        """Where no address reaches it, loopback stands for one; sending will say what is wrong."""
        self.listen(("UDP", "0.0.0.0"))
        self.assertEqual(self.transports.address_for(Hop("UDP", "203.0.113.1", 5060)), ("127.0.0.1", 5060))
        self.transports = Transports(self.host, self.journal, self.no_route)
        self.assertEqual(self.transports.address_for(HOP_6), ("::1", 5060))

    def no_route(self, remote: str) -> str:
        raise OSError("no route")

    def test_without_listener(self) -> None:
        """Without a socket of that transport it is the default port."""
        self.listen(("UDP", US))
        self.assertEqual(self.transports.address_for(Hop("TCP", PEER, 5060)), (US, 5060))

    def test_only_loopback(self) -> None:
        """What listens on loopback alone names that, for want of better."""
        self.listen(("UDP", "127.0.0.1"))
        self.assertEqual(self.transports.sent_by(HOP), "127.0.0.1:5060")

    def test_a_new_listener(self) -> None:
        """A socket that is bound later is found."""
        self.listen(("UDP", "127.0.0.1"))
        self.transports.address_for(HOP)
        self.listen(("UDP", US))
        self.assertEqual(self.transports.address_for(HOP), (US, 5060))


class OursTests(TransportCase):
    def test_is_ours(self) -> None:
        """§18.1.2: a Via that we made, by sent-by; the default port where none stands."""
        self.listen()
        self.assertFalse(self.transports.is_ours(US, 5060))
        self.transports.sent_by(HOP)
        self.transports.sent_by(HOP_6)
        for host, port, ours in (
            (US, 5060, True),
            (US, None, True),
            (US, 5061, False),
            (PEER, 5060, False),
            (f"[{US_6}]", 5060, True),
        ):
            self.assertEqual(self.transports.is_ours(host, port), ours, (host, port))

    def test_is_own_address(self) -> None:
        """Where we listen, in any spelling; on a wildcard, at each address that is this host's."""
        self.transports.listen("UDP", US, 5060)
        self.transports.listen("TCP", US_6, 5070)
        self.transports.listen("UDP", "0.0.0.0", 5080)
        for host, port, own in (
            (US, 5060, True),
            (US, None, True),
            (US, 5061, False),
            (PEER, 5060, False),
            (US_6, 5070, True),
            ("[2001:DB8:0::1]", 5070, True),
            (US, 5080, True),
            ("127.0.0.1", 5080, True),
            (PEER, 5080, False),
            ("203.0.113.1", 5080, False),
        ):
            self.assertEqual(self.transports.is_own_address(host, port), own, (host, port))


class FamiliesTests(TransportCase):
    def test_both(self) -> None:
        """Sockets for all addresses of both families stand on one port beside each other."""
        self.listen(("UDP", "0.0.0.0"), ("TCP", "0.0.0.0"), ("UDP", "::"), ("TCP", "::"))
        udp, udp_6 = self.udp_peer(), self.udp_peer(host=PEER_6)
        self.send(HOP)
        self.send(HOP_6)
        self.assertEqual((len(udp.heard), len(udp_6.heard)), (1, 1))
        for host in (US, US_6):
            self.write(self.connect(host), message())
        self.assertEqual([flow.local[0] for _, flow in self.heard], [US, US_6])
