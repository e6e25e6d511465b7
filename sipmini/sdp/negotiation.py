# test-case-name: tests.sdp.test_negotiation
"""Offer and answer: how two descriptions become one session (RFC 3264).

Pure: ports, addresses, session identifiers and versions come in as arguments.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from attrs import evolve, frozen

from sipmini import reasons
from sipmini.sdp.description import (
    PCMA,
    PCMU,
    Attribute,
    BadDescription,
    Codec,
    Connection,
    Media,
    Origin,
    SessionDescription,
    malformed,
)

CODECS: tuple[Codec, ...] = (PCMU, PCMA)

_MIRROR = {"sendrecv": "sendrecv", "sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}


@frozen
class Stream:
    """What offer and answer agreed on for one stream, seen by us: where to send, what, and which way."""

    address: str
    port: int
    codecs: tuple[Codec, ...]
    direction: str


def _connection_for(address: str) -> Connection:
    version = ipaddress.ip_address(address).version
    return Connection(f"IP{version}", address)


def _audio(port: int, codecs: Sequence[Codec], direction: str) -> Media:
    return Media(
        kind="audio",
        port=port,
        protocol="RTP/AVP",
        formats=tuple(str(codec.payload_type) for codec in codecs),
        attributes=(*(Attribute("rtpmap", codec.rtpmap) for codec in codecs), Attribute(direction)),
    )


def _ours(address: str, session_id: int, version: int, media: Sequence[Media]) -> SessionDescription:
    connection = _connection_for(address)
    return SessionDescription(
        origin=Origin("-", session_id, version, connection.address_type, connection.address),
        connection=connection,
        media=tuple(media),
    )


def offer(
    address: str,
    port: int,
    codecs: Sequence[Codec] = CODECS,
    *,
    session_id: int,
    version: int = 1,
    direction: str = "sendrecv",
) -> SessionDescription:
    """An offer of one audio stream at ``address`` (an IPv4 or IPv6 address) and ``port`` (RFC 3264 §5)."""
    return _ours(address, session_id, version, [_audio(port, codecs, direction)])


def answer(
    offered: SessionDescription,
    address: str,
    port: int,
    codecs: Sequence[Codec] = CODECS,
    *,
    session_id: int,
    version: int = 1,
) -> SessionDescription:
    """The answer to an offer (RFC 3264 §6): its m= lines in its order, at most one audio stream taken.

    The first stream that is RTP/AVP audio with an encoding of ours is taken under the offered payload
    types and with the direction mirrored; every other one is refused with port 0. Raises `BadDescription`
    (488; warn-code 304 without usable audio, 305 without a common encoding) when nothing can be taken.
    """
    media: list[Media] = []
    taken = False
    audio = False
    for stream in offered.media:
        common: tuple[Codec, ...] = ()
        if not taken and stream.port and stream.kind == "audio" and stream.protocol == "RTP/AVP":
            audio = True
            common = common_codecs(stream.codecs, codecs)
        if common:
            taken = True
            media.append(_audio(port, common, _MIRROR[offered.direction(stream)]))
        else:
            media.append(Media(stream.kind, 0, stream.protocol, stream.formats))
    if not taken and audio:
        known = ", ".join(codec.name for codec in codecs)
        raise BadDescription(reasons.NO_COMMON_MEDIA.because(f"no encoding of {known} is offered"), 305)
    if not taken:
        raise BadDescription(reasons.NO_COMMON_MEDIA.because("no RTP/AVP audio stream is offered"), 304)
    # The time lines of an answer are those of the offer (RFC 3264 §6).
    return evolve(_ours(address, session_id, version, media), times=offered.times)


def common_codecs(theirs: Sequence[Codec], ours: Sequence[Codec]) -> tuple[Codec, ...]:
    """Those of ``theirs`` that we know too, in their order and under their payload types."""
    return tuple(each for each in theirs if any(each.same_encoding(own) for own in ours))


def agreed(local: SessionDescription, remote: SessionDescription, codecs: Sequence[Codec] = CODECS) -> Stream:
    """The audio stream that a finished offer/answer exchange leaves us with.

    ``local`` is what we sent and ``remote`` what we received, whichever of them was the offer. Raises
    `BadDescription` when no stream is left (RFC 3264 §6: every one refused, or nothing in common).
    """
    if len(local.media) != len(remote.media):
        raise malformed(f"{len(remote.media)} streams answer {len(local.media)}")
    for mine, theirs in zip(local.media, remote.media, strict=True):
        connection = remote.connection_of(theirs)
        if mine.kind == "audio" and mine.port and theirs.port and connection is not None:
            common = common_codecs(theirs.codecs, codecs)
            if common:
                # What they may send we receive, but never more than what we said ourselves.
                ways = {_MIRROR[remote.direction(theirs)], local.direction(mine)} - {"sendrecv"}
                direction = ways.pop() if len(ways) == 1 else "inactive" if ways else "sendrecv"
                return Stream(connection.address, theirs.port, common, direction)
    raise BadDescription(reasons.NO_COMMON_MEDIA.because("the other side refused every stream"), 305)
