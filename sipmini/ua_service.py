"""The phone as a service: a stack, the names, a :class:`~sipmini.ua.agent.Phone`, put together and started.

``twistd sipmini-ua``, the demo and tests start this very service, each with a reactor of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredList, succeed

from sipmini.config import PhoneSettings
from sipmini.decision_log import log_decision
from sipmini.journal import Decided, Journal
from sipmini.listening import listen_everywhere, listen_on
from sipmini.resolver.resolver import Resolver
from sipmini.resolver.system import SystemNames
from sipmini.resolver.zones import ZoneStore
from sipmini.stack import Stack
from sipmini.tokens import Tokens
from sipmini.transport.binding import LocalAddresses
from sipmini.ua.agent import Phone
from sipmini.ua.desk import Desk, Identity
from sipmini.ua.media import MediaPorts

DEFAULT_PORT = 5060


class PhoneService(Service):
    """A phone.

    :ivar journal: its record.
    :ivar stack: its sockets and transactions.
    :ivar phone: what the user commands.
    """

    def __init__(
        self,
        reactor: Any,
        settings: PhoneSettings,
        announce: Callable[[str], None],
        local_address: Callable[[str], str] | None = None,
        token: Callable[[], str] | None = None,
        random: Random | None = None,
    ) -> None:
        """:param announce: is told, in sentences, what the phone met that its user should know."""
        self._reactor = reactor
        self._settings = settings
        self._registering: Any = None
        self._announce = announce
        identity = Identity(settings.user, settings.display_name)
        self.journal = Journal(identity.user, reactor.seconds)
        self.journal.observe(log_decision, Decided)
        self.stack = Stack(reactor, self.journal, token or Tokens(), local_address or LocalAddresses())
        random = random or Random()
        zones = ZoneStore(settings.state_dir / "dns", reactor.seconds, announce)
        system = SystemNames(reactor) if settings.dns else None
        self.phone = Phone(
            Desk(
                clock=reactor,
                wall=reactor.seconds,
                random=random,
                stack=self.stack,
                resolver=Resolver(zones, system, reactor, random),
                journal=self.journal,
                media=MediaPorts(reactor),
                identity=identity,
                proxy=settings.proxy,
            )
        )

    def privilegedStartService(self) -> None:
        """Bind the sockets.

        :raises BadSetting: an address cannot be had.
        """
        if self.stack.transports.listening:
            return
        if self._settings.listen is not None:
            listen_on(self.stack, self._settings.listen)
            return
        port = listen_everywhere(self.stack, DEFAULT_PORT)
        if port != DEFAULT_PORT:
            self._announce(f"Port {DEFAULT_PORT} is taken, so this phone uses port {port}.")

    def startService(self) -> None:
        """Begin: register, unless told not to."""
        self.privilegedStartService()
        super().startService()  # type: ignore[no-untyped-call]
        if self._settings.register:
            # In the next turn, when the console is there to tell of a failure that comes at once.
            self._registering = self._reactor.callLater(0, self.phone.register)

    def stopService(self) -> Deferred[Any]:
        """Close the sockets."""
        super().stopService()  # type: ignore[no-untyped-call]
        if self._registering is not None and self._registering.active():
            self._registering.cancel()
        self.phone.stop()
        closing: list[Deferred[Any]] = [
            done if isinstance(done, Deferred) else succeed(done) for done in self.stack.stop()
        ]
        return DeferredList(closing, consumeErrors=True)
