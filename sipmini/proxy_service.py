"""The proxy as a service: everything a proxy needs, put together and started.

``twistd sipmini-proxy``, the demo and tests start this very service, each with a reactor of
its own.  It opens the state directory and the sockets, and says in words what it did.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredList, succeed

from sipmini.config import ProxySettings
from sipmini.decision_log import log_decision
from sipmini.errors import StoreError
from sipmini.hop import Hop
from sipmini.journal import Decided, Journal
from sipmini.listening import in_words, listen_everywhere, listen_on
from sipmini.location import LocationStore, SqliteLocation, WriterThread
from sipmini.message_log import MessageLog
from sipmini.proxy import Domains, Proxy
from sipmini.registrar import Registrar
from sipmini.resolver.publish import is_alive, publish, withdraw
from sipmini.resolver.resolver import Resolver
from sipmini.resolver.system import SystemNames
from sipmini.resolver.zones import ZoneStore
from sipmini.stack import Stack
from sipmini.tokens import Tokens
from sipmini.transport import WILDCARDS, Listening
from sipmini.transport.binding import LocalAddresses

DEFAULT_PORT = 8000


class ProxyService(Service):
    """A proxy and registrar.

    :ivar journal: its record.
    :ivar stack: its sockets and transactions, once it is started.
    :ivar location: its bindings, once it is started.
    """

    def __init__(
        self,
        reactor: Any,
        settings: ProxySettings,
        announce: Callable[[str], None],
        local_address: Callable[[str], str] | None = None,
        token: Callable[[], str] | None = None,
        random: Random | None = None,
        location: LocationStore | None = None,
        process_id: Callable[[], int] = os.getpid,
        is_alive: Callable[[int], bool] = is_alive,
    ) -> None:
        """:param announce: is told, in sentences, what the proxy does and what it met.
        :param location: stands for the SQLite file of the state directory.
        :param process_id: the id of this process, asked when the proxy starts: a daemon has another before.
        :param is_alive: whether there is a process of an id; proxies that have died are no longer published.
        """
        self._reactor = reactor
        self._settings = settings
        self._announce = announce
        self._random = random or Random()
        self._writer: WriterThread | None = None
        self._log: MessageLog | None = None
        self._given_location = location
        self._process_id = process_id
        self._is_alive = is_alive
        self._published: list[tuple[str, int]] = []
        self.location: LocationStore
        self.journal = Journal(settings.domains[0], reactor.seconds)
        self.journal.observe(log_decision, Decided)
        self.stack = Stack(reactor, self.journal, token or Tokens(), local_address or LocalAddresses())

    def privilegedStartService(self) -> None:
        """Bind the sockets, as root where the port asks for it.

        :raises BadSetting: an address cannot be had.
        """
        if self.stack.transports.listening:
            return
        if self._settings.listen:
            for spec in self._settings.listen:
                listen_on(self.stack, spec)
        elif listen_everywhere(self.stack, DEFAULT_PORT) != DEFAULT_PORT:
            port = min(self._ports())
            self._announce(f"Port {DEFAULT_PORT} is taken, so this proxy uses port {port}.")

    def startService(self) -> None:
        """Open the state directory and begin to serve.

        :raises SipminiError: with a sentence that says what is in the way.
        """
        self.privilegedStartService()
        settings = self._settings
        self.location = self._given_location or self._open_location(settings.state_dir)
        system = SystemNames(self._reactor) if settings.dns else None
        zones = ZoneStore(self._names, self._reactor.seconds, self._announce)
        zones.load()
        resolver = Resolver(zones, system, self._reactor, self._random)
        transports = self.stack.transports
        domains = Domains(settings.domains, self._ports, transports.is_own_address)
        registrar = Registrar(self.location, domains, self._reactor, self.stack.token, self.journal.decided)
        self.proxy = Proxy(self.stack, domains, self.location, registrar, resolver, self._reactor)
        if settings.message_log:
            port = min(self._ports())
            name = f"messages-{settings.domains[0]}-{port}"
            self._log = MessageLog(settings.state_dir / "log", name, self._reactor)
            self._log.observe(self.journal)
        self._publish()
        for sentence in self.description():
            self._announce(sentence)
        super().startService()  # type: ignore[no-untyped-call]

    def stopService(self) -> Deferred[Any]:
        """Take the names back, close the sockets, write what waits to be written."""
        super().stopService()  # type: ignore[no-untyped-call]
        self._withdraw()
        closing: list[Deferred[Any]] = [
            done if isinstance(done, Deferred) else succeed(done) for done in self.stack.stop()
        ]
        if hasattr(self, "location"):
            closing.append(self.location.close())
        return DeferredList(closing, consumeErrors=True).addCallback(self._stopped)

    def _stopped(self, _: object) -> None:
        if self._writer is not None:
            self._writer.stop()
        if self._log is not None:
            self._log.close()

    @property
    def listening(self) -> list[Listening]:
        """What is listened on."""
        return self.stack.transports.listening

    def _ports(self) -> frozenset[int]:
        return frozenset([listening.port for listening in self.listening])

    # --- starting ---------------------------------------------------------------------------

    def _open_location(self, directory: Path) -> LocationStore:
        self._writer = WriterThread(self._reactor)
        return SqliteLocation(str(directory), self._reactor, self._writer, self._announce)

    @property
    def _names(self) -> Path:
        return self._settings.state_dir / "dns"

    def _publish(self) -> None:
        hops = [Hop(each.transport, each.host, each.port) for each in self.listening]
        process_id = self._process_id()
        for domain in self._settings.domains:
            publication = publish(
                self._names, domain, hops, self._reactor.seconds(), process_id, self._is_alive
            )
            self._published.append((domain, process_id))
            if publication.note:
                self._announce(publication.note)

    def _withdraw(self) -> None:
        while self._published:
            domain, process_id = self._published.pop()
            try:
                withdraw(self._names, domain, self._reactor.seconds(), process_id, self._is_alive)
            except StoreError as error:
                # The rest has to be closed all the same; the next proxy drops what is left behind.
                self._announce(str(error))

    # --- in words ---------------------------------------------------------------------------

    def description(self) -> list[str]:
        """What this proxy does, in sentences."""
        domains = " and ".join(self._settings.domains)
        host, port = self._place_to_register()
        return [
            f"This SIP proxy serves {domains}, and its own addresses as part of {self._settings.domains[0]}.",
            f"It listens on {in_words(self.listening)}.",
            f"Its state (bindings, names, message log) is kept in {self._settings.state_dir}.",
            f"To register a phone, give it the address NAME@{self._settings.domains[0]} and the server "
            f"(or outbound proxy) {host}:{port}, with no password; or run: "
            f"twistd -n sipmini-ua --user NAME@{self._settings.domains[0]}",
        ]

    def _place_to_register(self) -> tuple[str, int]:
        first = self.listening[0]
        host = "127.0.0.1" if first.host in WILDCARDS else first.host
        return (f"[{host}]" if ":" in host else host), first.port
