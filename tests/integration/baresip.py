"""A baresip for the integration tests: a softphone that others wrote, steered over its control connection."""

from __future__ import annotations

import json
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.protocols.basic import NetstringReceiver

from tests.integration.programs import LOOPBACK, WITHIN, IntegrationTestCase, Program, free_port, need

SETTINGS = """\
module_path {modules}
sip_listen {loopback}:0
net_interface {loopback}
ctrl_tcp_listen {loopback}:{control}
audio_source ausine,440
audio_player aubridge,nobody
audio_alert aubridge,bell
ausrc_srate 48000
auplay_srate 48000
ausrc_channels 2
auplay_channels 2
module g711.so
module ausine.so
module aubridge.so
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
"""

ACCOUNT = (
    "<sip:{user}@sipmini.test;transport={transport}>;auth_pass=none;regint=60;answermode=manual;"
    'audio_codecs=pcmu,pcma;outbound="sip:{loopback}:{port};transport={transport}"\n'
)


class Control(NetstringReceiver):
    """Its control connection: commands go out, responses and events come in, each a JSON object."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.events: list[dict[str, object]] = []
        self._wishes: list[tuple[str, Deferred[dict[str, object]]]] = []
        self._responses: list[Deferred[dict[str, object]]] = []

    def command(self, name: str, parameter: str = "") -> Deferred[dict[str, object]]:
        """Do something: "dial" a URI, "accept", "hangup"."""
        answer: Deferred[dict[str, object]] = Deferred()
        self._responses.append(answer)
        self.sendString(json.dumps({"command": name, "params": parameter}).encode())
        return answer.addTimeout(WITHIN, reactor)

    def event(self, kind: str) -> Deferred[dict[str, object]]:
        """The first event of that type, such as "CALL_INCOMING" or "CALL_ESTABLISHED", past or to come."""
        answer: Deferred[dict[str, object]] = Deferred()
        wish = (kind, answer)
        self._wishes.append(wish)
        self._look()

        def too_late(result: object, seconds: float) -> object:
            self._wishes.remove(wish)
            seen = [event["type"] for event in self.events]
            raise self.program.complaint(f"told of no {kind} within {seconds:g} s, only of {seen}")

        return answer.addTimeout(WITHIN, reactor, too_late)

    def stringReceived(self, string: bytes) -> None:
        told = json.loads(string)
        if told.get("event"):
            self.events.append(told)
            self._look()
        elif told.get("response"):
            self._responses.pop(0).callback(told)

    def _look(self) -> None:
        for wish in list(self._wishes):
            kind, answer = wish
            found = next((event for event in self.events if event["type"] == kind), None)
            if found is not None:
                self._wishes.remove(wish)
                answer.callback(found)


async def baresip(case: IntegrationTestCase, user: str, proxy_port: int, transport: str = "udp") -> Control:
    """A baresip for `user`@sipmini.test, registered and its control connection open."""
    program = need("baresip")
    home = case.room / f"baresip-{user}"
    home.mkdir()
    control = free_port()
    places = {"loopback": LOOPBACK, "port": proxy_port, "control": control, "transport": transport}
    (home / "config").write_text(SETTINGS.format(modules=modules(), **places))
    (home / "accounts").write_text(ACCOUNT.format(user=user, **places))
    (home / "contacts").write_text("")
    running = case.start(program, "-f", str(home), "-s")
    await running.said("baresip is ready")
    await running.said(rf"^{user}@sipmini\.test: .* 200 .*\[1 binding\]")
    endpoint = TCP4ClientEndpoint(reactor, LOOPBACK, control)
    connected = await connectProtocol(endpoint, Control(running))
    case.addCleanup(connected.transport.abortConnection)
    return connected


def modules() -> str:
    """Where the package keeps baresip's modules."""
    found = sorted(Path("/usr").glob("lib*/**/baresip/modules"))
    if not found:
        raise AssertionError("baresip's modules folder is neither in /usr/lib nor in /usr/local/lib")
    return str(found[0])
