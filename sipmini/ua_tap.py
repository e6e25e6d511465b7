"""``twistd sipmini-ua``: options, service and console, joined with the reactor."""

from __future__ import annotations

import os
import sys
from typing import Any

from twisted.application.service import MultiService, Service
from twisted.internet import reactor
from twisted.internet.defer import Deferred

from sipmini.config import PhoneSettings
from sipmini.foreground import Foreground, say
from sipmini.options import UaOptions
from sipmini.ua.console import ConsoleSettings, start_console
from sipmini.ua_service import PhoneService

__all__ = ["Options", "makeService"]

Options = UaOptions


class _ConsoleService(Service):
    """The console, for as long as the phone runs."""

    def __init__(self, phone: PhoneService, settings: PhoneSettings) -> None:
        self._phone = phone
        self._settings = settings
        self._console: Any = None

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

    def stopService(self) -> Deferred[Any]:
        """Give the terminal back."""
        super().stopService()  # type: ignore[no-untyped-call]
        closed: Deferred[Any] = self._console.close()
        return closed


def _leave(status: int) -> None:
    """End the program with an exit status, once everything is closed; twistd has no way to say one."""
    core: Any = reactor
    if status:
        core.addSystemEventTrigger("after", "shutdown", os._exit, status)
    core.stop()


def makeService(options: UaOptions) -> MultiService:
    """The phone and console that *options* describe."""
    phone = PhoneService(reactor, options.settings, say)
    service = Foreground("sipmini-ua", phone)
    _ConsoleService(phone, options.settings).setServiceParent(service)  # type: ignore[no-untyped-call]
    return service
