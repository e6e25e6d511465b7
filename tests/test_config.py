"""Settings: options, files, defaults, and what is said of mistakes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from sipmini import config
from sipmini.config import (
    ListenSpec,
    PhoneSettings,
    ProxySettings,
    parse_listen,
    phone_settings,
    proxy_settings,
    state_directory,
)
from sipmini.errors import BadSetting
from sipmini.resolver.zonefile import parse_zone
from sipmini.uri import parse_sip_uri
from tests.folders import new_folder

ETC = Path(__file__).parent.parent / "etc"
STATE = {"SIPMINI_STATE": "/state"}
ALICE = {"user": "alice@atlanta.com"}


ALL = "the settings are domain, listen, state-dir, no-dns, no-message-log"


class ConfigTestCase(SynchronousTestCase):
    def write(self, text: str | bytes) -> str:
        path = new_folder(self) / "settings"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    def proxy_problem(self, text: str | bytes) -> str:
        """What is said of a proxy's configuration file, without its name."""
        file = self.write(text)
        sentence = str(self.assertRaises(BadSetting, proxy_settings, {}, STATE, file))
        self.assertEqual(sentence[: len(file)], file)
        return sentence[len(file) :]

    def option_problem(self, load: Any, options: dict[str, Any]) -> str:
        return str(self.assertRaises(BadSetting, load, options, STATE))


class DefaultTests(ConfigTestCase):
    """No option and no file."""

    def test_proxy(self) -> None:
        self.assertEqual(
            proxy_settings({}, STATE), ProxySettings(("localhost",), (), Path("/state"), True, True)
        )

    def test_phone(self) -> None:
        self.assertEqual(
            phone_settings(ALICE, STATE),
            PhoneSettings(
                parse_sip_uri("sip:alice@atlanta.com"),
                "",
                None,
                None,
                Path("/state"),
                None,
                "text",
                True,
                True,
            ),
        )

    def test_phone_needs_a_user(self) -> None:
        self.assertEqual(
            self.option_problem(phone_settings, {}),
            "the phone needs a user; give --user, for example --user alice@atlanta.com",
        )
        file = self.write("")
        error = self.assertRaises(BadSetting, phone_settings, {}, STATE, file)
        self.assertTrue(str(error).startswith(f"{file}: the phone needs a user"))


class PrecedenceTests(ConfigTestCase):
    """An option goes before the file, the file before the default."""

    def test_proxy(self) -> None:
        file = self.write(
            'domain = ["a.com", "B.com", "a.com"]\nlisten = "tcp:[::1]:5060"\nstate-dir = "here"\n'
            "no-dns = true\nno-message-log = true\n"
        )
        from_file = ProxySettings(
            ("a.com", "b.com"),
            (ListenSpec("TCP", "::1", 5060),),
            Path(os.path.abspath(file)).parent / "here",
            False,
            False,
        )
        self.assertEqual(proxy_settings({}, STATE, file), from_file)
        self.assertEqual(
            proxy_settings({"domain": [], "listen": None, "no-dns": 0}, STATE, file),
            from_file,
            "nothing given",
        )
        self.assertEqual(
            proxy_settings(
                {"domain": ["c.com"], "listen": ["1.2.3.4:5", "udp:1.2.3.4:6"], "state-dir": "there"},
                STATE,
                file,
            ),
            ProxySettings(
                ("c.com",),
                (ListenSpec(None, "1.2.3.4", 5), ListenSpec("UDP", "1.2.3.4", 6)),
                Path.cwd() / "there",
                False,
                False,
            ),
        )
        self.assertEqual(
            proxy_settings({"no-dns": 1}, STATE),
            ProxySettings(("localhost",), (), Path("/state"), False, True),
        )

    def test_phone(self) -> None:
        script = self.write("quit\n")
        file = self.write(
            'user = "sip:bob@biloxi.com"\ndisplay-name = "Bob"\nproxy = "sip:127.0.0.1:8000;transport=tcp"\n'
            f'listen = "127.0.0.1:0"\nscript = "{os.path.abspath(script)}"\nevents = "json"\n'
            "no-register = true\n"
        )
        bob = PhoneSettings(
            parse_sip_uri("sip:bob@biloxi.com"),
            "Bob",
            parse_sip_uri("sip:127.0.0.1:8000;transport=tcp"),
            ListenSpec(None, "127.0.0.1", 0),
            Path("/state"),
            Path(os.path.abspath(script)),
            "json",
            True,
            False,
        )
        self.assertEqual(phone_settings({}, STATE, file), bob)
        other = phone_settings({**ALICE, "display-name": "", "proxy": "proxy.atlanta.com"}, STATE, file)
        self.assertEqual(str(other.user), "sip:alice@atlanta.com")
        self.assertEqual(other.display_name, "")
        self.assertEqual(str(other.proxy), "sip:proxy.atlanta.com")


class ListenTests(SynchronousTestCase):
    """[udp:|tcp:]ADDR:PORT."""

    def test_accepted(self) -> None:
        for text, expected in (
            ("0.0.0.0:8000", ListenSpec(None, "0.0.0.0", 8000)),
            ("udp:127.0.0.1:0", ListenSpec("UDP", "127.0.0.1", 0)),
            ("TCP:[::1]:65535", ListenSpec("TCP", "::1", 65535)),
            ("localhost:5060", ListenSpec(None, "127.0.0.1", 5060)),
        ):
            self.assertEqual(parse_listen(text), expected)
        for text in ("udp:127.0.0.1:5060", "tcp:[::1]:5060", "[::]:5060", "0.0.0.0:1"):
            self.assertEqual(str(parse_listen(text)), text)

    def test_refused(self) -> None:
        for text, problem in (
            ("5060", "it is not of the form"),
            ("127.0.0.1", "it is not of the form"),
            ("::1:5060", "it is not of the form"),
            ("tls:127.0.0.1:5061", "it is not of the form"),
            ("127.0.0.1:x", "it is not of the form"),
            ("127.0.0.1:5060\n", "it is not of the form"),
            ("127.0.0.1:65536", "65536 is not a port: ports go from 0 to 65535"),
            ("atlanta.com:5060", "'atlanta.com' is not an IP address of this machine"),
            ("[127.0.0.1]:5060", "'[127.0.0.1]' is not an IP address of this machine"),
            (":5060", "'' is not an IP address of this machine"),
            ("1.2.3:5060", "'1.2.3' is not an IP address of this machine"),
        ):
            with self.subTest(text):
                self.assertIn(problem, str(self.assertRaises(ValueError, parse_listen, text)))


class OptionMistakeTests(ConfigTestCase):
    """What is said of a bad option."""

    def test_sentence(self) -> None:
        self.assertEqual(
            self.option_problem(proxy_settings, {"domain": ["ok.com", "../x"]}),
            "--domain '../x': '../x' is not a domain name; name a domain such as atlanta.com; "
            "the proxy's own addresses are its domain anyway",
        )

    def test_proxy(self) -> None:
        for options, problem in (
            ({"listen": ["udp:1.2.3.4:99999"]}, "--listen 'udp:1.2.3.4:99999': 99999 is not a port"),
            ({"domain": ["127.0.0.1"]}, "is an IP address and not a domain name"),
            ({"state-dir": ""}, "--state-dir '': it is no path; give a directory"),
        ):
            with self.subTest(problem):
                self.assertIn(problem, self.option_problem(proxy_settings, options))

    def test_phone(self) -> None:
        for option, text, problem in (
            ("user", "alice", "it names no domain; write for example alice@atlanta.com"),
            ("user", "atlanta.com", "it names no user; write for example alice@atlanta.com"),
            ("user", "sip:alice@atlanta.com;transport=tcp", "it is more than USER@DOMAIN"),
            ("user", "sip:alice:secret@atlanta.com", "it is more than USER@DOMAIN"),
            ("user", "sips:alice@atlanta.com", "sips: is not supported"),
            ("user", "alice@", "breaks the grammar"),
            ("user", "", "--user '': "),
            ("display-name", "Al\r\nice", "it has characters that cannot be shown"),
            ("display-name", "A" * 101, "it is longer than 100 characters"),
            ("proxy", "sip:bob@biloxi.com", "it names a user and not a proxy"),
            ("proxy", "sip:biloxi.com;transport=tls", "unsupported-transport (RFC 3263 §4.1): transport=tls"),
            ("listen", "5060", "it is not of the form"),
            ("script", "/no/such/script", "there is no such file"),
            ("script", "/", "it is a directory"),
            ("events", "xml", 'it is neither text nor json; write "text" or "json"'),
        ):
            with self.subTest(f"{option} {text}"):
                sentence = self.option_problem(phone_settings, {**ALICE, option: text})
                self.assertTrue(sentence.startswith(f"--{option} "), sentence)
                self.assertIn(problem, sentence)


class FileMistakeTests(ConfigTestCase):
    """One sentence, with the file, the line and the remedy."""

    def test_unknown_key(self) -> None:
        self.assertEqual(
            self.proxy_problem('# x\n\n  domian = "a.com"\n'),
            ", line 3: there is no setting 'domian'; did you mean 'domain'?",
        )
        self.assertEqual(
            self.proxy_problem("state_dir = 1\n"),
            ", line 1: there is no setting 'state_dir'; did you mean 'state-dir'?",
        )
        self.assertEqual(
            self.proxy_problem("no-dns = true\n[tls.x]\na = 1\n"),
            f", line 2: there is no setting 'tls'; {ALL}",
        )

    def test_bad_value(self) -> None:
        """In a list of several lines, the line of the bad one."""
        self.assertEqual(
            self.proxy_problem('no-dns = true\nlisten = [\n  "127.0.0.1:5060",\n  "127.0.0.1",\n]\n'),
            ", line 4: listen '127.0.0.1': it is not of the form [udp:|tcp:]ADDR:PORT; "
            "write for example 127.0.0.1:5060, udp:0.0.0.0:8000 or tcp:[::1]:5060",
        )
        self.assertEqual(
            self.proxy_problem('"domain" = "a_b"\n'),
            ", line 1: domain 'a_b': 'a_b' is not a domain name; name a domain such as atlanta.com; "
            "the proxy's own addresses are its domain anyway",
        )

    def test_wrong_kind(self) -> None:
        for text, remedy in (
            ("listen = 5060\n", 'write a text in quotes or a list of them, such as listen = ["...", "..."]'),
            ("domain = [1]\n", 'write a text in quotes or a list of them, such as domain = ["...", "..."]'),
            ('no-dns = "yes"\n', "write true or false, without quotes"),
            ("state-dir = 1\n", 'write a path in quotes, such as state-dir = "..."'),
        ):
            with self.subTest(text):
                key = text.partition(" ")[0]
                self.assertEqual(self.proxy_problem(text), f", line 1: {key} is of the wrong kind; {remedy}")

    def test_not_toml(self) -> None:
        remedy = '; write each setting as KEY = "VALUE" on its line'
        for text, line in (
            ("domain = a.com\n", 1),
            ("no-dns = true\nno-dns = true\n", 2),
            ("\nlisten = [\n\n", 4),
        ):
            with self.subTest(text):
                sentence = self.proxy_problem(text)
                self.assertTrue(sentence.startswith(f", line {line}: not TOML: "), sentence)
                self.assertTrue(sentence.endswith(remedy), sentence)

    def test_key_that_is_hard_to_find(self) -> None:
        """An escaped key still gets a line."""
        self.assertEqual(
            self.proxy_problem('\n"\\u0078" = 1\n'),
            f", line 1: there is no setting 'x'; {ALL}",
        )

    def test_unreadable(self) -> None:
        self.assertEqual(
            self.proxy_problem(b"#\n#\xff\n"), ", line 2: this is not UTF-8 text; save the file as UTF-8"
        )
        self.assertEqual(
            self.proxy_problem(b"#" * (config.MAX_CONFIGURATION + 1)),
            ": larger than 1 MiB; check the path given with --config",
        )
        self.assertEqual(
            str(self.assertRaises(BadSetting, proxy_settings, {}, STATE, "/no/file.toml")),
            "/no/file.toml: cannot be read (No such file or directory); check the path given with --config",
        )

    def test_other_line_ends(self) -> None:
        """A file from another system, with its byte order mark."""
        file = self.write(b'\xef\xbb\xbfdomain = "a.com"\r\nno-dns = true\r\n')
        settings = proxy_settings({}, STATE, file)
        self.assertEqual((settings.domains, settings.dns), (("a.com",), False))

    def test_empty_list(self) -> None:
        """No domain at all is the default."""
        self.assertEqual(proxy_settings({}, STATE, self.write("domain = []\n")).domains, ("localhost",))


class StateDirectoryTests(SynchronousTestCase):
    """--state-dir, else $SIPMINI_STATE, else the platform's place."""

    def test_order(self) -> None:
        environ = {"SIPMINI_STATE": "/one", "XDG_STATE_HOME": "/xdg", "HOME": "/home/a"}
        self.assertEqual(state_directory(environ, "/two"), Path("/two"))
        self.assertEqual(state_directory(environ), Path("/one"))
        self.assertEqual(state_directory({}, "x"), Path.cwd() / "x")

    def test_platforms(self) -> None:
        for environ, platform, expected in (
            ({"HOME": "/home/a"}, "linux", "/home/a/.local/state/sipmini"),
            ({"HOME": "/home/a", "XDG_STATE_HOME": "/xdg", "SIPMINI_STATE": ""}, "freebsd14", "/xdg/sipmini"),
            ({"HOME": "/Users/a"}, "darwin", "/Users/a/Library/Application Support/sipmini"),
            ({"LOCALAPPDATA": "/local"}, "win32", "/local/sipmini"),
            ({"HOME": "/home/a"}, "win32", "/home/a/AppData/Local/sipmini"),
        ):
            with self.subTest(platform):
                self.assertEqual(state_directory(environ, None, platform), Path(expected))

    def test_no_home(self) -> None:
        self.assertTrue(state_directory({}, None, "linux").is_absolute())


class ExampleTests(SynchronousTestCase):
    """The examples that come with sipmini are right."""

    def test_proxy(self) -> None:
        settings = proxy_settings({}, STATE, str(ETC / "sipmini-proxy.toml"))
        self.assertEqual(settings.domains, ("atlanta.com",))
        self.assertEqual([str(each) for each in settings.listen], ["127.0.0.1:8000", "[::1]:8000"])

    def test_phone(self) -> None:
        settings = phone_settings({}, STATE, str(ETC / "sipmini-ua.toml"))
        self.assertEqual((str(settings.user), settings.display_name), ("sip:alice@atlanta.com", "Alice"))

    def test_every_setting_is_shown(self) -> None:
        """Each one stands in its example, live or commented out; so do no others."""
        for name, table in (("sipmini-proxy", config.PROXY_SETTINGS), ("sipmini-ua", config.PHONE_SETTINGS)):
            lines = (ETC / f"{name}.toml").read_text().splitlines()
            shown = [line.lstrip("# ").split(" =")[0] for line in lines if " = " in line]
            self.assertEqual(sorted(shown), sorted(setting.name for setting in table))

    def test_zone(self) -> None:
        path = ETC / "biloxi.com.zone"
        zone = parse_zone(str(path), path.stem, path.read_text())
        self.assertEqual(zone.origin, "biloxi.com")
        self.assertEqual(zone.nodes["sip.biloxi.com"].alias, "proxy1.biloxi.com")
        self.assertFalse(zone.published)
