"""``sipmini demo``: two proxies, two phones and a call between them, in this process, on loopback.

The services are those that twistd starts; only their ports (free ones) and their state
directory (a private one, removed afterwards) differ.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.task import deferLater, react

from sipmini.config import ListenSpec, PhoneSettings, ProxySettings
from sipmini.errors import SipminiError
from sipmini.journal import Decided, Entry, Journal, Received, Sent
from sipmini.ladder import ASCII, UNICODE, Arrow, Note, draw, steps
from sipmini.proxy_service import ProxyService
from sipmini.ua.events import PhoneEvent
from sipmini.ua_service import PhoneService
from sipmini.uri import parse_sip_uri

#: How long each step of the demo may take, in seconds; on a slow machine it takes a few milliseconds.
PATIENCE = 8.0
#: How long Bob lets it ring, in seconds.
RINGING = 0.5
#: The exit status of what a signal ended, as shells have it for Ctrl-C.
INTERRUPTED = 130

_LOOPBACK = ListenSpec(None, "127.0.0.1", 0)


class DemoFailed(Exception):
    """A step of the demo did not come about; the text says which."""


@define(eq=False)
class Trapezoid:
    """The four elements, and what they wrote down.

    :ivar entries: messages and decisions of all four, in the order in which they were written.
    """

    alice: PhoneService
    bob: PhoneService
    atlanta: ProxyService
    biloxi: ProxyService
    entries: list[Entry] = field(factory=list)

    @classmethod
    def on(cls, reactor: Any, state: Path, announce: Callable[[str], None]) -> Trapezoid:
        """Make the four, on free ports of the loopback address, with their state in *state*."""

        def proxy(domain: str) -> ProxyService:
            settings = ProxySettings((domain,), (_LOOPBACK,), state, dns=False, message_log=True)
            return ProxyService(reactor, settings, lambda _: None)

        def phone(user: str, name: str) -> PhoneService:
            settings = PhoneSettings(
                user=parse_sip_uri(f"sip:{user}"),
                display_name=name,
                proxy=None,
                listen=_LOOPBACK,
                state_dir=state,
                script=None,
                events="text",
                dns=False,
                register=True,
            )
            return PhoneService(reactor, settings, announce)

        made = cls(
            phone("alice@atlanta.com", "Alice"),
            phone("bob@biloxi.com", "Bob"),
            proxy("atlanta.com"),
            proxy("biloxi.com"),
        )
        for journal in made.journals:
            journal.observe(made.entries.append, Sent, Received, Decided)
        return made

    @property
    def elements(self) -> tuple[PhoneService, ProxyService, ProxyService, PhoneService]:
        """The four from left to right."""
        return (self.alice, self.atlanta, self.biloxi, self.bob)

    @property
    def journals(self) -> list[Journal]:
        """Their journals."""
        return [element.journal for element in self.elements]

    def places(self) -> Mapping[tuple[str, int], str]:
        """Which element listens where."""
        return {
            (each.host, each.port): element.journal.element
            for element in self.elements
            for each in element.stack.transports.listening
        }

    def call(self) -> list[Arrow | Note]:
        """The messages and decisions of the call, registrations left out."""
        ladder = steps(self.entries, self.places())
        invites = [step for step in ladder if isinstance(step, Arrow) and step.label == "INVITE"]
        return [step for step in ladder if invites and step.call_id == invites[0].call_id]

    async def play(self, reactor: Any, talk: float, say: Callable[[str], None]) -> None:
        """Register both phones, call, talk for *talk* seconds, hang up.

        :raises DemoFailed: something did not happen in time.
        """
        for element in (self.atlanta, self.biloxi):
            element.startService()
        bob, alice = self.bob.phone, self.alice.phone
        registered = [_event(reactor, each.phone, "registered") for each in (self.alice, self.bob)]
        for each in (self.alice, self.bob):
            each.startService()
        await _all(registered)
        say(f"{alice.user} and {bob.user} are registered, each with the proxy of its domain.")
        ringing = _event(reactor, bob, "ringing")
        alice.call(bob.user)
        await ringing
        say(f"{alice.user} calls {bob.user}, and it rings.")
        await deferLater(reactor, RINGING)
        answered = _event(reactor, alice, "answered")
        bob.answer()
        await answered
        say(f"Bob has answered; they talk for {talk:g} s.")
        await deferLater(reactor, talk)
        over = [_event(reactor, each.phone, "call-ended") for each in (self.alice, self.bob)]
        alice.hangup()
        await _all(over)
        # The 200 to the BYE is still on its way, and is yet to be handled when it is written down.
        await _message(reactor, self.alice.journal, b" BYE")
        await deferLater(reactor, 0)
        say("Alice has hung up.")

    def stop(self) -> Deferred[Any]:
        """Stop all four."""
        running = [element for element in self.elements if element.running]
        return DeferredList([element.stopService() for element in running], consumeErrors=True)


async def _all(waiting: Sequence[Deferred[Any]]) -> None:
    """Wait for all of them, and raise the first failure there is."""
    for succeeded, result in await DeferredList(waiting, consumeErrors=True):
        if not succeeded:
            result.raiseException()


def _event(reactor: Any, phone: Any, kind: str) -> Deferred[PhoneEvent]:
    """Fires with the next event of *kind*."""
    found: Deferred[PhoneEvent] = Deferred()

    def look(event: PhoneEvent) -> None:
        if event.kind == kind:
            phone.observers.remove(look)
            found.callback(event)

    phone.observers.append(look)
    return found.addTimeout(PATIENCE, reactor, _timed_out(f"{phone.user}: {kind}"))


def _message(reactor: Any, journal: Journal, containing: bytes) -> Deferred[Received]:
    """Fires with the next response that *journal* receives with these octets in it."""
    found: Deferred[Received] = Deferred()

    def look(entry: Received) -> None:
        if entry.data.startswith(b"SIP/2.0") and containing in entry.data:
            stop()
            found.callback(entry)

    stop = journal.observe(look, Received)
    what = f"{journal.element}: a response with{containing.decode()}"
    return found.addTimeout(PATIENCE, reactor, _timed_out(what))


def _timed_out(what: str) -> Callable[[Any, float], Any]:
    def fail(_: Any, seconds: float) -> Any:
        raise DemoFailed(f"{what} did not come within {seconds:g} s")

    return fail


async def _run(reactor: Any, options: Namespace, state: Path) -> int:
    def say(sentence: str) -> None:
        print(sentence, flush=True)

    trapezoid = Trapezoid.on(reactor, state, say)
    say("Two proxies (atlanta.com, biloxi.com) and two phones start on free ports of 127.0.0.1 ...")
    status = 0
    try:
        await trapezoid.play(reactor, options.talk, say)
    except (DemoFailed, SipminiError) as error:
        print(f"sipmini demo: {error}", file=sys.stderr)
        status = 1
    strokes = ASCII if options.ascii or not _speaks_unicode() else UNICODE
    columns = [element.journal.element for element in trapezoid.elements]
    say("")
    say(draw(trapezoid.call(), columns, strokes))
    await trapezoid.stop()
    return status


def _speaks_unicode() -> bool:
    return (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"


def run(options: Namespace) -> int:
    """Run the demo; the exit status is 0 if the call went well, 130 if a signal ended it."""
    status: int | None = None

    def main(reactor: Any, state: Path) -> Deferred[None]:
        async def play() -> None:
            nonlocal status
            status = await _run(reactor, options, state)

        return Deferred.fromCoroutine(play())

    def react_in(state: Path) -> int:
        ended: object = 0
        try:
            react(main, (state,))
        except SystemExit as end:
            ended = end.code
        if status is None:
            # The reactor stopped before the demo was over: by a signal, or a mistake of ours that it tells.
            return 1 if ended else INTERRUPTED
        return status

    if options.state_dir is not None:
        return react_in(Path(options.state_dir).absolute())
    with TemporaryDirectory(prefix="sipmini-demo-") as directory:
        return react_in(Path(directory))
