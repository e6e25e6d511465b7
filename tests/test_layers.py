"""The house stands: each module imports only what the table in docs/architecture.md puts above it.

The table is read from that document, so that what it says and what the code does cannot part.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "sipmini"
DOCUMENT = ROOT / "docs" / "architecture.md"

#: A row of the table: the floor, the module or package, what lives there.
_ROW = re.compile(r"\| (?P<floor>[^|]+?) \| `(?P<name>[\w./]+)` \| (?P<what>[^|]+?) \|")

_IMPURE = ("twisted", "time", "random", "socket", "asyncio", "threading", "select", "ssl", "datetime")


def modules() -> dict[str, Path]:
    """Every module of the package by its dotted name without the package's, ``""`` for the package itself."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


@cache
def tree(name: str) -> ast.Module:
    """Module *name*, read."""
    return ast.parse(MODULES[name].read_text("utf-8"))


@cache
def imported(name: str) -> frozenset[str]:
    """The modules that module *name* imports when it runs, by their full dotted names.

    What is imported under ``if TYPE_CHECKING`` is known to the type checker alone.
    """
    found = set()
    for node in _running(tree(name)):
        if isinstance(node, ast.Import):
            found.update([alias.name for alias in node.names])
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, f"{name}: an import that is not absolute"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                is_module = inner.removeprefix("sipmini.") in MODULES or node.module.startswith("twisted")
                found.add(inner if is_module else node.module)
    return frozenset(found)


def _running(node: ast.AST) -> Iterator[ast.AST]:
    """*node* and all below it, but for what stands under ``if TYPE_CHECKING``."""
    yield node
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
        for other in node.orelse:
            yield from _running(other)
        return
    for child in ast.iter_child_nodes(node):
        yield from _running(child)


def own_imports(name: str) -> set[str]:
    """The modules of the package that module *name* imports, the package itself left out."""
    found = {each.removeprefix("sipmini.") for each in imported(name) if each.startswith("sipmini.")}
    return found - {name}


def floors() -> tuple[list[str], dict[str, str]]:
    """The floors of the house from top to bottom, and the floor of each module or package of the table."""
    order: list[str] = []
    places: dict[str, str] = {}
    for row in _ROW.finditer(DOCUMENT.read_text("utf-8")):
        floor, name = row["floor"], row["name"].removesuffix("/").removesuffix(".py").replace("/", ".")
        assert name not in places, f"{DOCUMENT.name} places {name} twice"
        assert not order or order[-1] == floor or floor not in order, f"{DOCUMENT.name} tears {floor} apart"
        if floor not in order:
            order.append(floor)
        places[name] = floor
    return order, places


ORDER, PLACES = floors()


def place(name: str) -> str:
    """The row of the table that module *name* belongs to: its own, or that of its package."""
    while name and name not in PLACES:
        name = name.rpartition(".")[0]
    return name


class HouseTests(SynchronousTestCase):
    def test_table_is_whole(self) -> None:
        """Each module and each package at the top stands in the table, and nothing else does."""
        top = {name.partition(".")[0] for name in MODULES} - {""}
        self.assertEqual(top - PLACES.keys(), set(), "these are missing in docs/architecture.md")
        self.assertEqual(PLACES.keys() - MODULES.keys(), set(), "these do not exist any more")

    def test_order(self) -> None:
        """A module imports what stands on its own floor or above it, never below."""
        wrong = [
            f"{name} ({PLACES[place(name)]}) imports {other} ({PLACES[place(other)]})"
            for name in MODULES
            if name
            for other in own_imports(name)
            if ORDER.index(PLACES[place(other)]) > ORDER.index(PLACES[place(name)])
        ]
        self.assertEqual(wrong, [])

    def test_no_circles(self) -> None:
        """No module imports itself by way of others, on one floor or across."""
        graph = {name: own_imports(name) for name in MODULES}
        done: set[str] = set()

        def visit(name: str, path: tuple[str, ...]) -> None:
            self.assertNotIn(name, path, " -> ".join([*path, name]))
            if name in done:
                return
            for other in sorted(graph.get(name, ())):
                # A package's __init__ gathers what lies in it.
                if not name.startswith(f"{other}."):
                    visit(other, (*path, name))
            done.add(name)

        for name in graph:
            visit(name, ())

    def test_strangers(self) -> None:
        """Transactions and transports do not know each other, nor do proxy and phone."""
        for one, other in (("transaction", "transport"), ("proxy", "ua")):
            for here, there in ((one, other), (other, one)):
                wrong = [
                    (name, each)
                    for name in MODULES
                    if place(name) == here or name.startswith(f"{here}.")
                    for each in own_imports(name)
                    if each == there or each.startswith(f"{there}.")
                ]
                self.assertEqual(wrong, [], f"{here} and {there}")

    def test_pure(self) -> None:
        """Above the transport nothing knows Twisted, a clock, chance or a socket.

        The record of what happened may format a time that it was given.
        """
        limit = ORDER.index(PLACES["transport"])
        wrong = []
        for name in MODULES:
            if not name or ORDER.index(PLACES[place(name)]) >= limit:
                continue
            allowed = {"time"} if PLACES[place(name)] == PLACES["journal"] else set()
            found = {each.partition(".")[0] for each in imported(name)} & set(_IMPURE) - allowed
            wrong += [(name, each) for each in sorted(found)]
        self.assertEqual(wrong, [])

    def test_reactor(self) -> None:
        """Only what is started by a person imports the reactor; all others are given one."""
        found = {name for name in MODULES if "twisted.internet.reactor" in imported(name)}
        self.assertEqual(found - {"proxy_tap", "ua_tap", "cli", "demo"}, set())
        self.assertIn("proxy_tap", found)

    def test_each_module_says_what_it_is_for(self) -> None:
        """Every module opens with what it is for."""
        self.assertEqual([name for name in MODULES if not ast.get_docstring(tree(name))], [])
