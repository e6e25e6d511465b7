# test-case-name: tests.test_config
"""What a person may set: for the proxy, for the phone, in a TOML file or as options of the command.

One table for each command holds every setting; the file's keys, the command's options and the values'
checks are all made from it, so that they cannot drift apart.  An option goes before the file, the file
before the default.  Every mistake is one sentence with the file, the line and the remedy.

Touches the configuration file, and looks whether a script is there; creates and writes nothing.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from attrs import frozen

from sipmini.errors import BadSetting, MalformedUri, Unresolvable
from sipmini.resolver.locate import target_of
from sipmini.resolver.names import check_domain, ip_literal
from sipmini.uri import SipUri, parse_sip_uri

if sys.version_info >= (3, 11):
    import tomllib
else:  # pragma: no cover
    import tomli as tomllib

__all__ = [
    "PHONE_SETTINGS",
    "PROXY_SETTINGS",
    "ListenSpec",
    "PhoneSettings",
    "ProxySettings",
    "Setting",
    "parse_listen",
    "phone_settings",
    "proxy_settings",
    "state_directory",
]

#: A configuration file is not read beyond this, in octets.
MAX_CONFIGURATION = 1024 * 1024


@frozen
class ListenSpec:
    """Where to listen: ``transport`` is ``"UDP"``, ``"TCP"`` or ``None`` for both, ``host`` an IP address.

    ``port`` is from 0 to 65535; 0 lets the system choose.
    """

    transport: str | None
    host: str
    port: int

    def __str__(self) -> str:
        prefix = "" if self.transport is None else f"{self.transport.lower()}:"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{prefix}{host}:{self.port}"


@frozen
class ProxySettings:
    """Settings of ``sipmini-proxy``, checked.

    :ivar listen: where to listen; if empty, the default port of all addresses, or the next that is free.
    :ivar dns: whether names that no zone owns are asked of the system's DNS.
    :ivar message_log: whether the messages are written to ``STATE/log``.
    """

    domains: tuple[str, ...]
    listen: tuple[ListenSpec, ...]
    state_dir: Path
    dns: bool
    message_log: bool


@frozen
class PhoneSettings:
    """Settings of ``sipmini-ua``, checked.

    :ivar user: the person's address, sip:USER@DOMAIN, without parameters.
    :ivar proxy: the proxy that everything is sent through; ``None``: the one that DOMAIN's names lead to.
    :ivar listen: where to listen; if ``None``, the default port, or the next that is free.
    :ivar script: a file of console commands, ``None`` for standard input.
    :ivar events: ``"text"`` or ``"json"``.
    :ivar register: whether the phone registers when it starts.
    """

    user: SipUri
    display_name: str
    proxy: SipUri | None
    listen: ListenSpec | None
    state_dir: Path
    script: Path | None
    events: str
    dns: bool
    register: bool


@frozen
class Setting:
    """One setting, which is a key of the file and an option of the command.

    :ivar kind: ``"text"``, ``"list"`` (of texts; as an option, repeatable), ``"path"`` or ``"flag"``.
    :ivar help: one sentence for ``--help``.
    :ivar check: makes the value of a text; raises ValueError with what is wrong.
    :ivar remedy: how a right value looks.
    """

    name: str
    kind: str
    help: str
    check: Callable[[str], Any] = str
    remedy: str = ""


# --- values -----------------------------------------------------------------------------------

_LISTEN = re.compile(r"(?:(udp|tcp):)?(\[[^\]]*\]|[^:\[\]]*):([0-9]{1,5})", re.IGNORECASE | re.ASCII)


def parse_listen(text: str) -> ListenSpec:
    """``[udp:|tcp:]ADDR:PORT`` as a ListenSpec; an IPv6 address stands in brackets.  Raises ValueError."""
    match = _LISTEN.fullmatch(text)
    if match is None:
        raise ValueError("it is not of the form [udp:|tcp:]ADDR:PORT")
    transport, host, port = match.groups()
    address = "127.0.0.1" if host.lower() == "localhost" else ip_literal(host)
    if address is None or (":" in address) is not host.startswith("["):
        raise ValueError(f"{host!r} is not an IP address of this machine")
    if int(port) > 65535:
        raise ValueError(f"{port} is not a port: ports go from 0 to 65535")
    return ListenSpec(transport.upper() if transport else None, address, int(port))


def _parse_user(text: str) -> SipUri:
    uri = _parse_uri(text)
    if not uri.user:
        raise ValueError("it names no user" if "." in text or ":" in text else "it names no domain")
    if uri.password is not None or uri.params or uri.headers:
        raise ValueError("it is more than USER@DOMAIN")
    return uri


def _parse_proxy(text: str) -> SipUri:
    uri = _parse_uri(text)
    if uri.user is not None or uri.headers:
        raise ValueError("it names a user and not a proxy")
    try:
        target_of(uri)
    except Unresolvable as error:
        raise ValueError(str(error)) from None
    return uri


def _parse_uri(text: str) -> SipUri:
    """A sip: URI, whose scheme may be left out."""
    try:
        uri = parse_sip_uri(text if text.lower().startswith(("sip:", "sips:")) else f"sip:{text}")
    except MalformedUri as error:
        raise ValueError(str(error)) from None
    if uri.scheme != "sip":
        raise ValueError(f"{uri.scheme}: is not supported")
    return uri


def _display_name(text: str) -> str:
    if not text.isprintable():
        raise ValueError("it has characters that cannot be shown")
    if len(text) > 100:
        raise ValueError("it is longer than 100 characters")
    return text


def _path(text: str) -> Path:
    if not text or "\0" in text:
        raise ValueError("it is no path")
    return Path(text)


def _existing_file(text: str) -> Path:
    path = _path(text)
    if path.is_dir():
        raise ValueError("it is a directory")
    if not path.exists():
        raise ValueError("there is no such file")
    return path


def _events(text: str) -> str:
    if text not in ("text", "json"):
        raise ValueError("it is neither text nor json")
    return text


# --- the tables ---------------------------------------------------------------------------------

_STATE_DIR = Setting(
    "state-dir",
    "path",
    "Where bindings, names and logs are kept [default: $SIPMINI_STATE, else this system's place for it].",
    _path,
    "give a directory",
)
_NO_DNS = Setting("no-dns", "flag", "Find other domains by zone files only, never by the system's DNS.")

PROXY_SETTINGS = (
    Setting(
        "domain",
        "list",
        "A domain that this proxy serves; give it again for more [default: localhost].",
        check_domain,
        "name a domain such as atlanta.com; the proxy's own addresses are its domain anyway",
    ),
    Setting(
        "listen",
        "list",
        "Where to listen, as [udp:|tcp:]ADDR:PORT; give it again for more "
        "[default: UDP and TCP on port 8000 of all addresses, or the next free port].",
        parse_listen,
        "write for example 127.0.0.1:5060, udp:0.0.0.0:8000 or tcp:[::1]:5060",
    ),
    _STATE_DIR,
    _NO_DNS,
    Setting("no-message-log", "flag", "Do not write the messages to the state directory's log."),
)

PHONE_SETTINGS = (
    Setting(
        "user",
        "text",
        "Whose phone this is, such as alice@atlanta.com.",
        _parse_user,
        "write for example alice@atlanta.com",
    ),
    Setting(
        "display-name",
        "text",
        "The name that others are shown, such as Alice.",
        _display_name,
        "write a short name",
    ),
    Setting(
        "proxy",
        "text",
        "The proxy to send everything through, such as sip:127.0.0.1:8000 [default: the user's domain says].",
        _parse_proxy,
        "write for example sip:127.0.0.1:8000 or sip:proxy.atlanta.com;transport=tcp",
    ),
    Setting(
        "listen",
        "text",
        "Where to listen, as ADDR:PORT [default: port 5060, or the next free port].",
        parse_listen,
        "write for example 127.0.0.1:5062 or [::1]:5062",
    ),
    _STATE_DIR,
    Setting(
        "script",
        "path",
        "A file of console commands to run instead of those on standard input.",
        _existing_file,
        "give the path of a file with one console command a line",
    ),
    Setting(
        "events",
        "text",
        "How events are printed off a terminal: text, or json for one object a line [default: text].",
        _events,
        'write "text" or "json"',
    ),
    _NO_DNS,
    Setting("no-register", "flag", "Do not register when the phone starts."),
)


# --- from options, file and defaults to settings ------------------------------------------------


def proxy_settings(
    options: Mapping[str, Any], environ: Mapping[str, str], config: str | None = None
) -> ProxySettings:
    """The settings of a proxy: *options* that were given, the file *config*, the defaults, in this order.

    Raises BadSetting.
    """
    values = _load(PROXY_SETTINGS, options, config)
    return ProxySettings(
        domains=values.get("domain") or ("localhost",),
        listen=values.get("listen", ()),
        state_dir=state_directory(environ, values.get("state-dir")),
        dns=not values.get("no-dns"),
        message_log=not values.get("no-message-log"),
    )


def phone_settings(
    options: Mapping[str, Any], environ: Mapping[str, str], config: str | None = None
) -> PhoneSettings:
    """The settings of a phone: *options* that were given, the file *config*, the defaults, in this order.

    Raises BadSetting.
    """
    values = _load(PHONE_SETTINGS, options, config)
    if "user" not in values:
        raise BadSetting(
            "the phone needs a user", "give --user, for example --user alice@atlanta.com", config
        )
    return PhoneSettings(
        user=values["user"],
        display_name=values.get("display-name", ""),
        proxy=values.get("proxy"),
        listen=values.get("listen"),
        state_dir=state_directory(environ, values.get("state-dir")),
        script=values.get("script"),
        events=values.get("events", "text"),
        dns=not values.get("no-dns"),
        register=not values.get("no-register"),
    )


def state_directory(
    environ: Mapping[str, str], override: str | os.PathLike[str] | None = None, platform: str = sys.platform
) -> Path:
    """Where state is kept: *override*, else $SIPMINI_STATE, else the *platform*'s place for it.  Absolute."""
    chosen = override or environ.get("SIPMINI_STATE")
    if not chosen:
        home = environ.get("HOME") or os.path.expanduser("~")
        if platform == "win32":
            chosen = Path(environ.get("LOCALAPPDATA") or Path(home, "AppData", "Local"), "sipmini")
        elif platform == "darwin":
            chosen = Path(home, "Library", "Application Support", "sipmini")
        else:
            chosen = Path(environ.get("XDG_STATE_HOME") or Path(home, ".local", "state"), "sipmini")
    return Path(os.path.abspath(chosen))


def _load(settings: Sequence[Setting], options: Mapping[str, Any], config: str | None) -> dict[str, Any]:
    """The checked values of all settings that stand in *options* or in the file *config*."""
    values = {} if config is None else _from_file(settings, config)
    for setting in settings:
        given = options.get(setting.name)
        if given not in (None, 0, []):
            values[setting.name] = _checked(setting, given, Path.cwd(), lambda text: ("--", None, None))
    return values


_Place = Callable[[str], tuple[str, "str | None", "int | None"]]


def _checked(setting: Setting, given: Any, base: Path, place: _Place) -> Any:
    """The value of *setting* for what was *given*: a text, a list of texts, or true.

    Paths are relative to *base*; *place* says, for a text, what stands before the setting's name, the
    file and the line.
    """
    if setting.kind == "flag":
        return bool(given)
    if setting.kind == "list":
        return tuple(dict.fromkeys(_check_text(setting, text, place) for text in given))
    if setting.kind == "path":
        given = given and os.path.join(base, os.path.expanduser(given))
    return _check_text(setting, given, place)


def _check_text(setting: Setting, text: str, place: _Place) -> Any:
    try:
        return setting.check(text)
    except ValueError as error:
        before, file, line = place(text)
        problem = f"{before}{setting.name} {text[:80]!r}: {error}"
        raise BadSetting(problem, setting.remedy, file, line) from None


# --- the file -----------------------------------------------------------------------------------

_WORDS = {
    "text": 'a text in quotes, such as {0} = "..."',
    "path": 'a path in quotes, such as {0} = "..."',
    "list": 'a text in quotes or a list of them, such as {0} = ["...", "..."]',
    "flag": "true or false, without quotes",
}


def _from_file(settings: Sequence[Setting], file: str) -> dict[str, Any]:
    """The checked values that stand in *file*."""
    text = _read(file)
    lines = text.split("\n")
    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise _syntax_error(file, lines, str(error)) from None
    known = {setting.name: setting for setting in settings}
    values: dict[str, Any] = {}
    for key, given in table.items():
        line = _line_of(lines, key)
        setting = known.get(key)
        if setting is None:
            raise BadSetting(f"there is no setting {key[:80]!r}", _suggestion(key, known), file, line)
        if isinstance(given, str) and setting.kind == "list":
            given = [given]
        if not _is_of_kind(given, setting.kind):
            remedy = "write " + _WORDS[setting.kind].format(key)
            raise BadSetting(f"{key} is of the wrong kind", remedy, file, line)

        def place(text: str, line: int = line) -> tuple[str, str, int]:
            quoted = (f'"{text}"', f"'{text}'")
            here = (at for at in range(line, len(lines) + 1) if any(each in lines[at - 1] for each in quoted))
            return "", file, next(here, line)

        values[key] = _checked(setting, given, Path(file).parent, place)
    return values


def _read(file: str) -> str:
    try:
        with open(file, "rb") as stream:
            data = stream.read(MAX_CONFIGURATION + 1)
    except OSError as error:
        raise BadSetting(
            f"cannot be read ({error.strerror})", "check the path given with --config", file
        ) from None
    if len(data) > MAX_CONFIGURATION:
        raise BadSetting("larger than 1 MiB", "check the path given with --config", file)
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BadSetting("this is not UTF-8 text", "save the file as UTF-8", file, line) from None


def _syntax_error(file: str, lines: list[str], error: str) -> BadSetting:
    """A sentence for what is no TOML; the reader says where it stopped, if that is not the end."""
    problem, _, place = error.partition(" (at ")
    found = re.match(r"line (\d+)", place)
    line = int(found[1]) if found is not None else len(lines)
    return BadSetting(f"not TOML: {problem}", 'write each setting as KEY = "VALUE" on its line', file, line)


def _line_of(lines: list[str], key: str) -> int:
    """The line on which *key* is set, or its table begins; the first if it is written in some other way."""
    start = re.compile(rf"""\s*\[*\s*["']?{re.escape(key)}["']?\s*[=\].]""")
    return next((number for number, line in enumerate(lines, 1) if start.match(line)), 1)


def _suggestion(key: str, known: Mapping[str, Setting]) -> str:
    close = get_close_matches(key.lower().replace("_", "-"), known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"the settings are {', '.join(known)}"


def _is_of_kind(given: Any, kind: str) -> bool:
    if kind == "flag":
        return isinstance(given, bool)
    if kind == "list":
        return isinstance(given, list) and all(isinstance(each, str) for each in given)
    return isinstance(given, str)
