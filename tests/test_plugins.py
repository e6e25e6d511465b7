"""What twistd finds of us."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from twisted.application.service import IServiceMaker
from twisted.plugin import IPlugin
from twisted.trial.unittest import SynchronousTestCase

ROOT = Path(__file__).resolve().parent.parent
ASK = """
import sys
from twisted.application.service import IServiceMaker
from twisted.plugin import getPlugins
for plugin in getPlugins(IServiceMaker):
    if plugin.tapname.startswith("sipmini"):
        print(plugin.tapname, plugin.module)
print(*(name for name in sys.modules if name.startswith("sipmini")))
"""


class PluginTests(SynchronousTestCase):
    def test_twistd_finds_both_commands_and_loads_neither(self) -> None:
        """Listing the commands must not cost the import of ours."""
        environment = {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
        asked = subprocess.run(
            [sys.executable, "-c", ASK],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        *found, loaded = asked.stdout.split("\n")[:-1]
        self.assertEqual(sorted(found), ["sipmini-proxy sipmini.proxy_tap", "sipmini-ua sipmini.ua_tap"])
        self.assertEqual(loaded, "")

    def test_what_they_promise(self) -> None:
        """Each is a service maker with a description, and what it names has Options and makeService."""
        from twisted.plugins import sipmini_plugins

        for maker in (sipmini_plugins.sipmini_proxy, sipmini_plugins.sipmini_ua):
            self.assertTrue(IServiceMaker.providedBy(maker) and IPlugin.providedBy(maker))
            self.assertTrue(maker.description.endswith("."))
            self.assertTrue(callable(maker.makeService))
            self.assertTrue(callable(maker.options))

    def test_twisteds_folders_stay_twisteds(self) -> None:
        """An __init__.py of ours there would hide Twisted's own plugins."""
        ours = sorted(path.name for path in (ROOT / "twisted").rglob("*.py"))
        self.assertEqual(ours, ["sipmini_plugins.py"])
