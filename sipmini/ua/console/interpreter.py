# test-case-name: tests.ua.console.test_interpreter
"""Carries out one command at a time, shows what it answers and what happens to the phone.

Time comes from the clock it is given, waits are driven by the phone's events. What a failure means for the
rest is not decided here but in :mod:`sipmini.ua.console.runner`.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import CancelledError
from twisted.logger import Logger

from sipmini.errors import SipminiError
from sipmini.ua.console.actions import ACTIONS, Context
from sipmini.ua.console.attention import Attention, TimeIsUp
from sipmini.ua.console.commands import Command, patience, seconds
from sipmini.ua.console.contract import Clock, Phone
from sipmini.ua.console.leaving import Unfinished
from sipmini.ua.console.screen import Screen
from sipmini.ua.console.waiting import Condition, Gone, Registered, Responses, ResponseSeen, StateReached
from sipmini.ua.console.wording import span
from sipmini.ua.events import PhoneEvent

__all__ = ["CommandFailed", "Interpreter", "WaitFailed"]

_log = Logger()


class CommandFailed(SipminiError):
    """A command could not be carried out.  The text is one sentence for the user."""


class WaitFailed(CommandFailed):
    """A ``wait`` or an ``expect`` was not fulfilled.  The text says what was expected and what was seen."""


class Interpreter:
    """The commands, on one phone and one screen.

    :param phone: the phone; its events are shown and waited for until :meth:`close`.
    :param screen: where answers and events are shown.
    :param clock: the reactor, or a ``Clock``.
    :param wall: the time of day, in Unix seconds.
    """

    def __init__(self, phone: Phone, screen: Screen, clock: Clock, wall: Callable[[], float]) -> None:
        self.phone = phone
        self.screen = screen
        self.unfinished = Unfinished()
        self._clock = clock
        self._wall = wall
        self._responses = Responses()
        self._refusal = ""
        self._held: list[PhoneEvent] | None = None
        phone.observers.append(self._notice)
        self.attention = Attention(phone, clock)

    def close(self) -> None:
        """Stop watching the phone, and end what is being waited for."""
        if self._notice in self.phone.observers:
            self.phone.observers.remove(self._notice)
        self.attention.close()

    def stop(self) -> None:
        """End the ``wait``, ``expect`` or ``sleep`` that is going on; it fails."""
        self.attention.stop()

    async def run(self, command: Command) -> None:
        """Carry out a command (any but ``exit``), and return when it is done.

        :raises CommandFailed: when it cannot be; nothing is shown then.
        :raises WaitFailed: when a ``wait`` or an ``expect`` is not fulfilled.
        """
        name = command.verb.name
        if name == "wait":
            await self._wait(command)
        elif name == "expect":
            await self._expect(command)
        elif name == "sleep":
            await self._pause(seconds(command.words[0]))
        else:
            self._act(command)

    def _act(self, command: Command) -> None:
        """Do what is done at once.  The events that it causes are shown after its answer."""
        name = command.verb.name
        before = self.phone.state
        if command.verb.sends:
            self._responses.forget()
            self.attention.fresh()
        self._held = []
        try:
            reply = ACTIONS[name](Context(self.phone, self._clock.seconds(), self._wall()), command)
            self.unfinished.begin(name, before)
            self.screen.reply(name, reply)
        except SipminiError as problem:
            raise CommandFailed(str(problem)) from problem
        except Exception as bug:
            _log.failure("The command {line!r} failed.", line=command.line)
            raise CommandFailed(f"{name} failed by a fault of sipmini; its log has the details") from bug
        finally:
            held, self._held = self._held, None
            for event in held:
                self.screen.event(event)

    def _notice(self, event: PhoneEvent) -> None:
        self._responses.note(event)
        self.unfinished.note(event)
        if event.kind in ("registered", "unregistered", "registration-failed"):
            self._refusal = event.text.rstrip(".") if event.kind == "registration-failed" else ""
        if self._held is None:
            self.screen.event(event)
        else:
            self._held.append(event)

    async def _wait(self, command: Command) -> None:
        goal = command.words[0]
        if goal == "registered":
            until = self.phone.registered_until
            if until is None or until <= self._wall():
                await self._until(Registered(), command, self._why_not_registered)
        elif self.phone.state != goal:
            await self._until(StateReached(goal), command, self._responses.last)

    def _why_not_registered(self) -> str:
        """For the sentence of a ``wait registered`` that failed."""
        return self._refusal[:1].lower() + self._refusal[1:] or self._responses.last()

    async def _expect(self, command: Command) -> None:
        status = int(command.words[0])
        if not self._responses.has(status):
            await self._until(ResponseSeen(status), command, self._responses.all)

    async def _until(self, condition: Condition, command: Command, seen: Callable[[], str]) -> None:
        begun = self._clock.seconds()
        try:
            await self.attention.until(condition.feed, patience(command.words))
        except CancelledError:
            raise WaitFailed(f"{command.line}: interrupted") from None
        except TimeIsUp:
            problem = condition.missing(self.phone.state, span(self._clock.seconds() - begun))
        except Gone as gone:
            waited = self._clock.seconds() - begun
            problem = f"{gone} after {span(waited)}" if waited >= 0.1 else f"{gone}"
        else:
            return
        raise WaitFailed(f"{command.line}: {problem}; {seen()}")

    async def _pause(self, length: float) -> None:
        try:
            await self.attention.until(lambda event: False, length)
        except TimeIsUp:
            return
        except CancelledError:
            raise CommandFailed("sleep: interrupted") from None
