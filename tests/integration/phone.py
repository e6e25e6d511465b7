"""A phone of a few lines for the integration tests: requests over UDP, and their final responses.

Written without the package's own codec, so that a mistake there is not made on both sides.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import count

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import DatagramProtocol

LOOPBACK = "127.0.0.1"
T1 = 0.5  # seconds to the first retransmission, RFC 3261 §17.1.1.1
T2 = 4.0


class Answer:
    """A response as it came: its status, and the values of its header fields by lower-case name."""

    def __init__(self, datagram: bytes) -> None:
        head, _, self.body = datagram.partition(b"\r\n\r\n")
        line, *fields = head.decode("utf-8", "replace").split("\r\n")
        self.status = int(line.split(" ", 2)[1])
        self.phrase = line.split(" ", 2)[2]
        self.fields: dict[str, list[str]] = {}
        for one in fields:
            name, _, value = one.partition(":")
            self.fields.setdefault(name.strip().lower(), []).append(value.strip())

    @property
    def contacts(self) -> list[str]:
        """The URIs of every Contact, in order."""
        return re.findall(r"<([^>]*)>", ",".join(self.fields.get("contact", ())))


class SmallPhone(DatagramProtocol):
    """Send requests to one proxy; retransmit them as RFC 3261 §17.1.2 says until a final response comes."""

    def __init__(self, proxy_port: int) -> None:
        self.proxy = (LOOPBACK, proxy_port)
        self._numbers = count(1)
        self._open: dict[str, tuple[Deferred[Answer], IDelayedCall]] = {}
        self.asked: list[str] = []
        """Method and Request-URI of every request that came; each gets a 200."""
        self._marks: list[Deferred[None]] = []
        self._listening = reactor.listenUDP(0, self, interface=LOOPBACK)
        self.port: int = self._listening.getHost().port

    def request(
        self, method: str, uri: str, to: str, fields: Iterable[str] = (), within: float = 20.0
    ) -> Deferred[Answer]:
        """Send one request, without a body, and give its final response."""
        number = next(self._numbers)
        branch = f"z9hG4bK{self.port}-{number}"
        lines = [
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/UDP {LOOPBACK}:{self.port};branch={branch}",
            "Max-Forwards: 70",
            f"From: <{to}>;tag=t{number}",
            f"To: <{to}>",
            f"Call-ID: {number}-{self.port}@{LOOPBACK}",
            f"CSeq: {number} {method}",
            *fields,
            "Content-Length: 0",
        ]
        answer: Deferred[Answer] = Deferred()
        self._send(branch, "\r\n".join([*lines, "", ""]).encode(), answer, T1)
        answer.addTimeout(within, reactor)
        return answer

    def register(self, user: str, *contacts: str, expires: int = 3600) -> Deferred[Answer]:
        """REGISTER `user`@sipmini.test at these URIs; with none, ask what is there (RFC 3261 §10.2.3)."""
        fields = [f"Contact: <{contact}>" for contact in contacts]
        if contacts:
            fields.append(f"Expires: {expires}")
        return self.request("REGISTER", "sip:sipmini.test", f"sip:{user}@sipmini.test", fields)

    def read_what_is_there(self) -> Deferred[None]:
        """Fires when everything that had come to the socket by now has been read."""
        done: Deferred[None] = Deferred()
        # A datagram to ourselves comes after all that is there already.
        self._marks.append(done)
        self.transport.write(b"mark", (LOOPBACK, self.port))
        return done

    def close(self) -> Deferred[None]:
        """Stop everything; what is under way fails as cancelled."""
        under_way, self._open = self._open, {}
        for answer, alarm in under_way.values():
            alarm.cancel()
            answer.cancel()
        return self._listening.stopListening()

    def datagramReceived(self, datagram: bytes, address: tuple[str, int]) -> None:
        if datagram == b"mark":
            self._marks.pop(0).callback(None)
            return
        if not datagram.startswith(b"SIP/2.0 "):
            self._answer(datagram, address)
            return
        branch = re.search(rb"branch=(z9hG4bK[0-9-]+)", datagram)
        answer = Answer(datagram)
        if branch is None or answer.status < 200:
            return
        waiting, alarm = self._open.pop(branch[1].decode(), (None, None))
        if waiting is not None:
            alarm.cancel()
            waiting.callback(answer)

    def _answer(self, datagram: bytes, address: tuple[str, int]) -> None:
        lines = datagram.partition(b"\r\n\r\n")[0].decode("utf-8", "replace").split("\r\n")
        self.asked.append(lines[0].removesuffix(" SIP/2.0"))
        kept = ("via:", "from:", "to:", "call-id:", "cseq:")
        same = [
            line + ";tag=me" * line.lower().startswith("to:")
            for line in lines
            if line.lower().startswith(kept)
        ]
        self.transport.write(
            "\r\n".join(["SIP/2.0 200 OK", *same, "Content-Length: 0", "", ""]).encode(), address
        )

    def _send(self, branch: str, datagram: bytes, answer: Deferred[Answer], again: float) -> None:
        if answer.called:  # the time is up
            del self._open[branch]
            return
        self.transport.write(datagram, self.proxy)
        alarm = reactor.callLater(again, self._send, branch, datagram, answer, min(2 * again, T2))
        self._open[branch] = (answer, alarm)
