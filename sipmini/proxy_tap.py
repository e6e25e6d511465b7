"""``twistd sipmini-proxy``: options and the service, joined with the reactor."""

from __future__ import annotations

from twisted.application.service import MultiService
from twisted.internet import reactor

from sipmini.foreground import Foreground, say
from sipmini.options import ProxyOptions
from sipmini.proxy_service import ProxyService

__all__ = ["Options", "makeService"]

Options = ProxyOptions


def makeService(options: ProxyOptions) -> MultiService:
    """The proxy that *options* describe."""
    return Foreground("sipmini-proxy", ProxyService(reactor, options.settings, say))
