"""What is left out of twistd's log, and what is not."""

from __future__ import annotations

from typing import Any

from twisted.logger import ILogObserver, Logger, LogPublisher, PredicateResult
from twisted.python.log import LogPublisher as LegacyPublisher
from twisted.python.reflect import namedAny
from twisted.scripts.twistd import ServerOptions
from twisted.trial.unittest import SynchronousTestCase

from sipmini.quiet_log import quietly, worth_reading
from tests.folders import new_folder

NOISE = (
    "DatagramSocket starting on 8000",
    "sipmini.transport.stream.StreamListener starting on 8000",
    "DNSDatagramProtocol starting on 34567",
    "Starting protocol <twisted.names.dns.DNSDatagramProtocol object at 0x7f3c>",
    "Stopping protocol <twisted.names.dns.DNSDatagramProtocol object at 0x7f3c>",
    "(UDP Port 34567 Closed)",
    "(TCP Port 8000 Closed)",
)


class QuietLogTests(SynchronousTestCase):
    def kept(self, *lines: str) -> list[str]:
        """Which of these lines, written by Twisted's old logger, are worth reading."""
        events: list[dict[str, Any]] = []
        publisher = LogPublisher(events.append)
        legacy = LegacyPublisher(observerPublisher=publisher, publishPublisher=publisher)
        for line in lines:
            legacy.msg(line)
        self.assertEqual(len(events), len(lines))
        return [event["log_text"] for event in events if worth_reading(event) is PredicateResult.yes]

    def test_ports_and_questions(self) -> None:
        self.assertEqual(self.kept(*NOISE), [])

    def test_the_rest(self) -> None:
        """Anything else that the old logger says, and whatever a new one does."""
        lines = ("Warning: No permission to delete pid file", "the proxy was starting on Monday")
        self.assertEqual(self.kept(*lines), list(lines))
        events: list[dict[str, Any]] = []
        Logger(observer=events.append).info("{line}", line=NOISE[0])  # type: ignore[arg-type]
        self.assertIs(worth_reading(events[0]), PredicateResult.yes)

    def test_log_file(self) -> None:
        """twistd's own --logfile is written, without the noise, by what its --logger can import."""
        path = new_folder(self) / "proxy.log"
        twistd = ServerOptions()
        twistd.update(logfile=str(path), nodaemon=1)
        observer = namedAny(quietly(twistd))()
        self.assertTrue(ILogObserver.providedBy(observer))
        publisher = LogPublisher(observer)
        legacy = LegacyPublisher(observerPublisher=publisher, publishPublisher=publisher)
        for line in (NOISE[0], "Main loop terminated."):
            legacy.msg(line)
        (line,) = path.read_text().splitlines()
        self.assertTrue(line.endswith("Main loop terminated."), line)
