#!/usr/bin/env python3
"""What a call costs: sipmini-proxy beside Kamailio and beside the floor, in processor time.

Each call is INVITE, 100, 180, 200, ACK, BYE, 200 between two SIPps on loopback; the callee is registered and
the proxy records its route. The three take turns, one run each, so that what else the machine does falls on
all of them alike, and what counts is the ratio within a turn. Processor time is the operating system's
(/proc/PID/stat, user and system, every thread and process of the subject) from the first call to the last.
Lost calls and retransmissions stand beside it: a cheap call that fails is no bargain.

    python bench/proxy/compare.py [--rates 300,1000] [--seconds 8] [--runs 5]

Needs SIPp (Debian: sip-tester) and Kamailio.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
LOOPBACK = "127.0.0.1"
TICKS = os.sysconf("SC_CLK_TCK")
START_WITHIN = 15.0  # seconds for a subject to answer its first REGISTER
WARM_UP_CALLS = 200  # enough for caches, pools and lazy imports


@dataclass(frozen=True)
class Run:
    """One subject's turn at one rate."""

    calls: int
    failed: int
    retransmissions: int
    cpu: float  # seconds
    resident: int  # KiB, all processes, after the run

    @property
    def cost(self) -> float:
        """Microseconds of processor time a call."""
        return self.cpu / self.calls * 1e6


class Subject:
    """One forwarder: its processes, its port and its callee's port."""

    def __init__(self, name: str, room: Path, message_log: bool) -> None:
        self.name = name
        self.room = room / name
        self.room.mkdir()
        self.port, self.callee_port, self.caller_port = free_ports(3)
        self.output = (self.room / "output").open("wb")
        self.process = subprocess.Popen(
            self.command(message_log),
            cwd=self.room,
            stdin=subprocess.DEVNULL,
            stdout=self.output,
            stderr=self.output,
            # This checkout first on Python's path.
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )

    def command(self, message_log: bool) -> list[str]:
        if self.name == "floor":
            return [sys.executable, str(HERE / "floor.py"), str(self.port), str(self.callee_port)]
        if self.name == "kamailio":
            program = shutil.which("kamailio", path=f"{os.environ['PATH']}:/usr/sbin") or "kamailio"
            memory = ["-x", "fm", "-m", "256", "-M", "32"]
            files = ["-w", str(self.room), "-Y", str(self.room), "-P", str(self.room / "pid")]
            where = ["-l", f"udp:{LOOPBACK}:{self.port}", "-f", str(HERE / "kamailio.cfg")]
            return [program, "-DD", "-E", *memory, *files, *where]
        twistd = "import sys; sys.argv[0] = 'twistd'; from twisted.scripts.twistd import run; run()"
        where = ["--domain", "bench.test", "--listen", f"udp:{LOOPBACK}:{self.port}"]
        state = ["--state-dir", str(self.room / "state"), "--no-dns"]
        log = [] if message_log else ["--no-message-log"]
        return [sys.executable, "-c", twistd, "-n", "sipmini-proxy", *where, *state, *log]

    def wait_until_ready(self) -> None:
        """Register the callee, and go on trying until that works; the floor has nothing to register with."""
        deadline = time.monotonic() + START_WITHIN
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            if self.name == "floor":
                if b"ready" in (self.room / "output").read_bytes():
                    return
                time.sleep(0.05)
            elif register(self.port, self.callee_port):
                return
        raise SystemExit(f"{self.name} did not start:\n{(self.room / 'output').read_text(errors='replace')}")

    def processes(self) -> list[int]:
        """Its process and all that descend from it."""
        parents = {}
        for entry in os.scandir("/proc"):
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    parents[int(entry.name)] = int(stat_fields(int(entry.name))[1])
        family = [self.process.pid]
        for member in family:
            family.extend(child for child, parent in parents.items() if parent == member)
        return family

    def cpu(self) -> float:
        """Seconds of processor time used until now, by every thread of every process."""
        ticks = 0
        for process in self.processes():
            fields = stat_fields(process)
            ticks += int(fields[11]) + int(fields[12])
        return ticks / TICKS

    def memory(self) -> int:
        """KiB resident now."""
        pages = sum(int(stat_fields(process)[21]) for process in self.processes())
        return pages * os.sysconf("SC_PAGE_SIZE") // 1024

    def stop(self) -> None:
        """End it by its own process id."""
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)
        self.output.close()

    def calls(self, count: int, rate: int) -> Run:
        """Place `count` calls through it and say what they cost."""
        limit = count / rate + 40  # a lost call is given up on after 32 s
        room = Path(tempfile.mkdtemp(dir=self.room))
        callee = sipp("callee", room, self.callee_port, limit + 5)
        try:
            wait_for_port(self.callee_port)
            before = self.cpu()
            target = [f"{LOOPBACK}:{self.port}", "-m", str(count), "-r", str(rate), "-l", str(count)]
            caller = sipp("caller", room, self.caller_port, limit, *target)
            try:
                caller.wait(limit + 10)
            finally:
                end(caller)
            spent, memory = self.cpu() - before, self.memory()
        finally:
            end(callee)
        good = int(last_row(room / "caller.csv")["SuccessfulCall(C)"])
        again = retransmissions(room, "caller") + retransmissions(room, "callee")
        return Run(count, count - good, again, spent, memory)


def stat_fields(process: int) -> list[str]:
    """The fields of /proc/PID/stat after the command's name, `state` first."""
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()


def free_ports(count: int) -> list[int]:
    """UDP ports that nobody has on loopback right now."""
    with contextlib.ExitStack() as stack:
        sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(count)]
        for one in sockets:
            stack.enter_context(one)
            one.bind((LOOPBACK, 0))
        return [one.getsockname()[1] for one in sockets]


def wait_for_port(port: int) -> None:
    """Until somebody is bound to the UDP port of loopback."""
    wanted = f":{port:04X} "
    deadline = time.monotonic() + START_WITHIN
    while time.monotonic() < deadline:
        if wanted in Path("/proc/net/udp").read_text():
            return
        time.sleep(0.02)
    raise SystemExit(f"SIPp did not bind UDP port {port} within {START_WITHIN:.0f} s")


def register(port: int, callee_port: int) -> bool:
    """Register the callee at the proxy on `port`; whether a 200 came within half a second."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.bind((LOOPBACK, 0))
        phone.settimeout(0.5)
        own = f"{LOOPBACK}:{phone.getsockname()[1]}"
        lines = [
            "REGISTER sip:bench.test SIP/2.0",
            f"Via: SIP/2.0/UDP {own};branch=z9hG4bK{time.monotonic_ns()}",
            "Max-Forwards: 70",
            "From: <sip:callee@bench.test>;tag=bench",
            "To: <sip:callee@bench.test>",
            f"Call-ID: {time.monotonic_ns()}@bench.test",
            "CSeq: 1 REGISTER",
            f"Contact: <sip:callee@{LOOPBACK}:{callee_port}>",
            "Expires: 3600",
            "Content-Length: 0",
        ]
        try:
            phone.sendto("\r\n".join([*lines, "", ""]).encode(), (LOOPBACK, port))
            while True:
                answer = phone.recv(65535)
                if not answer.startswith(b"SIP/2.0 1"):
                    return answer.startswith(b"SIP/2.0 200 ")
        except OSError:  # nothing there yet
            time.sleep(0.1)
            return False


def sipp(role: str, room: Path, port: int, limit: float, *more: str) -> subprocess.Popen[bytes]:
    """Start SIPp as `role` on `port`; it ends itself after `limit` seconds at the latest."""
    files = ["-trace_stat", "-stf", f"{role}.csv", "-fd", "1", "-trace_counts"]
    where = ["-i", LOOPBACK, "-p", str(port), "-t", "u1", "-buff_size", "4000000"]
    # UDP keeps no order: a 180 after the 200, or an ACK after the BYE, is no reason to give a call up.
    bounds = [
        "-nostdin",
        "-timeout",
        f"{limit:.0f}s",
        "-default_behaviors",
        "all,-abortunexp",
        "-key",
        "domain",
        "bench.test",
    ]
    command = ["sipp", "-sf", str(HERE / f"{role}.xml"), *where, *files, *bounds, *more]
    with (room / f"{role}.out").open("wb") as output:
        return subprocess.Popen(command, cwd=room, stdin=subprocess.DEVNULL, stdout=output, stderr=output)


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask SIPp to finish (it then writes its counts), and insist after a while."""
    for ask in (process.terminate, process.kill):
        if process.poll() is None:
            ask()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(5)


def last_row(path: Path) -> dict[str, str]:
    """The last line of one of SIPp's semicolon tables, by column."""
    with path.open(newline="") as table:
        rows = list(csv.DictReader(table, delimiter=";"))
    return {str(name): str(value) for name, value in rows[-1].items()}


def retransmissions(room: Path, role: str) -> int:
    """Every message that this SIPp sent or received again."""
    (counts,) = room.glob(f"{role}_*_counts.csv")
    columns = last_row(counts).items()
    return sum(int(value) for name, value in columns if name.endswith("Retrans") and value.isdigit())


@contextlib.contextmanager
def started(names: list[str], message_log: bool) -> Iterator[list[Subject]]:
    """The subjects, all up and warm; all are stopped in the end."""
    subjects: list[Subject] = []
    with tempfile.TemporaryDirectory(prefix="sipmini-bench-") as room:
        try:
            for name in names:
                subjects.append(Subject(name, Path(room), message_log))
                subjects[-1].wait_until_ready()
                subjects[-1].calls(WARM_UP_CALLS, 200)
            yield subjects
        finally:
            for subject in subjects:
                subject.stop()


def spread(values: list[float]) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f} over {len(values)} runs)"


def compare(subjects: list[Subject], rate: int, seconds: float, runs: int) -> None:
    """All runs at one rate, and what they come to."""
    count = max(1, int(rate * seconds))
    print(f"\n{rate} calls a second, {count} calls a run")
    line = "{:>4} {:<10} {:>7} {:>14} {:>14} {:>13}"
    print(line.format("run", "subject", "failed", "retransmitted", "CPU µs a call", "KiB resident"))
    results: dict[str, list[Run]] = {subject.name: [] for subject in subjects}
    for number in range(1, runs + 1):
        # Everyone is first, second and third in turn.
        turn = number % len(subjects)
        for subject in subjects[turn:] + subjects[:turn]:
            run = subject.calls(count, rate)
            results[subject.name].append(run)
            values = (number, subject.name, run.failed, run.retransmissions, f"{run.cost:.0f}", run.resident)
            print(line.format(*values), flush=True)
    for name, own in results.items():
        failed, again = sum(run.failed for run in own), sum(run.retransmissions for run in own)
        median = statistics.median(run.cost for run in own)
        print(f"{name}: median {median:.0f} µs a call, {failed} failed, {again} retransmitted")
    for name in ("sipmini", "floor"):
        if name in results and "kamailio" in results:
            pairs = zip(results[name], results["kamailio"], strict=True)
            ratios = [run.cost / peer.cost for run, peer in pairs]
            print(f"{name} / kamailio: {spread(ratios)}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description="What a call through sipmini-proxy, Kamailio and a bare forwarder costs."
    )
    parser.add_argument(
        "--rates", default="300,1000", help="calls a second, comma between (default: %(default)s)"
    )
    parser.add_argument("--seconds", type=float, default=8, help="length of a run (default: %(default)s)")
    parser.add_argument(
        "--runs", type=int, default=5, help="runs of each at each rate (default: %(default)s)"
    )
    parser.add_argument(
        "--subjects", default="sipmini,kamailio,floor", help="who takes part (default: %(default)s)"
    )
    parser.add_argument(
        "--no-message-log", action="store_true", help="run sipmini-proxy without its message log"
    )
    options = parser.parse_args()
    names = options.subjects.split(",")
    for program in ["sipp", *(["kamailio"] if "kamailio" in names else [])]:
        if shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin") is None:
            parser.exit(1, f"{program} is not installed; on Debian: apt-get install sip-tester kamailio\n")
    with started(names, not options.no_message_log) as subjects:
        for rate in options.rates.split(","):
            compare(subjects, int(rate), options.seconds, options.runs)


if __name__ == "__main__":
    main()
