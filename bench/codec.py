#!/usr/bin/env python3
"""What reading and writing a message costs: sipmini beside twisted.protocols.sip and sippy 2.5.

Each subject does to the same INVITE of 900 bytes what its own proxy does to it: decode it, put a Via with a
fresh branch on top, lower Max-Forwards by one, encode it.  Where a library's proxy has its own way to make
the Via (sippy's StatefulProxy: SipVia() and genBranch()), that way is taken.  The messages differ in
Call-ID, tag, branch and CSeq, as those of different calls do, so that nobody profits from having seen one
before.  The subjects take turns within one run, so that what else the machine does falls on all alike; what
counts is the median of the ratios of processor time within a turn.  Two more lines, for honesty: sipmini with
``check``, which reads all that a proxy must be able to read (the others check less, or nothing), and sippy
with a Via handed to it as finished text.  All of it is pure Python.

    python bench/codec.py [--turns 60] [--messages 100]

Needs sippy (pip install sippy); without it the output says so.
"""

from __future__ import annotations

import argparse
import itertools
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from twisted.protocols import sip as twisted_sip

from sipmini.codec import check, decode, encode
from sipmini.fields import MAGIC_COOKIE, Via
from sipmini.message import Request

#: At most these shares of the other's time (the project's goals).
GOALS = {"twisted.protocols.sip": 0.3, "sippy": 0.2}

Work = Callable[[bytes], bytes]

_serial = itertools.count()


def fresh_branch() -> str:
    """A branch that no other message bears."""
    return f"{MAGIC_COOKIE}7f3a2c{next(_serial):x}"


def invite(number: int) -> bytes:
    """The INVITE of call *number*: 900 bytes, body included."""
    call = f"{number:06d}"
    body = (
        "v=0\r\n"
        f"o=alice 28908{call} 28908{call} IN IP4 192.0.2.101\r\n"
        "s=-\r\n"
        "c=IN IP4 192.0.2.101\r\n"
        "t=0 0\r\n"
        "m=audio 49172 RTP/AVP 0 8 101\r\n"
        "a=rtpmap:0 PCMU/8000\r\n"
        "a=rtpmap:8 PCMA/8000\r\n"
        "a=rtpmap:101 telephone-event/8000\r\n"
    )
    head = (
        "INVITE sip:bob@biloxi.example.com SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP client.atlanta.example.com:5060;branch=z9hG4bK74b{call}f9;rport\r\n"
        "Max-Forwards: 70\r\n"
        f'From: "Alice" <sip:alice@atlanta.example.com>;tag=9fxced76sl{call}\r\n'
        "To: Bob <sip:bob@biloxi.example.com>\r\n"
        f"Call-ID: 3848276298220188511-{call}@atlanta.example.com\r\n"
        f"CSeq: {number + 1} INVITE\r\n"
        "Contact: <sip:alice@client.atlanta.example.com:5060;transport=udp>\r\n"
        "Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, NOTIFY, INFO\r\n"
        "Supported: replaces, timer\r\n"
        "User-Agent: {agent}\r\n"
        "Content-Type: application/sdp\r\n"
        f"Content-Length: {len(body)}\r\n"
        "\r\n"
    )
    agent = "Example Phone 1.0 " + "x" * (900 - len(head) - len(body) + len("{agent}") - 18)
    return (head.replace("{agent}", agent) + body).encode()


def with_sipmini(data: bytes) -> bytes:
    """Read, put a Via on top, lower Max-Forwards, write."""
    return _forward(decode(data))


def with_sipmini_checked(data: bytes) -> bytes:
    """The same, and check what every proxy must check."""
    message = decode(data)
    if check(message) is not None:
        raise ValueError("the INVITE is good")
    return _forward(message)


def _forward(message: object) -> bytes:
    assert isinstance(message, Request)
    hops = message.max_forwards
    assert hops is not None
    via = Via("UDP", "192.0.2.1", 8000, {"branch": fresh_branch()})
    headers = message.headers.prepended("Via", str(via)).replaced("Max-Forwards", str(hops - 1))
    return encode(message.with_headers(headers))


def with_twisted(data: bytes) -> bytes:
    """The same with twisted.protocols.sip."""
    found: list[twisted_sip.Request] = []
    parser = twisted_sip.MessagesParser(found.append)
    parser.dataReceived(data)
    parser.dataDone()
    request = found[0]
    via = twisted_sip.Via("192.0.2.1", 8000, "UDP", branch=fresh_branch())
    request.headers["via"].insert(0, via.toString())
    request.headers["max-forwards"] = [str(int(request.headers["max-forwards"][0]) - 1)]
    return str(request.toString()).encode()


def sippy_subjects() -> dict[str, Work]:
    """The same with sippy, if it is installed: in the way of its own proxy, and with a Via made elsewhere."""
    try:
        from sippy.SipHeader import SipHeader
        from sippy.SipRequest import SipRequest
        from sippy.SipVia import SipVia
    except ImportError:
        return {}

    def with_own_via(data: bytes) -> bytes:
        request = SipRequest(data.decode())
        request.getHFBody("max-forwards").incNum(incr=-1)
        via = SipVia()
        via.genBranch()
        request.insertHeaderBefore(request.getHF("via"), SipHeader(name="via", body=via))
        return str(request).encode()

    def with_finished_via(data: bytes) -> bytes:
        request = SipRequest(data.decode())
        request.getHFBody("max-forwards").incNum(incr=-1)
        via = SipVia(body=f"SIP/2.0/UDP 192.0.2.1:8000;branch={fresh_branch()}")
        request.insertHeaderBefore(request.getHF("via"), SipHeader(name="via", body=via))
        return str(request).encode()

    return {"sippy": with_own_via, "sippy, finished Via": with_finished_via}


def assert_same_work(subjects: dict[str, Work]) -> None:
    """Each subject did what was asked: a Via on top, one hop less, the rest still there."""
    data = invite(1)
    if len(data) != 900:
        raise SystemExit(f"the INVITE has {len(data)} bytes, not 900; correct invite() in bench/codec.py")
    before = decode(data)
    for name, work in subjects.items():
        after = decode(work(data))
        same = [after.first(field) == before.first(field) for field in ("From", "To", "Call-ID", "CSeq")]
        branches = [via.branch for via in after.vias]
        hops = after.first("Max-Forwards")
        if not all(same) or not branches[0] or branches[1:] != [before.via.branch] or hops != "69":
            raise SystemExit(f"{name} did not do the work: {work(data)!r}")


def measure(subjects: dict[str, Work], turns: int, messages: int) -> dict[str, list[float]]:
    """Microseconds of processor time a message, one figure a turn for each subject."""
    batches = [[invite(turn * messages + number) for number in range(messages)] for turn in range(turns + 1)]
    times: dict[str, list[float]] = {name: [] for name in subjects}
    for turn, batch in enumerate(batches):
        for name, work in subjects.items():
            start = time.process_time()
            for data in batch:
                work(data)
            if turn:  # the first turn warms up
                times[name].append((time.process_time() - start) / messages * 1e6)
    return times


def main() -> int:
    """Measure and print; 1 if a goal is missed."""
    parser = argparse.ArgumentParser(description="Processor time of sipmini's codec beside others'.")
    parser.add_argument("--turns", type=int, default=60)
    parser.add_argument("--messages", type=int, default=100, help="messages a subject handles in a turn")
    options = parser.parse_args()
    subjects: dict[str, Work] = {
        "sipmini": with_sipmini,
        "sipmini, checked": with_sipmini_checked,
        "twisted.protocols.sip": with_twisted,
    }
    subjects.update(sippy_subjects())
    assert_same_work(subjects)
    times = measure(subjects, options.turns, options.messages)
    medians = {name: statistics.median(figures) for name, figures in times.items()}
    python = f"{platform.python_implementation()} {platform.python_version()}"
    print(f"{python}, {options.turns} turns of {options.messages} messages each")
    for name, figures in times.items():
        low, *_, high = statistics.quantiles(figures, n=10)
        print(f"  {name:22} {medians[name]:7.1f} µs a message   (10 % to 90 %: {low:.1f} to {high:.1f})")
    missed = False
    for name, goal in GOALS.items():
        if name not in medians:
            print(f"  {name} is not installed: pip install {name}")
            continue
        ratios = [ours / theirs for ours, theirs in zip(times["sipmini"], times[name], strict=True)]
        ratio = statistics.median(ratios)
        low, *_, high = statistics.quantiles(ratios, n=10)
        missed = missed or ratio > goal
        print(f"  sipmini / {name:22} {ratio:.3f}   (10 % to 90 %: {low:.3f} to {high:.3f}; at most {goal})")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
