"""baresip and our phone call each other through the proxy."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from tests.integration.baresip import baresip
from tests.integration.programs import LOOPBACK, IntegrationTestCase, Program, free_port, need


class Phone:
    """A `twistd -n sipmini-ua` on pipes: commands one a line, events one JSON object a line."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._mark = 0

    def do(self, command: str) -> None:
        """Type a command; what is waited for from here on is what comes after it."""
        self._mark = len(self.program.output)
        self.program.say(command)

    def told(self, kind: str, **fields: object) -> Deferred[object]:
        """An event of that kind with these values."""
        values = "".join(rf'(?=.*"{name}": ?"?{value}"?[,}}])' for name, value in fields.items())
        return self.program.said(rf'^(?=.*"event": ?"{kind}"){values}.*$', start=self._mark)

    def entered(self, state: str) -> Deferred[object]:
        """The phone's next arrival in that state."""
        return self.told("state", new=state)


class BaresipTests(IntegrationTestCase):
    async def phone(self, user: str, proxy_port: int) -> Phone:
        """Our phone for `user`@sipmini.test, registered, as it does by itself."""
        who = (f"--user={user}@sipmini.test", f"--proxy=sip:{LOOPBACK}:{proxy_port}")
        where = (f"--listen={LOOPBACK}:{free_port()}", f"--state-dir={self.room / user}")
        phone = Phone(self.twistd("sipmini-ua", *who, *where, "--events=json"))
        await phone.told("registered")
        return phone

    async def test_baresip_calls_and_we_hang_up(self) -> None:
        """INVITE and ACK from baresip, BYE from us."""
        need("baresip")
        _, port = await self.proxy()
        alice, bob = await self.phone("alice", port), await baresip(self, "bob", port)
        await bob.command("dial", "sip:alice@sipmini.test")
        await alice.entered("ringing")
        await bob.event("CALL_RINGING")
        alice.do("answer")
        await alice.entered("talking")
        await bob.event("CALL_ESTABLISHED")
        alice.do("hangup")
        await alice.entered("idle")
        await bob.event("CALL_CLOSED")

    async def test_we_call_and_baresip_hangs_up(self) -> None:
        """INVITE and ACK from us, BYE from baresip."""
        need("baresip")
        _, port = await self.proxy()
        alice, bob = await self.phone("alice", port), await baresip(self, "bob", port)
        alice.do("call bob@sipmini.test")
        await bob.event("CALL_INCOMING")
        await alice.entered("ringing_back")
        await bob.command("accept")
        await bob.event("CALL_ESTABLISHED")
        await alice.entered("talking")
        await bob.command("hangup")
        await alice.entered("idle")

    async def test_we_cancel(self) -> None:
        """CANCEL from us ends baresip's ringing (RFC 3261 §9)."""
        need("baresip")
        _, port = await self.proxy()
        alice, bob = await self.phone("alice", port), await baresip(self, "bob", port)
        alice.do("call bob@sipmini.test")
        await bob.event("CALL_INCOMING")
        await alice.entered("ringing_back")
        alice.do("hangup")
        await alice.entered("idle")
        await bob.event("CALL_CLOSED")

    async def test_baresip_cancels(self) -> None:
        """CANCEL from baresip ends our ringing (RFC 3261 §9.2)."""
        need("baresip")
        _, port = await self.proxy()
        alice, bob = await self.phone("alice", port), await baresip(self, "bob", port)
        await bob.command("dial", "sip:alice@sipmini.test")
        await alice.entered("ringing")
        await bob.event("CALL_RINGING")
        await bob.command("hangup")
        await alice.entered("idle")

    async def test_baresip_declines(self) -> None:
        """What baresip answers when it declines is what we are told."""
        need("baresip")
        _, port = await self.proxy()
        alice, bob = await self.phone("alice", port), await baresip(self, "bob", port)
        alice.do("call bob@sipmini.test")
        await bob.event("CALL_INCOMING")
        await alice.entered("ringing_back")
        await bob.command("hangup")
        await alice.told("call-failed", status=486)
        await alice.entered("idle")

    async def test_two_baresips_over_tcp(self) -> None:
        """Two phones that are not ours register and talk over TCP through the proxy."""
        need("baresip")
        _, port = await self.proxy()
        bob, carol = await baresip(self, "bob", port, "tcp"), await baresip(self, "carol", port, "tcp")
        await carol.command("dial", "sip:bob@sipmini.test")
        await bob.event("CALL_INCOMING")
        await bob.command("accept")
        await carol.event("CALL_ESTABLISHED")
        await bob.event("CALL_ESTABLISHED")
        await carol.command("hangup")
        await bob.event("CALL_CLOSED")
