"""The two commands that sipmini adds to twistd; each is loaded only when it is asked for."""

from twisted.application.service import ServiceMaker

sipmini_proxy = ServiceMaker(
    "sipmini proxy",
    "sipmini.proxy_tap",
    "A SIP proxy and registrar for your domains.",
    "sipmini-proxy",
)

sipmini_ua = ServiceMaker(
    "sipmini user agent",
    "sipmini.ua_tap",
    "A SIP phone with a console on standard input.",
    "sipmini-ua",
)
