"""``twistd sipmini-ua``: options, service and console, joined with the reactor."""

from __future__ import annotations

import os
import sys
from typing import Any

from twisted.application.service import MultiService, Service
from twisted.internet import reactor
from twisted.internet.defer import Deferred, succeed

from sipmini.config import PhoneSettings
from sipmini.foreground import Foreground
from sipmini.options import UaOptions
from sipmini.ua.console import Console, ConsoleSettings, start_console
from sipmini.ua_service import PhoneService

__all__ = ["Options", "makeService"]

Options = UaOptions


class _ConsoleService(Service):
    """The console, for as long as the phone runs."""

    def __init__(self, settings: PhoneSettings) -> None:
        self._settings = settings
        self._phone = PhoneService(reactor, settings, self._announce)
        self._announced: list[str] = []
        self._console: Console | None = None

    @property
    def phone(self) -> PhoneService:
        """The phone, to be started before its console."""
        return self._phone

    def _announce(self, sentence: str) -> None:
        # Printed past the console it would garble what is being typed, and be no line of --events json.
        if self._console is None:
            self._announced.append(sentence)
        else:
            self._console.say(sentence)

    def startService(self) -> None:
        """Start the console on the standard streams."""
        super().startService()  # type: ignore[no-untyped-call]
        settings = self._settings
        console = ConsoleSettings(
            settings.script, settings.events == "json", settings.state_dir / "console-history"
        )
        self._console = start_console(
            reactor, self._phone.phone, console, sys.__stdin__, sys.__stdout__, _leave
        )
        for sentence in self._announced:
            self._console.say(sentence)

    def stopService(self) -> Deferred[Any]:
        """Give the terminal back."""
        super().stopService()  # type: ignore[no-untyped-call]
        return succeed(None) if self._console is None else self._console.close()


def _leave(status: int) -> None:
    """End the program with an exit status, once everything is closed; twistd has no way to say one."""
    core: Any = reactor
    if status:
        core.addSystemEventTrigger("after", "shutdown", os._exit, status)
    core.stop()


def makeService(options: UaOptions) -> MultiService:
    """The phone and console that *options* describe."""
    console = _ConsoleService(options.settings)
    service = Foreground("sipmini-ua", console.phone)
    console.setServiceParent(service)  # type: ignore[no-untyped-call]
    return service
