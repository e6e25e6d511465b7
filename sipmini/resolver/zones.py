# test-case-name: tests.resolver.test_zones
"""The zones of ``STATE/dns``: read once, read again when a file changes, asked for every message.

Touches the files of one directory, and nothing else; the time is handed in.  A zone file that cannot
be read is reported once for each change of it, and its last good version stays in force.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from attrs import frozen

from sipmini.errors import BadSetting, StoreError
from sipmini.resolver.records import Answer
from sipmini.resolver.zonefile import MAX_ZONE_SIZE, Node, Zone, parse_zone

__all__ = ["ZoneStore"]

#: How often the directory is looked at, in seconds, and then only if somebody asks for a name.
CHECK_INTERVAL = 1.0

#: How many zone files are read.
MAX_ZONES = 1024

#: How many names are followed from one to the next (RFC 1034 §3.6.2).
MAX_ALIASES = 8

_SUFFIX = ".zone"


@frozen
class _Signature:
    """What changes when a file does."""

    modified: int
    changed: int
    size: int
    inode: int


@frozen
class _File:
    """A zone file as it was last read, and its last good content; no signature if it could not be read."""

    signature: _Signature | None
    zone: Zone | None


class ZoneStore:
    """The zone files of *directory*.

    *seconds* gives the time, from any origin.  *report* is called with one sentence for each problem.
    """

    def __init__(
        self, directory: str | os.PathLike[str], seconds: Callable[[], float], report: Callable[[str], None]
    ) -> None:
        self.directory = Path(directory)
        self._seconds = seconds
        self._report = report
        self._due: float | None = None
        self._files: dict[str, _File] = {}
        self._zones: dict[str, Zone] = {}
        self._said: set[str] = set()
        self._version = 0

    def load(self) -> None:
        """Read every file now.

        Raises StoreError with one sentence if any cannot be used: whoever starts is there to mend it.
        """
        sentences: list[str] = []
        report, self._report = self._report, sentences.append
        try:
            self.version()
        finally:
            self._report = report
            # Proxies that start together publish together: the first question looks again.
            self._due = None
        if any(file.zone is None for file in self._files.values()):
            raise StoreError(sentences[0])
        for sentence in sentences:
            report(sentence)

    def version(self) -> int:
        """A number that is another one after any zone has changed."""
        now = self._seconds()
        if self._due is None or now >= self._due:
            self._due = now + CHECK_INTERVAL
            self._reload()
        return self._version

    def owner(self, name: str) -> Zone | None:
        """The zone that *name*, in canonical form, belongs to: that of the longest origin."""
        self.version()
        return self._owner(name)

    def query(self, name: str, kind: str) -> Answer | None:
        """The records of type *kind* at *name*, ``None`` if no zone owns that name.

        A CNAME is followed through all zones; where it leaves them, the answer's ``alias`` says to where.
        """
        zone = self.owner(name)
        if zone is None:
            return None
        for _ in range(MAX_ALIASES):
            node = _node(zone, name)
            if node is None:
                return Answer()
            if not node.alias:
                records, ttl = node.records.get(kind, ((), 0))
                return Answer(records, ttl)
            name = node.alias
            following = self._owner(name)
            if following is None:
                return Answer(alias=name)
            zone = following
        return Answer()

    def _owner(self, name: str) -> Zone | None:
        while name:
            zone = self._zones.get(name)
            if zone is not None:
                return zone
            name = name.partition(".")[2]
        return None

    def _reload(self) -> None:
        """Read the files that are new or changed, and forget those that are gone."""
        found = self._list()
        if found is None or (
            found.keys() == self._files.keys()
            and all(self._files[name].signature == signature for name, signature in found.items())
        ):
            return
        files: dict[str, _File] = {}
        for name, signature in found.items():
            file = self._files.get(name)
            if file is None or file.signature != signature:
                file = self._load(name, signature, None if file is None else file.zone)
            files[name] = file
        self._files = files
        self._arrange()

    def _list(self) -> dict[str, _Signature] | None:
        """The zone files that there are, by name and in order; ``None`` if that cannot be known now."""
        found: dict[str, _Signature] = {}
        try:
            with os.scandir(self.directory) as entries:
                for entry in entries:
                    if entry.name.endswith(_SUFFIX) and not entry.name.startswith("."):
                        signature = _signature(entry)
                        if signature is not None:
                            found[entry.name] = signature
        except FileNotFoundError:
            return {}
        except OSError as error:
            self._say_once(
                f"{self.directory}: cannot be read ({error.strerror}); make it a directory you own"
            )
            return None
        if len(found) > MAX_ZONES:
            self._say_once(f"{self.directory}: more than {MAX_ZONES} zone files; delete those not needed")
        return {name: found[name] for name in sorted(found)[:MAX_ZONES]}

    def _load(self, name: str, signature: _Signature, last_good: Zone | None) -> _File:
        """Read the file *name*; where it cannot be used, report that and keep *last_good*."""
        path = self.directory / name
        try:
            with path.open("rb") as stream:
                data = stream.read(MAX_ZONE_SIZE + 1)
            return _File(signature, _parse(path, data))
        except OSError as error:
            # Without a signature it is tried again at the next look: permissions, or too many open files.
            self._say_once(f"{path}: cannot be read ({error.strerror}); check who may read the file")
            return _File(None, last_good)
        except BadSetting as error:
            self._report(str(error))
            return _File(signature, last_good)

    def _arrange(self) -> None:
        """Find the zone of each origin; where two files claim one, somebody's own file goes first."""
        zones: dict[str, Zone] = {}
        good = [file.zone for file in self._files.values() if file.zone is not None]
        for zone in sorted(good, key=lambda zone: zone.published):
            first = zones.setdefault(zone.origin, zone)
            if first is not zone:
                self._say_once(
                    f"{zone.file}: {first.file} holds {zone.origin} already; delete one of the two"
                )
        self._zones = zones
        self._version += 1

    def _say_once(self, sentence: str) -> None:
        if sentence not in self._said and len(self._said) < MAX_ZONES:
            self._said.add(sentence)
            self._report(sentence)


def _signature(entry: os.DirEntry[str]) -> _Signature | None:
    """The signature of a plain file, ``None`` if it is none, or went while we looked."""
    try:
        if not entry.is_file():
            return None
        status = entry.stat()
    except OSError:
        return None
    return _Signature(status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino)


def _parse(path: Path, data: bytes) -> Zone:
    """Read the content of the zone file *path*; raises BadSetting."""
    if len(data) > MAX_ZONE_SIZE:
        raise BadSetting("larger than 4 MiB", "split it into several zones", str(path))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BadSetting("this is not UTF-8 text", "save the file as UTF-8", str(path), line) from None
    return parse_zone(str(path), path.name.removesuffix(_SUFFIX), text)


def _node(zone: Zone, name: str) -> Node | None:
    """What *zone* says of *name*, through a wildcard if need be (RFC 1034 §4.3.3)."""
    node = zone.nodes.get(name)
    if node is not None:
        return node
    while name != zone.origin:
        name = name.partition(".")[2]
        wildcard = zone.nodes.get(f"*.{name}")
        if wildcard is not None:
            return wildcard
        if name in zone.nodes:
            # The closest name that exists has no wildcard: those further up do not apply.
            return None
    return None
