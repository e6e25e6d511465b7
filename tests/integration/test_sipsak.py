"""sipsak at the proxy: OPTIONS, REGISTER, and what it registered found again (its "usrloc" mode).

Of that mode only the registering is used: with calls or messages (-I, -M) the sipsak 0.9.8.1 of Debian ends
by a segmentation fault before it sends anything. The proxy's port is given as that of an outbound proxy,
since sipsak writes only the first four digits of a port into a URI.
"""

from __future__ import annotations

from tests.integration.phone import SmallPhone
from tests.integration.programs import LOOPBACK, IntegrationTestCase, Program, need


class SipsakTests(IntegrationTestCase):
    def sipsak_at(self, port: int, user: str, *arguments: str) -> Program:
        """sipsak with a request for `user` of sipmini.test, sent to the proxy on `port`."""
        ways = ("-i", "-vv", "-H", LOOPBACK, "-p", f"{LOOPBACK}:{port}")
        return self.start(need("sipsak"), *ways, *arguments, "-s", f"sip:{user}sipmini.test")

    async def sipsak(self, port: int, user: str, *arguments: str) -> str:
        """Run sipsak at the proxy on `port`; what it printed. Status 0 says that it got a 2xx."""
        program = self.sipsak_at(port, user, *arguments)
        self.assertEqual(await program.exited(), 0, program.output)
        return program.output

    async def phone(self, port: int) -> SmallPhone:
        phone = SmallPhone(port)
        self.addCleanup(phone.close)
        return phone

    async def test_options(self) -> None:
        """The proxy answers an OPTIONS sent to itself (RFC 3261 §11)."""
        need("sipsak")
        _, port = await self.proxy()
        self.assertIn("SIP/2.0 200 ", await self.sipsak(port, ""))

    async def test_register(self) -> None:
        """What sipsak registers others can look up, and what it removes is gone (RFC 3261 §10.2)."""
        need("sipsak")
        _, port = await self.proxy()
        phone = await self.phone(port)
        contact = f"sip:carol@{LOOPBACK}:5999"

        async def seen() -> list[str]:
            return (await phone.register("carol")).contacts

        await self.sipsak(port, "carol@", "-U", "-C", contact, "-x", "60")
        self.assertEqual(await seen(), [contact])
        await self.sipsak(port, "carol@", "-U", "-C", contact, "-x", "0")
        self.assertEqual(await seen(), [])
        await self.sipsak(port, "carol@", "-U", "-C", contact, "-x", "60")
        await self.sipsak(port, "carol@", "-U", "-C", "*", "-x", "0")
        self.assertEqual(await seen(), [])

    async def test_user_location(self) -> None:
        """A request for a user goes where sipsak registered him, and is a 404 or 480 when he is nowhere."""
        need("sipsak")
        _, port = await self.proxy()
        phone = await self.phone(port)
        await self.sipsak(port, "dave@", "-U", "-C", f"sip:dave@{LOOPBACK}:{phone.port}", "-x", "60")
        self.assertEqual(phone.asked, [])
        self.assertIn("SIP/2.0 200 ", await self.sipsak(port, "dave@"))
        self.assertEqual(phone.asked, [f"OPTIONS sip:dave@{LOOPBACK}:{phone.port}"])
        nowhere = self.sipsak_at(port, "nobody@")
        self.assertEqual(await nowhere.exited(), 1)
        self.assertRegex(nowhere.output, r"SIP/2\.0 (404|480) ")
