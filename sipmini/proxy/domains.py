"""Which names and addresses a proxy answers for.  Pure, but for asking the transports."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sipmini.uri import SipUri

#: Names of this very host; a proxy that is reached under them is meant itself.
_SELF = frozenset({"localhost"})
_REMEMBERED = 4096


class Domains:
    """The domains of a proxy, and its own addresses, which are its domain too.

    :ivar names: the domains in lower case, the primary one first.
    """

    def __init__(
        self,
        names: Sequence[str],
        ports: Callable[[], frozenset[int]],
        is_own_address: Callable[[str, int | None], bool],
    ) -> None:
        """:param ports: the ports that are listened on.
        :param is_own_address: whether an IP address and port are listened on; the default port for ``None``.
        """
        self.names = tuple([name.lower().rstrip(".") for name in names])
        self._ports = ports
        self._is_own_address = is_own_address
        self._known: dict[tuple[str, int | None, bool], bool] = {}

    @property
    def primary(self) -> str:
        """The domain that own addresses stand for."""
        return self.names[0]

    def is_mine(self, host: str, port: int | None) -> bool:
        """Whether *host* is a domain of ours, or an address of ours; without a port, at any of our ports."""
        return self._remembered(host, port, False)

    def is_own_place(self, uri: SipUri) -> bool:
        """Whether *uri* names this very element: as :meth:`is_mine`, but no port means the default one.

        Contacts of phones on the same host as the proxy differ from it by the port alone.
        """
        return self._remembered(uri.host, uri.port, True)

    def canonical(self, host: str) -> str:
        """The domain that *host*, one of ours, stands for."""
        name = host.lower().rstrip(".")
        return name if name in self.names or not self.is_mine(host, None) else self.primary

    def _remembered(self, host: str, port: int | None, exact: bool) -> bool:
        key = (host, port, exact)
        answer = self._known.get(key)
        if answer is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            answer = self._known[key] = self._decide(host.lower().rstrip("."), port, exact)
        return answer

    def _decide(self, host: str, port: int | None, exact: bool) -> bool:
        ports = self._ports()
        if host in self.names:
            return port is None or port in ports
        if host in _SELF:
            wanted = port or (5060 if exact else None)
            return wanted in ports if wanted is not None else True
        if port is None and not exact:
            return any(self._is_own_address(host, own) for own in ports)
        return self._is_own_address(host, port)
