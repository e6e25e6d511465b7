"""``twistd sipmini-proxy``: options and the service, joined with the reactor."""

from __future__ import annotations

from twisted.application.service import MultiService
from twisted.internet import reactor

from sipmini.foreground import Foreground, say, say_and_log
from sipmini.options import ProxyOptions
from sipmini.proxy_service import ProxyService

__all__ = ["Options", "makeService"]

Options = ProxyOptions


def makeService(options: ProxyOptions) -> MultiService:
    """The proxy that *options* describe."""
    if options.background:
        say(options.farewell())
    announce = say if options.logs_to_terminal else say_and_log
    service = ProxyService(reactor, options.settings, announce)
    return Foreground("sipmini-proxy", service, options.background)
