"""The trapezoid on the simulated network: two proxies, two phones, the services that twistd starts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from sipmini.codec import decode
from sipmini.config import ListenSpec, PhoneSettings, ProxySettings
from sipmini.journal import Decided
from sipmini.ladder import label
from sipmini.location import LocationStore, MemoryLocation
from sipmini.proxy_service import ProxyService
from sipmini.testing import Packet, SimulatedNetwork
from sipmini.ua.events import PhoneEvent
from sipmini.ua_service import PhoneService
from sipmini.uri import parse_sip_uri

Step = tuple[str, str, str]

#: The four as they stand in a ladder.
FOUR = ("alice", "atlanta", "biloxi", "bob")

#: Who has a phone, and in which domain.
DOMAINS = {"alice": "atlanta.com", "bob": "biloxi.com", "carol": "atlanta.com"}


def proxy_settings(
    domain: str, listen: tuple[ListenSpec, ...], state: Path, log: bool = False
) -> ProxySettings:
    """Settings of a proxy that asks no DNS."""
    return ProxySettings((domain,), listen, state, dns=False, message_log=log)


def phone_settings(user: str, listen: ListenSpec, state: Path) -> PhoneSettings:
    """Settings of a phone that registers and asks no DNS."""
    name, _, _ = user.partition("@")
    return PhoneSettings(
        user=parse_sip_uri(f"sip:{user}"),
        display_name=name.capitalize(),
        proxy=None,
        listen=listen,
        state_dir=state,
        script=None,
        events="text",
        dns=False,
        register=True,
    )


class Trapezoid:
    """Four hosts, or one, with a state directory in common, or one for each.

    :ivar events: what each phone told, in order.
    :ivar decided: which rule was applied by which element.
    """

    def __init__(
        self,
        state: Path,
        one_host: bool = False,
        private: bool = False,
        transport: str | None = None,
        prefix: str = "192.0.2.",
    ) -> None:
        """:param private: each element has a state directory of its own.
        :param transport: what all listen on, both UDP and TCP if ``None``.
        :param prefix: what the addresses of the hosts begin with.
        """
        self.network = SimulatedNetwork(1)
        self.said: list[str] = []
        self.names: dict[tuple[str, int], str] = {}
        self.elements: dict[str, Any] = {}
        self.events: dict[str, list[PhoneEvent]] = {}
        self.decided: list[tuple[str, str]] = []
        self._state = state
        self._private = private
        self._transport = transport
        self._prefix = prefix
        self._shared = self.network.host(f"{prefix}1") if one_host else None
        for name in FOUR:
            self.add(name)
        self.alice, self.bob = self.elements["alice"].phone, self.elements["bob"].phone

    def add(self, name: str) -> Any:
        """Add an element, which :meth:`start` or the test starts."""
        place = len(self.elements)
        address = f"{self._prefix}1" if self._shared else f"{self._prefix}{place + 1}"
        port = 5060 + place if self._shared else 5060
        self.names[address, port] = name
        host = self._shared or self.network.host(address)
        return self._put(name, host, address, port)

    def restart(self, name: str) -> None:
        """Stop a proxy and start another one in its place, which knows the bindings and nothing else."""
        ((host, port),) = [place for place, known in self.names.items() if known == name]
        old = self.elements[name]
        old.stopService()
        self.advance(0.1)
        self._put(name, old.stack.clock, host, port, old.location).startService()

    def _put(
        self, name: str, host: Any, address: str, port: int, location: LocationStore | None = None
    ) -> Any:
        made = self.elements[name] = self._element(name, host, address, port, location)
        made.journal.observe(lambda entry: self.decided.append((name, entry.reason.rule.name)), Decided)
        if name in DOMAINS:
            self.events[name] = []
            made.phone.observers.append(self.events[name].append)
        return made

    def _element(self, name: str, host: Any, address: str, port: int, location: LocationStore | None) -> Any:
        random = Random(name)

        def token() -> str:
            return f"{random.getrandbits(64):016x}"

        def local(_: str) -> str:
            return address

        listen = ListenSpec(self._transport, address, port)
        state = self._state / name if self._private else self._state
        said = self.said.append
        if name in DOMAINS:
            settings = phone_settings(f"{name}@{DOMAINS[name]}", listen, state)
            return PhoneService(host, settings, said, local, token, random)
        location = location or MemoryLocation(self.network.seconds)
        domain = proxy_settings(f"{name}.com", (listen,), state)
        return ProxyService(host, domain, said, local, token, random, location)

    def start(self) -> Trapezoid:
        """Start all four; the phones are registered then."""
        for name in ("atlanta", "biloxi"):
            self.elements[name].startService()
        if self._private:
            self._tell_names()
        for name in ("alice", "bob"):
            self.elements[name].startService()
        self.advance(1)
        assert self.alice.registered_until is not None and self.bob.registered_until is not None
        self.network.trace.clear()
        self.decided.clear()
        for events in self.events.values():
            events.clear()
        return self

    def _tell_names(self) -> None:
        """Give each state directory the zones that the two proxies published in their own."""
        for source in ("atlanta", "biloxi"):
            zone = self._state / source / "dns" / f"{source}.com.zone"
            for target in FOUR:
                (self._state / target / "dns").mkdir(parents=True, exist_ok=True)
                (self._state / target / "dns" / zone.name).write_text(zone.read_text())

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.network.advance(seconds)

    def when(self, name: str, kind: str, call: Callable[[], object], after: float = 0.0) -> None:
        """Once the phone tells of this for the first time, make the call, some seconds later."""
        phone = self.elements[name].phone

        def look(event: PhoneEvent) -> None:
            if event.kind == kind:
                phone.observers.remove(look)
                self.network.clock.callLater(after, call)

        phone.observers.append(look)

    def ladder(self, *outcomes: str) -> list[Step]:
        """Who sent what to whom, in the order of arrival, since the start or the last look."""
        trace, self.network.trace[:] = list(self.network.trace), []
        return [
            self._step(packet)
            for packet in trace
            if packet.outcome in (outcomes or ("delivered",)) and packet.kind in ("datagram", "data")
        ]

    def _step(self, packet: Packet) -> Step:
        # A connection has a port of its own at one end; on hosts of their own the address says enough.
        source, target = (
            self.names.get(end) or self.names[end[0], 5060] for end in (packet.source, packet.destination)
        )
        return source, target, label(decode(packet.data))

    def told(self, name: str) -> list[str]:
        """What a phone told since the last look: kinds of events, states as ``old>new``."""
        events, self.events[name][:] = list(self.events[name]), []
        return [
            f"{event.fields['old']}>{event.fields['new']}" if event.kind == "state" else event.kind
            for event in events
            if event.kind != "response"
        ]

    def outcomes(self) -> tuple[list[str], list[str]]:
        """How the calls ended that alice and bob remember."""
        return [call.outcome for call in self.alice.history], [call.outcome for call in self.bob.history]

    def left(self) -> dict[str, object]:
        """What is left of calls, by element; empty when all is over."""
        left: dict[str, object] = {}
        for name, element in self.elements.items():
            stack = element.stack
            connections = 0 if self._transport == "TCP" else stack.transports.connections
            found = (stack.transactions.count, stack.timers.pending, connections)
            if any(found):
                left[name] = found
        for name in self.events:
            phone = self.elements[name].phone
            if phone.state != "idle" or phone._sessions:
                left[f"{phone.user} is"] = (phone.state, list(phone._sessions))
        return left
