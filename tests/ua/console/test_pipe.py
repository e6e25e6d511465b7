"""The console on a pipe: lines in and out, neither without bound."""

from __future__ import annotations

from twisted.internet.interfaces import IHalfCloseableProtocol, IPushProducer
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from sipmini.ua.console.commands import LONGEST_LINE
from sipmini.ua.console.pipe import MOST_COMMANDS, MOST_LINES, Outlet, Pipe
from tests.ua.console.fake import Desk


class FakeTransport:
    """Standard input and output in memory."""

    def __init__(self) -> None:
        self.written = b""
        self.calls: list[str] = []
        self.producer: Outlet | None = None

    def write(self, data: bytes) -> None:
        self.written += data

    def loseConnection(self) -> None:
        self.calls.append("lose")

    def registerProducer(self, producer: Outlet, streaming: bool) -> None:
        assert streaming
        self.producer = producer

    def unregisterProducer(self) -> None:
        self.producer = None

    def pauseProducing(self) -> None:
        self.calls.append("pause")

    def resumeProducing(self) -> None:
        self.calls.append("resume")


class OutletTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.outlet = Outlet()
        self.transport = FakeTransport()

    def test_lines_wait_for_a_transport_and_go_out_in_order(self) -> None:
        self.assertTrue(verifyObject(IPushProducer, self.outlet))
        self.outlet.write("one")
        self.outlet.connect(self.transport)
        self.outlet.write("zwei é \udcff")
        self.assertEqual(self.transport.written, "one\nzwei é \\udcff\n".encode())

    def test_lines_wait_for_a_reader_that_is_behind(self) -> None:
        self.outlet.connect(self.transport)
        self.outlet.pauseProducing()
        self.outlet.write("one")
        self.assertEqual(self.transport.written, b"")
        self.outlet.resumeProducing()
        self.assertEqual(self.transport.written, b"one\n")

    def test_a_reader_that_never_reads_loses_the_oldest_and_is_told(self) -> None:
        self.outlet.on_loss = lambda lost: self.outlet.write(f"{lost} lost")
        self.outlet.connect(self.transport)
        self.outlet.pauseProducing()
        for number in range(MOST_LINES + 3):
            self.outlet.write(str(number))
        self.outlet.resumeProducing()
        lines = self.transport.written.split()
        self.assertEqual((lines[0], lines[-3:]), (b"3", [b"10002", b"3", b"lost"]))

    def test_finish_sends_what_waits(self) -> None:
        self.outlet.connect(self.transport)
        self.outlet.pauseProducing()
        self.outlet.write("one")
        self.outlet.finish()
        self.assertEqual(
            (self.transport.written, self.transport.calls, self.transport.producer),
            (b"one\n", ["lose"], None),
        )

    def test_nobody_reads_any_more(self) -> None:
        self.outlet.connect(self.transport)
        self.outlet.stopProducing()
        self.outlet.write("one")
        self.outlet.finish()
        self.assertEqual((self.transport.written, self.transport.calls), (b"", []))


class PipeTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.desk = Desk(echo=False)
        self.transport = FakeTransport()
        self.pipe = Pipe(Outlet(), self.desk.runner)
        self.pipe.makeConnection(self.transport)  # type: ignore[arg-type]
        self.desk.runner.start()

    def test_is_told_of_each_end(self) -> None:
        self.assertTrue(verifyObject(IHalfCloseableProtocol, self.pipe))

    def test_lines_whole_byte_by_byte_and_with_more_behind(self) -> None:
        data = b"user?\r\nuser? x\n\nstate\n"
        expected = [
            "alice@atlanta.com",
            "user? only shows; to change it: user [ADDRESS]",
            "idle, not registered",
        ]
        self.pipe.dataReceived(data)
        self.assertEqual(self.desk.new(), expected)
        for byte in data:
            self.pipe.dataReceived(bytes([byte]))
        self.assertEqual(self.desk.new(), expected)
        self.pipe.dataReceived(data + b"dest")
        self.assertEqual(self.desk.new(), expected)
        self.pipe.dataReceived(b" user\n")
        self.assertEqual(self.desk.new(), ["Nobody was called yet."])

    def test_the_end_of_the_input_is_the_end(self) -> None:
        self.pipe.dataReceived(b"state\nuser?")
        self.pipe.readConnectionLost()
        self.assertEqual(self.desk.shown, ["idle, not registered", "alice@atlanta.com"])
        self.assertEqual(self.desk.exits, [0])

    def test_the_end_waits_for_the_lines_before_it(self) -> None:
        self.pipe.dataReceived(b"sleep 5\nstate")
        self.pipe.readConnectionLost()
        self.assertEqual((self.desk.shown, self.desk.exits), ([], []))
        self.desk.clock.advance(5)
        self.assertEqual((self.desk.shown, self.desk.exits), (["idle, not registered"], [0]))

    def test_octets_that_are_no_text(self) -> None:
        self.pipe.dataReceived(b"\xff\n")
        self.assertEqual(self.desk.shown, ["There is no command '\ufffd'; help lists them all"])

    def test_a_line_without_end_is_answered_once_and_skipped(self) -> None:
        refusal = [f"The line has more than {LONGEST_LINE} characters and was not read."]
        for _ in range(10):
            self.pipe.dataReceived(b"x" * 10_000)
        self.assertEqual(self.desk.new(), refusal)
        self.pipe.dataReceived(b"\nstate\n")
        self.assertEqual(self.desk.new(), ["idle, not registered"])
        self.pipe.dataReceived(b"x" * 100_000 + b"\nstate\n")
        self.assertEqual(self.desk.new(), [*refusal, "idle, not registered"])
        self.pipe.dataReceived(b"x" * 100_000)
        self.pipe.readConnectionLost()
        self.assertEqual((self.desk.new(), self.desk.exits), (refusal, [0]))

    def test_too_many_commands_wait_in_the_pipe(self) -> None:
        self.pipe.dataReceived(b"sleep 5\n" + b"user?\n" * 1000)
        self.assertEqual((self.desk.runner.backlog, self.transport.calls), (MOST_COMMANDS, ["pause"]))
        self.desk.clock.advance(5)
        self.assertEqual(self.desk.new(), ["alice@atlanta.com"] * 1000)
        self.assertEqual(self.transport.calls, ["pause", "resume"])

    def test_lines_have_numbers(self) -> None:
        self.pipe.dataReceived(b"\nuser?\nexpect 200 0\n")
        self.desk.clock.advance(0)
        self.assertEqual(
            self.desk.shown[-1],
            "standard input, line 3: expect 200 0: no such response after 0 s; no response seen",
        )

    def test_close_fires_when_all_is_written(self) -> None:
        closing = self.pipe.close()
        self.assertNoResult(closing)
        self.pipe.connectionLost()
        self.successResultOf(closing)

    def test_close_when_nobody_reads_any_more(self) -> None:
        self.pipe.writeConnectionLost()
        self.pipe.dataReceived(b"state\n")
        self.assertEqual(self.desk.new(), ["idle, not registered"])
        self.successResultOf(self.pipe.close())
        self.pipe.connectionLost()

    def test_a_console_that_only_speaks(self) -> None:
        outlet, transport = Outlet(), FakeTransport()
        pipe = Pipe(outlet)
        pipe.makeConnection(transport)  # type: ignore[arg-type]
        pipe.dataReceived(b"state\n")
        pipe.readConnectionLost()
        outlet.write("ringing: Bob is calling.")
        self.assertEqual(transport.written, b"ringing: Bob is calling.\n")
