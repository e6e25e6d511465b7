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
from sipmini.location import MemoryLocation
from sipmini.proxy_service import ProxyService
from sipmini.testing import Packet, SimulatedNetwork
from sipmini.ua.events import PhoneEvent
from sipmini.ua_service import PhoneService
from sipmini.uri import parse_sip_uri

Step = tuple[str, str, str]

#: The four as they stand in a ladder.
FOUR = ("alice", "atlanta", "biloxi", "bob")


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
    """Four hosts, or one, with a state directory in common.

    :ivar events: what each phone told, in order.
    """

    def __init__(self, state: Path, one_host: bool = False) -> None:
        self.network = SimulatedNetwork(1)
        self.said: list[str] = []
        self.names: dict[tuple[str, int], str] = {}
        self.elements: dict[str, Any] = {}
        self.events: dict[str, list[PhoneEvent]] = {"alice": [], "bob": []}
        self.decided: list[tuple[str, str]] = []
        shared = self.network.host("192.0.2.1") if one_host else None
        for place, name in enumerate(FOUR):
            address = "192.0.2.1" if one_host else f"192.0.2.{place + 1}"
            port = 5060 + place if one_host else 5060
            self.names[address, port] = name
            host = shared or self.network.host(address)
            self.elements[name] = self._element(name, host, address, port, state)
        self.alice, self.bob = self.elements["alice"].phone, self.elements["bob"].phone
        for name, phone in (("alice", self.alice), ("bob", self.bob)):
            phone.observers.append(self.events[name].append)

    def _element(self, name: str, host: Any, address: str, port: int, state: Path) -> Any:
        random = Random(name)

        def token() -> str:
            return f"{random.getrandbits(64):016x}"

        def local(_: str) -> str:
            return address

        listen = ListenSpec(None, address, port)
        made: Any
        if name in ("alice", "bob"):
            domain = {"alice": "atlanta.com", "bob": "biloxi.com"}[name]
            settings = phone_settings(f"{name}@{domain}", listen, state)
            made = PhoneService(host, settings, self.said.append, local, token, random)
        else:
            location = MemoryLocation(self.network.seconds)
            made = ProxyService(
                host,
                proxy_settings(f"{name}.com", (listen,), state),
                self.said.append,
                local,
                token,
                random,
                location,
            )
        made.journal.observe(lambda entry: self.decided.append((name, entry.reason.rule.name)), Decided)
        return made

    def start(self) -> Trapezoid:
        """Start all four; the phones are registered then."""
        for name in ("atlanta", "biloxi", "alice", "bob"):
            self.elements[name].startService()
        self.advance(1)
        assert self.alice.registered_until is not None and self.bob.registered_until is not None
        self.network.trace.clear()
        self.decided.clear()
        for events in self.events.values():
            events.clear()
        return self

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
        return [self._step(packet) for packet in trace if packet.outcome in (outcomes or ("delivered",))]

    def _step(self, packet: Packet) -> Step:
        return self.names[packet.source], self.names[packet.destination], label(decode(packet.data))

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
            found = (stack.transactions.count, stack.timers.pending, stack.transports.connections)
            if any(found):
                left[name] = found
        for phone in (self.alice, self.bob):
            if phone.state != "idle" or phone._sessions:
                left[f"{phone.user} is"] = (phone.state, list(phone._sessions))
        return left
