"""Hosts in the shape of a reactor."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IReactorFromThreads, IReactorTCP, IReactorTime, IReactorUDP
from twisted.internet.task import LoopingCall
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from sipmini.testing import SimulatedNetwork, host
from tests.testing.test_network import Recorder


class HostTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.network = SimulatedNetwork()
        self.host = self.network.host("192.0.2.1", "2001:db8::1")
        self.seen: list[object] = []

    def test_interfaces(self) -> None:
        for interface in (IReactorTime, IReactorUDP, IReactorTCP, IReactorFromThreads):
            verifyObject(interface, self.host)
        self.assertEqual(repr(self.host), "<Host 192.0.2.1 2001:db8::1>")
        self.assertTrue(self.host.running)

    def test_delayed_calls_are_the_hosts_own(self) -> None:
        other = self.network.host("192.0.2.2")
        mine = self.host.callLater(1, self.seen.append, "mine")
        other.callLater(1, self.seen.append, "theirs")
        self.host.listenUDP(0, Recorder()).write(b"x", ("192.0.2.2", 1))
        self.assertEqual(self.host.getDelayedCalls(), [mine])
        self.network.advance(1)
        self.assertEqual((self.seen, self.host.seconds()), (["mine", "theirs"], 1.0))

    def test_twisted_helpers_run_on_it(self) -> None:
        loop = LoopingCall(lambda: self.seen.append(self.host.seconds()))
        loop.clock = self.host
        loop.start(10)
        self.network.advance(30)
        loop.stop()
        self.assertEqual(self.seen, [0.0, 10.0, 20.0, 30.0])

    def test_call_when_running_and_from_threads(self) -> None:
        self.host.callWhenRunning(self.seen.append, "at once")
        self.host.callFromThread(self.seen.append, "later")
        self.assertEqual(self.seen, ["at once"])
        self.network.advance(0)
        self.assertEqual(self.seen, ["at once", "later"])

    def test_system_events(self) -> None:
        gate: Deferred[None] = Deferred()
        add = self.host.addSystemEventTrigger
        add("after", "shutdown", self.seen.append, "after")
        add("before", "shutdown", lambda: self.seen.append("before") or gate)
        add("during", "shutdown", lambda: 1 / 0)
        add("during", "shutdown", self.seen.append, "during")
        self.host.removeSystemEventTrigger(add("during", "shutdown", self.seen.append, "removed"))
        self.assertRaises(KeyError, add, "between", "shutdown", self.seen.append)
        fired = self.host.fireSystemEvent("shutdown")
        self.assertEqual(self.seen, ["before"])
        gate.callback(None)
        self.successResultOf(fired)
        self.assertEqual(self.seen, ["before", "during", "after"])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_ephemeral_ports_go_round_and_run_out(self) -> None:
        self.patch(host, "LAST_EPHEMERAL", host.FIRST_EPHEMERAL + 1)
        first, second = (self.host.listenUDP(0, Recorder()) for _ in range(2))
        with self.assertRaises(CannotListenError):
            self.host.listenUDP(0, Recorder())
        first.stopListening()
        self.network.advance(0)
        self.assertEqual(self.host.listenUDP(0, Recorder()).getHost().port, host.FIRST_EPHEMERAL)
        self.assertEqual(second.getHost().port, host.FIRST_EPHEMERAL + 1)
