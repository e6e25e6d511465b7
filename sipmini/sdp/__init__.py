"""Session descriptions (RFC 8866) and the offer/answer model for them (RFC 3264)."""

from sipmini.sdp.description import (
    CONTENT_TYPE,
    DIRECTIONS,
    PCMA,
    PCMU,
    Attribute,
    BadDescription,
    Codec,
    Connection,
    Media,
    Origin,
    SessionDescription,
)
from sipmini.sdp.negotiation import CODECS, Stream, agreed, answer, common_codecs, offer

__all__ = [
    "CODECS",
    "CONTENT_TYPE",
    "DIRECTIONS",
    "PCMA",
    "PCMU",
    "Attribute",
    "BadDescription",
    "Codec",
    "Connection",
    "Media",
    "Origin",
    "SessionDescription",
    "Stream",
    "agreed",
    "answer",
    "common_codecs",
    "offer",
]
