"""sipmini: a SIP proxy and registrar, a phone with a console, and a reason for every message between them."""

__version__ = "0.1.0"
