# test-case-name: tests.resolver.test_system
"""Asks this machine's own names: its hosts file, then the DNS servers it is set up with.

Touches those two files and, by ``twisted.names``, the network of the reactor it is given.  Nothing is
opened before the first question, and no timer is left behind after the last.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from functools import partial
from ipaddress import ip_address
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.names import client, dns, hosts
from twisted.names.error import DNSNameError, DNSQueryRefusedError, DNSServerError
from twisted.python.failure import Failure
from twisted.python.filepath import FilePath

from sipmini import reasons
from sipmini.resolver.names import canonical_name, ip_literal
from sipmini.resolver.records import Address, Answer, Naptr, Question, Record, Srv

__all__ = ["SystemNames"]

#: Seconds to wait for each server, for each round of asking them all.
TIMEOUTS = (1, 2, 4)

#: What is not read of a resolv.conf: all beyond its first three servers (resolv.conf(5) MAXNS), and 64 KiB.
MAX_SERVERS = 3
MAX_CONFIGURATION = 65536

#: Seconds for which an entry of the hosts file is kept.
HOSTS_TTL = 10

#: How many records of one answer are kept, and how many names one leads through (RFC 1034 §3.6.2).
MAX_RECORDS = 64
MAX_ALIASES = 8

_METHODS = {
    "A": "lookupAddress",
    "AAAA": "lookupIPV6Address",
    "SRV": "lookupService",
    "NAPTR": "lookupNamingAuthorityPointer",
}

_WORDS = {
    DNSServerError: "the server failed",
    DNSQueryRefusedError: "the server refused",
    DeferredTimeout: "no answer in time",
}


class SystemNames:
    """Answers a :class:`~sipmini.resolver.records.Question` by this machine's means.

    *make_client* is given the servers and the reactor, and makes a ``twisted.names`` resolver.
    """

    def __init__(
        self,
        reactor: Any,
        resolv_conf: str = "/etc/resolv.conf",
        hosts_file: str = "/etc/hosts",
        make_client: Callable[..., Any] = client.Resolver,
    ) -> None:
        self._reactor = reactor
        self._resolv_conf = resolv_conf
        self._hosts_file = hosts_file
        self._make_client = make_client
        self._servers: list[tuple[str, int]] = []
        self._client: Any = None

    def __call__(self, question: Question) -> Deferred[Answer]:
        """The answer; one with a ``failure`` if the DNS gave none."""
        if question.type in ("A", "AAAA"):
            known = self._in_hosts_file(question)
            if known:
                return succeed(Answer(known, HOSTS_TTL))
        servers = self._read_servers()
        if self._client is None or servers != self._servers:
            self._servers = servers
            self._client = self._make_client(servers=list(servers), reactor=self._reactor)
        asked: Deferred[Any] = getattr(self._client, _METHODS[question.type])(question.name, TIMEOUTS)
        return asked.addCallbacks(partial(_answer, question), partial(_no_answer, question))

    def _in_hosts_file(self, question: Question) -> tuple[Record, ...]:
        found = hosts.searchFileForAll(FilePath(self._hosts_file), question.name.encode("ascii"))
        addresses = filter(None, map(ip_literal, found))
        return tuple(
            Address(address) for address in addresses if (":" in address) is (question.type == "AAAA")
        )[:MAX_RECORDS]

    def _read_servers(self) -> list[tuple[str, int]]:
        """The DNS servers of resolv.conf(5); its own default, this machine, if it names none."""
        servers: list[tuple[str, int]] = []
        try:
            with open(os.fspath(self._resolv_conf), encoding="utf-8", errors="replace") as stream:
                lines = stream.read(MAX_CONFIGURATION).splitlines()
        except OSError:
            lines = []
        for words in map(str.split, lines):
            if len(words) > 1 and words[0] == "nameserver" and ip_literal(words[1]) is not None:
                servers.append((words[1], dns.PORT))
        return servers[:MAX_SERVERS] or [("127.0.0.1", dns.PORT)]


def _no_answer(question: Question, failure: Failure) -> Answer:
    """A name that does not exist is an answer without records; all else is a failure of the DNS."""
    if failure.check(DNSNameError):
        return Answer()
    kind = failure.check(*_WORDS)
    why = _WORDS[kind] if kind is not None else failure.getErrorMessage()[:100]
    return Answer(failure=reasons.NAME_LOOKUP_FAILED.because(f"the system's DNS, asked {question}: {why}"))


def _answer(question: Question, sections: tuple[Iterable[Any], Any, Any]) -> Answer:
    """The records of the asked type at the asked name, through the CNAMEs that stand with them."""
    headers = list(sections[0])[: 4 * MAX_RECORDS]
    name = question.name
    ttls: list[int] = []
    for _ in range(MAX_ALIASES):
        here = [header for header in headers if _text(header.name) == name]
        found = [(header, _record(question.type, header)) for header in here]
        records = [(header, record) for header, record in found if record is not None]
        if records:
            ttls += (header.ttl for header, _ in records)
            return Answer(tuple(record for _, record in records)[:MAX_RECORDS], min(ttls))
        aliases = [header for header in here if header.type == dns.CNAME]
        if not aliases:
            break
        ttls.append(aliases[0].ttl)
        name = _text(aliases[0].payload.name)
    return Answer()


def _record(kind: str, header: Any) -> Record | None:
    """*header* (an RRHeader) as a record of type *kind*, ``None`` if it is of another."""
    payload = header.payload
    if kind == "A" and header.type == dns.A:
        return Address(payload.dottedQuad())
    if kind == "AAAA" and header.type == dns.AAAA:
        return Address(str(ip_address(payload.address)))
    if kind == "SRV" and header.type == dns.SRV:
        return Srv(payload.priority, payload.weight, payload.port, _text(payload.target))
    if kind == "NAPTR" and header.type == dns.NAPTR:
        return Naptr(
            payload.order,
            payload.preference,
            payload.flags.string.decode("ascii", "replace"),
            payload.service.string.decode("ascii", "replace"),
            payload.regexp.string.decode("ascii", "replace"),
            _text(payload.replacement),
        )
    return None


def _text(name: dns.Name) -> str:
    """A name from the wire in canonical form; empty for the root and for what can be no host's name."""
    return canonical_name(name.name.decode("ascii", "replace")) or ""
