"""The floor: what it costs Twisted to move a call's datagrams when nothing looks at them.

    python floor.py PORT CALLEE_PORT

What comes from the callee's port goes to the last other sender, and what comes from anywhere else goes to the
callee. Loopback only.
"""

from __future__ import annotations

import sys

from twisted.internet import reactor
from twisted.internet.protocol import DatagramProtocol

LOOPBACK = "127.0.0.1"


class Floor(DatagramProtocol):
    """Forward each datagram by the port it came from."""

    def __init__(self, callee_port: int) -> None:
        self.callee = (LOOPBACK, callee_port)
        self.caller: tuple[str, int] | None = None

    def datagramReceived(self, datagram: bytes, address: tuple[str, int]) -> None:
        if address == self.callee:
            if self.caller is not None:
                self.transport.write(datagram, self.caller)
        else:
            self.caller = address
            self.transport.write(datagram, self.callee)


def main() -> None:
    port, callee_port = map(int, sys.argv[1:])
    # 64 KiB a datagram is what the proxies are ready to take as well.
    reactor.listenUDP(port, Floor(callee_port), interface=LOOPBACK, maxPacketSize=65536)
    print("ready", flush=True)
    reactor.run()


if __name__ == "__main__":
    main()
