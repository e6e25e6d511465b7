"""A reason for everything: each rule is used, and no refusal is chosen without one."""

from __future__ import annotations

import ast

from twisted.trial.unittest import SynchronousTestCase

from sipmini import reasons
from tests.test_layers import MODULES, tree

#: What makes or sends a response; the place of its status among the arguments.
_ANSWERING = {"Response": 0, "make_response": 1, "respond": 0, "reject": 0, "refuse": 0}


def constants() -> dict[str, reasons.Rule]:
    """The rules by the names of their constants."""
    return {name: rule for name, rule in vars(reasons).items() if isinstance(rule, reasons.Rule)}


def names_in(module: ast.Module) -> set[str]:
    """What *module* takes out of ``reasons``."""
    found = set()
    for node in ast.walk(module):
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == "reasons"
        ):
            found.add(node.attr)
        elif isinstance(node, ast.ImportFrom) and node.module == "sipmini.reasons":
            found.update([alias.name for alias in node.names])
    return found


def literal_refusals(module: ast.Module) -> list[tuple[int, str]]:
    """Each call in *module* that answers with a status of 300 or more written there: line and text."""
    found = []
    for node in ast.walk(module):
        if isinstance(node, ast.Call):
            called = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if called not in _ANSWERING:
                continue
            given = [keyword.value for keyword in node.keywords if keyword.arg == "status"]
            given += node.args[_ANSWERING[called] :][:1]
            statuses = [each.value for each in given if isinstance(each, ast.Constant)]
            if any(isinstance(status, int) and status >= 300 for status in statuses):
                found.append((node.lineno, ast.unparse(node)))
    return found


class RulesTests(SynchronousTestCase):
    def test_unique(self) -> None:
        """No two rules share a name or a constant; each stands in a section of an RFC."""
        rules = constants()
        self.assertEqual(len({rule.name for rule in rules.values()}), len(rules))
        self.assertEqual({rule.name for rule in rules.values()}, set(reasons.RULES))
        for rule in rules.values():
            self.assertRegex(rule.rfc, r"^RFC \d+ §\d", rule.name)

    def test_each_is_used(self) -> None:
        """A rule that nothing applies is no rule."""
        used = set().union(*[names_in(tree(name)) for name in MODULES if name != "reasons"])
        self.assertEqual(sorted(constants().keys() - used), [])

    def test_each_that_is_used_exists(self) -> None:
        """What the package takes out of ``reasons`` is there."""
        for name in MODULES:
            self.assertEqual([each for each in names_in(tree(name)) if not hasattr(reasons, each)], [], name)

    def test_no_status_without_a_rule(self) -> None:
        """A refusal is written as a rule and not as a number, everywhere in the package."""
        wrong = {name: literal_refusals(tree(name)) for name in MODULES}
        self.assertEqual({name: calls for name, calls in wrong.items() if calls}, {})

    def test_the_test(self) -> None:
        """What it would find."""
        lines = ["make_response(r, 404)", "t.respond(make_response(r, status=486))", "Response(500, '')"]
        lines += ["make_response(r, 200)", "reject(reason)"]
        found = literal_refusals(ast.parse("\n".join(lines)))
        self.assertEqual(sorted([line for line, _ in found]), [1, 2, 3])
