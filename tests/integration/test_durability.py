"""`kill -9` of the proxy under a load of REGISTERs: a 200 means that the binding is on disk."""

from __future__ import annotations

from itertools import count

from twisted.internet.defer import Deferred, gatherResults

from tests.integration.phone import SmallPhone
from tests.integration.programs import LOOPBACK, IntegrationTestCase, free_port

AT_ONCE = 40  # REGISTERs without an answer at any time
BEFORE_THE_KILL = 400  # answered ones
ROUNDS = 3


class Registering:
    """Keep many REGISTERs of new users under way, and remember which of them got a 200."""

    def __init__(self, phone: SmallPhone, names: count[int], enough: int) -> None:
        self.phone = phone
        self.names = names
        self.acknowledged: dict[str, str] = {}
        self.refused: list[int] = []
        self.enough: Deferred[None] = Deferred()
        self.more = True
        self._wanted = enough
        for _ in range(AT_ONCE):
            self._next()

    def _next(self) -> None:
        user = f"user{next(self.names)}"
        contact = f"sip:{user}@{LOOPBACK}:{self.phone.port}"
        answer = self.phone.register(user, contact)

        def answered(response: object) -> None:
            status = getattr(response, "status", 0)
            if status != 200:
                self.refused.append(status)
            else:
                self.acknowledged[user] = contact
            if len(self.acknowledged) == self._wanted:
                self.enough.callback(None)
            if self.more:
                self._next()

        # The ones under way when everything ends are nobody's loss: they got no 200.
        answer.addCallbacks(answered, lambda _: None)


class KillTests(IntegrationTestCase):
    async def test_every_binding_that_got_a_200_is_there(self) -> None:
        """Killed at no convenient moment, three times over on the same state (RFC 3261 §10.3 step 8)."""
        names = count()
        acknowledged: dict[str, str] = {}
        port = free_port()
        for _ in range(ROUNDS):
            proxy, _ = await self.proxy(port=port)
            phone = SmallPhone(port)
            self.addCleanup(phone.close)
            load = Registering(phone, names, BEFORE_THE_KILL)
            await load.enough
            load.more = False
            proxy.signal("KILL")
            self.assertEqual(await proxy.exited(), -9)
            # What the dead proxy has sent is still in the socket, and those are acknowledged too.
            await phone.read_what_is_there()
            await phone.close()
            self.assertEqual(load.refused, [])
            acknowledged.update(load.acknowledged)

        self.assertGreaterEqual(len(acknowledged), ROUNDS * BEFORE_THE_KILL)
        await self.proxy(port=port)
        phone = SmallPhone(port)
        self.addCleanup(phone.close)
        lost = []
        users = sorted(acknowledged)
        for start in range(0, len(users), AT_ONCE):
            some = users[start : start + AT_ONCE]
            answers = await gatherResults([phone.register(user) for user in some], consumeErrors=True)
            lost += [
                user
                for user, answer in zip(some, answers, strict=True)
                if answer.contacts != [acknowledged[user]]
            ]
        self.assertEqual(lost, [])
