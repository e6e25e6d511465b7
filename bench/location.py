#!/usr/bin/env python3
"""What the location store costs: start, memory and look-up with many bindings, and a REGISTER.

    python bench/location.py [--bindings 100000] [--rate 1000] [--seconds 3]

It prints one line a figure, each beside the project's goal. Start and memory are those of a fresh process.
Look-ups ask for the same number of users, in random order, of a store of 1,000 and of a large one; the two
take turns, and what counts is the ratio of the medians. A further line asks for users from the whole of the
large store, which says more about the caches of the processor than about the store. A REGISTER is measured at
a steady rate in a running reactor, with the real writer thread and every commit synced to disk: processor
time of all threads, less that of the same reactor reading the same messages and doing nothing with them.
"""

from __future__ import annotations

import argparse
import gc
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from twisted.internet.defer import Deferred, execute
from twisted.internet.task import Clock, LoopingCall, deferLater, react

from sipmini.codec import check, decode
from sipmini.flow import Flow
from sipmini.location import Binding, Put, SqliteLocation, WriterThread
from sipmini.location.database import Database, connect
from sipmini.location.opening import prepare
from sipmini.message import Request, Response
from sipmini.registrar import Registrar

FEW = 1000
FLOW = Flow("UDP", ("127.0.0.1", 8000), ("127.0.0.1", 5060), 1)


class Atlanta:
    """Serves atlanta.com."""

    def is_mine(self, host: str, port: int | None) -> bool:
        return host == "atlanta.com"

    def canonical(self, host: str) -> str:
        return host


def aor(number: int) -> str:
    """The address-of-record of user *number*."""
    return f"sip:user{number}@atlanta.com"


def contact(number: int) -> str:
    """Where user *number* is."""
    return f"sip:user{number}@10.{number >> 16}.{number >> 8 & 255}.{number & 255}:5060;transport=udp"


def fill(directory: str, count: int) -> None:
    """Write *count* bindings of as many users."""
    path, _ = prepare(directory, time.time())
    database = Database(connect(path, 5.0, "OFF"))
    now = time.time()
    for start in range(0, count, 10_000):
        changes = {}
        for number in range(start, min(start + 10_000, count)):
            call = f"{number:032x}@10.0.0.1"
            source, agent = f"UDP 10.0.0.{number & 255}:5060", "Example Phone 1.0"
            binding = Binding(aor(number), contact(number), 1000, call, 1, now + 3600, source, agent, now)
            changes[binding.aor, binding.contact] = Put(binding)
        database.commit(changes, [name for name, _ in changes], now)
    database.close()


def opened(directory: str) -> SqliteLocation:
    """The store on *directory*, without a thread."""
    clock = Clock()
    clock.advance(time.time())
    return SqliteLocation(directory, clock, execute, print)


def start_once(directory: str) -> None:
    """In a fresh process: open the store, say how long that took and how much memory the process has."""
    began = time.perf_counter()
    store = opened(directory)
    took = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(took, peak, store.count())


def look_up_seconds(store: SqliteLocation, users: list[str], now: float) -> float:
    """The seconds that one look-up takes."""
    look_up = store.bindings
    began = time.perf_counter()
    for user in users:
        look_up(user, now)
    return (time.perf_counter() - began) / len(users)


def measure_look_up(few: str, many: str, count: int) -> None:
    """Print the ratio of look-up times."""
    small, large = opened(few), opened(many)
    now = time.time()
    chance = random.Random(1)
    called = [chance.randrange(count) for _ in range(FEW)]
    subjects = {
        "small": (small, range(FEW)),
        "large": (large, called),
        "whole": (large, range(count)),
    }
    times: dict[str, list[float]] = {name: [] for name in subjects}
    for _ in range(21):
        for name, (store, numbers) in subjects.items():
            users = [aor(chance.choice(numbers)) for _ in range(20_000)]
            times[name].append(look_up_seconds(store, users, now))
    median = {name: statistics.median(found) for name, found in times.items()}
    print(f"look-up of {FEW} users with {FEW} bindings: {median['small'] * 1e9:.0f} ns")
    print(f"look-up of {FEW} users with {count} bindings: {median['large'] * 1e9:.0f} ns")
    print(f"look-up ratio: {median['large'] / median['small']:.2f} (goal: 2 or less)")
    print(f"look-up of {count} users with {count} bindings: {median['whole'] * 1e9:.0f} ns")


def register(number: int, users: int) -> Request:
    """REGISTER *number*, of one of *users* users in turn, read and checked as it is off the wire."""
    user = f"user{number % users}"
    text = (
        "REGISTER sip:atlanta.com SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK{number:x};rport\r\n"
        "Max-Forwards: 70\r\n"
        f"From: <sip:{user}@atlanta.com>;tag={number:x}\r\n"
        f"To: <sip:{user}@atlanta.com>\r\n"
        f"Call-ID: {number % users:032x}@10.0.0.1\r\n"
        f"CSeq: {number + 2} REGISTER\r\n"
        f"Contact: <{contact(number % users)}>;q=0.8\r\n"
        "Expires: 3600\r\nUser-Agent: Example Phone 1.0\r\nContent-Length: 0\r\n\r\n"
    )
    request = decode(text.encode())
    assert isinstance(request, Request) and check(request) is None
    return request


class Load:
    """REGISTERs that arrive in small groups, a hundred a second."""

    turn = 0.01

    def __init__(self, reactor: Any, registrar: Registrar) -> None:
        self.reactor = reactor
        self.registrar = registrar
        self.delays: list[float] = []
        self._number = 0
        self._open = 0

    def arrive(self, count: int, carry_out: bool) -> None:
        """Read *count* REGISTERs, and carry them out or not."""
        for _ in range(count):
            self._number += 1
            request = register(self._number, 10_000)
            if carry_out:
                self._open += 1
                self.registrar.register(request, FLOW).addCallback(self._answered, time.perf_counter())

    def _answered(self, response: Response, began: float) -> None:
        assert response.status == 200
        self._open -= 1
        self.delays.append(time.perf_counter() - began)

    async def paced(self, rate: int, seconds: float, carry_out: bool) -> float:
        """Let *rate* arrive a second; the processor seconds that this took."""
        loop = LoopingCall(self.arrive, max(1, round(rate * self.turn)), carry_out)
        began = time.process_time()
        loop.start(self.turn)
        await deferLater(self.reactor, seconds - self.turn / 2, lambda: None)
        loop.stop()
        await self.idle()
        return time.process_time() - began

    async def idle(self) -> None:
        """Wait until every REGISTER is answered."""
        while self._open:
            await deferLater(self.reactor, 0.001, lambda: None)


def measure_register(directory: str, rate: int, seconds: float) -> None:
    """Print what a REGISTER costs at *rate* a second."""

    async def run(reactor: Any) -> None:
        writer = WriterThread(reactor)
        store = SqliteLocation(directory, reactor, writer, print)
        load = Load(reactor, Registrar(store, Atlanta(), reactor, lambda: "a6c85cf3", lambda *_: None))
        gc.freeze()
        await load.paced(rate, 1, True)
        costs = []
        for _ in range(3):
            reading = await load.paced(rate, seconds, False)
            load.delays.clear()
            costs.append((await load.paced(rate, seconds, True) - reading) / len(load.delays) * 1e6)
        low, cost, high = sorted(costs)
        print(
            f"REGISTER at {len(load.delays) / seconds:.0f}/s: {cost:.0f} µs of processor time,"
            f" {low:.0f} to {high:.0f} (goal: 150 or less)"
        )
        delays = sorted(load.delays)
        median, longest = delays[len(delays) // 2] * 1e3, delays[-1] * 1e3
        print(f"REGISTER answered after: median {median:.0f} ms, longest {longest:.0f} ms")
        began = time.perf_counter()
        load.arrive(10_000, True)
        await load.idle()
        took = time.perf_counter() - began
        print(f"REGISTERs all at once: {10_000 / took:.0f}/s, reading them included")
        await store.close()
        writer.stop()

    react(lambda reactor: Deferred.fromCoroutine(run(reactor)))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--bindings", type=int, default=100_000, help="how many bindings are many")
    parser.add_argument("--rate", type=int, default=1000, help="REGISTERs a second")
    parser.add_argument("--seconds", type=float, default=3.0, help="how long each of six runs is")
    parser.add_argument("--start", metavar="DIR", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.start:
        start_once(options.start)
        return
    folder = tempfile.mkdtemp(prefix="sipmini-bench-")
    try:
        few, many = os.path.join(folder, "few"), os.path.join(folder, "many")
        fill(few, FEW)
        fill(many, options.bindings)
        command = [sys.executable, __file__, "--start", many]
        took, peak, count = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
        print(f"start with {count} bindings: {float(took):.2f} s (goal: less than 5)")
        print(f"memory of that process: {float(peak):.0f} MB (goal: less than 300)")
        measure_look_up(few, many, options.bindings)
        measure_register(many, options.rate, options.seconds)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
