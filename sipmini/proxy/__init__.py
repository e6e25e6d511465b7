"""The proxy (RFC 3261 §16): routing, forking, the response context.

Stands on the stack, the registrar, the location store and the resolver; knows no socket
and no phone.
"""

from sipmini.proxy.core import Proxy
from sipmini.proxy.domains import Domains

__all__ = ["Domains", "Proxy"]
