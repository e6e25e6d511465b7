"""SIPp's calls through the proxy: a registered callee, INVITE 100 180 200 ACK BYE 200, a hundred a second."""

from __future__ import annotations

import csv
from pathlib import Path

from tests.integration.phone import SmallPhone
from tests.integration.programs import LOOPBACK, ROOT, IntegrationTestCase, Program, free_port, need

SCENARIOS = ROOT / "bench" / "proxy"
CALLS = 1000
RATE = 100  # calls a second
PATIENCE = CALLS / RATE + 40  # seconds; a lost call is given up on after 32


class CallsThroughTheProxyTests(IntegrationTestCase):
    def sipp(self, role: str, port: int, transport: str, *more: str) -> Program:
        """SIPp as `role` on `port`; it counts every message in ROLE_*_counts.csv."""
        where = ("-i", LOOPBACK, "-p", str(port), "-t", "u1" if transport == "udp" else "t1")
        bounds = ("-m", str(CALLS), "-nostdin", "-timeout", f"{PATIENCE:.0f}s")
        # UDP keeps no order: a 180 after the 200, or an ACK after the BYE, is no reason to give a call up.
        ways = ("-key", "domain", "sipmini.test", "-default_behaviors", "all,-abortunexp", "-trace_counts")
        scenario = str(SCENARIOS / f"{role}.xml")
        return self.start(need("sipp"), "-sf", scenario, *where, *bounds, *ways, *more, terminal=True)

    def repeated(self, role: str) -> dict[str, int]:
        """What this SIPp sent again or received again, by the message's place and name in its scenario."""
        (path,) = Path(self.room).glob(f"{role}_*_counts.csv")
        with path.open(newline="") as table:
            last = list(csv.DictReader(table, delimiter=";"))[-1]
        return {name: int(value) for name, value in last.items() if name.endswith("_Retrans") and int(value)}

    async def place_calls(self, transport: str) -> None:
        need("sipp")
        _, port = await self.proxy()
        callee_port = free_port()
        phone = SmallPhone(port)
        self.addCleanup(phone.close)
        registered = await phone.register(
            "callee", f"sip:callee@{LOOPBACK}:{callee_port};transport={transport}"
        )
        self.assertEqual(registered.status, 200)

        callee = self.sipp("callee", callee_port, transport)
        await callee.said("Scenario Screen")
        caller = self.sipp(
            "caller", free_port(), transport, f"{LOOPBACK}:{port}", "-r", str(RATE), "-l", str(CALLS)
        )
        # Status 0 is SIPp's word for "every call came to its end".
        self.assertEqual(await caller.exited(within=PATIENCE + 10), 0, caller.output[-3000:])
        self.assertEqual(await callee.exited(), 0, callee.output[-3000:])
        self.assertEqual((self.repeated("caller"), self.repeated("callee")), ({}, {}))

    async def test_a_thousand_calls_over_udp(self) -> None:
        """None fails, and nothing is retransmitted: RFC 3261 §16 and §17, with the 100 well within T1."""
        await self.place_calls("udp")

    async def test_a_thousand_calls_over_tcp(self) -> None:
        """The same over connections (§18): the caller is answered on the one it made."""
        await self.place_calls("tcp")
