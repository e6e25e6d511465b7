"""The published zone as text: written, and its blocks read again."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipmini.hop import Hop
from sipmini.resolver.blocks import Block, read_blocks, read_serial, zone_text
from sipmini.resolver.zonefile import MARKER

FIRST = Block(7, (Hop("TCP", "127.0.0.1", 8000), Hop("TCP", "::1", 8000)))
SECOND = Block(8, (Hop("UDP", "127.0.0.1", 8001), Hop("UDP", "192.0.2.1", 8002)))


class BlocksTests(SynchronousTestCase):
    def test_two_blocks(self) -> None:
        """RFC 2782: priorities go through all blocks; each host of each has a name of its own."""
        self.assertEqual(
            zone_text("atlanta.com", [FIRST, SECOND], 5),
            f"{MARKER}\n"
            "$ORIGIN atlanta.com.\n"
            "$TTL 60\n"
            "@ SOA proxy hostmaster ( 5 3600 600 86400 60 )\n"
            "@ NS proxy\n"
            '@ NAPTR 10 10 "s" "SIP+D2T" "" _sip._tcp\n'
            '@ NAPTR 20 10 "s" "SIP+D2U" "" _sip._udp\n'
            "; The proxy with process id 7: TCP 127.0.0.1 port 8000, TCP ::1 port 8000\n"
            "_sip._tcp SRV 10 0 8000 proxy\n"
            "_sip._tcp SRV 20 0 8000 proxy2\n"
            "@ A 127.0.0.1\n"
            "@ AAAA ::1\n"
            "proxy A 127.0.0.1\n"
            "proxy2 AAAA ::1\n"
            "; The proxy with process id 8: UDP 127.0.0.1 port 8001, UDP 192.0.2.1 port 8002\n"
            "_sip._udp SRV 30 0 8001 proxy3\n"
            "_sip._udp SRV 40 0 8002 proxy4\n"
            "@ A 192.0.2.1\n"
            "proxy3 A 127.0.0.1\n"
            "proxy4 A 192.0.2.1\n",
        )

    def test_read_again(self) -> None:
        for blocks in ([], [FIRST], [FIRST, SECOND]):
            text = zone_text("atlanta.com", blocks, 77)
            self.assertEqual((read_blocks(text), read_serial(text)), (blocks, 77))
        self.assertEqual([each.ports for each in (FIRST, SECOND)], [[8000], [8001, 8002]])

    def test_what_is_no_block(self) -> None:
        """A comment that somebody changed is left out, with what it headed."""
        good = "; The proxy with process id 7: UDP 127.0.0.1 port 8000"
        self.assertEqual(len(read_blocks(good)), 1)
        for wrong in (
            good.replace("7", "0"),
            good.replace("7", "9999999999"),
            good.replace("UDP", "SCTP"),
            good.replace("8000", "0"),
            good.replace("8000", "65536"),
            good.replace("127.0.0.1", "127.0.0.01"),
            good.replace("127.0.0.1", "localhost"),
            f"{good}, more",
            good.replace("; ", ";; "),
        ):
            self.assertEqual(read_blocks(wrong), [], wrong)
        self.assertEqual(read_serial(MARKER), 0)
