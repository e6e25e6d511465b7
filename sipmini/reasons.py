"""Every rule by which sipmini rejects, drops or rewrites a message.

A status code is never chosen without one of these, and a message is never
dropped without one: the rule says which sentence of which RFC was applied, and
what the person who meets it can do.  This module imports nothing of sipmini.
"""

from __future__ import annotations

from attrs import field, frozen

#: Every rule by its name, filled as the constants below are made.
RULES: dict[str, Rule] = {}


@frozen
class Rule:
    """One rule.

    :ivar name: what it is called in logs, journals and pages.
    :ivar rfc: the document and section it stands in.
    :ivar status: the status code it answers with; ``None`` if the message is dropped or rewritten.
    :ivar phrase: the reason phrase of the answer, or what happens instead.
    :ivar hint: what the sender, or whoever runs this element, can do about it.
    """

    name: str
    rfc: str
    status: int | None
    phrase: str
    hint: str

    def because(self, detail: str = "", short: str = "") -> Reason:
        """This rule, applied: *detail* says to what in the message it was applied, *short* briefly."""
        return Reason(self, detail, short)


@frozen
class Reason:
    """A rule and what it was applied to.

    :ivar detail: all of it, for logs and journals.
    :ivar short: what of it belongs on a status line, where that is not the whole.
    """

    rule: Rule
    detail: str = ""
    short: str = field(default="", eq=False)

    @property
    def status(self) -> int | None:
        """The status code of the answer, ``None`` where there is none."""
        return self.rule.status

    @property
    def phrase(self) -> str:
        """The reason phrase for a status line: the rule's, with the detail where there is one."""
        detail = self.short or self.detail
        return f"{self.rule.phrase} ({detail})" if detail else self.rule.phrase

    def __str__(self) -> str:
        text = f"{self.rule.name} ({self.rule.rfc})"
        return f"{text}: {self.detail}" if self.detail else text


def _rule(name: str, rfc: str, status: int | None, phrase: str, hint: str) -> Rule:
    if name in RULES:
        raise ValueError(f"two rules are called {name}")
    RULES[name] = rule = Rule(name, rfc, status, phrase, hint)
    return rule


# --- what cannot be read (codec, framing) ---------------------------------------------------

BAD_START_LINE = _rule(
    "bad-start-line",
    "RFC 3261 §7.1",
    400,
    "Malformed Start Line",
    "A request starts with METHOD SP Request-URI SP SIP/2.0, single spaces, the URI without <>.",
)
BAD_VERSION = _rule(
    "sip-version",
    "RFC 3261 §21.5.6",
    505,
    "SIP Version Not Supported",
    "Send SIP/2.0.",
)
BAD_REQUEST_URI = _rule(
    "bad-request-uri",
    "RFC 3261 §8.1.1.1",
    400,
    "Malformed Request-URI",
    "Write the Request-URI as sip:user@host, an IPv6 address in brackets, no <> and no spaces.",
)
BAD_HEADER_LINE = _rule(
    "bad-header-line",
    "RFC 3261 §7.3.1",
    400,
    "Malformed Header Field",
    "Each header field is a token, a colon and a value.",
)
NO_END_OF_HEADERS = _rule(
    "no-end-of-headers",
    "RFC 3261 §7.3",
    400,
    "Missing Empty Line After Header Fields",
    "An empty line ends the header fields, also where there is no body.",
)
BAD_CONTENT_LENGTH = _rule(
    "bad-content-length",
    "RFC 3261 §20.14",
    400,
    "Bad Content-Length",
    "Content-Length is a decimal number of octets, given once, or with one and the same value.",
)
SHORT_BODY = _rule(
    "short-body",
    "RFC 3261 §18.3",
    400,
    "Body Shorter Than Content-Length",
    "The datagram ended before the body did: check Content-Length, or send large messages over TCP.",
)
MISSING_CONTENT_LENGTH = _rule(
    "missing-content-length",
    "RFC 3261 §18.3",
    400,
    "Content-Length Required On Streams",
    "On TCP nothing else says where a message ends; this connection is closed.",
)
MISSING_HEADER = _rule(
    "missing-header",
    "RFC 3261 §8.1.1",
    400,
    "Missing Header Field",
    "A request needs Via, To, From, Call-ID, CSeq and Max-Forwards.",
)
REPEATED_HEADER = _rule(
    "repeated-header",
    "RFC 3261 §7.3.1",
    400,
    "Header Field Given Twice",
    "This header field has one value; which of two was meant cannot be known.",
)
BAD_HEADER_VALUE = _rule(
    "bad-header-value",
    "RFC 3261 §25.1",
    400,
    "Malformed Header Value",
    "The value does not follow its grammar; the detail says which header field.",
)
CSEQ_MISMATCH = _rule(
    "cseq-method-mismatch",
    "RFC 3261 §8.1.1.5",
    400,
    "CSeq Method Does Not Match",
    "The method in CSeq is the method of the request.",
)
TOO_LARGE = _rule(
    "message-too-large",
    "RFC 3261 §21.5.7",
    513,
    "Message Too Large",
    "sipmini reads messages of up to 64 KiB with up to 256 header fields.",
)
MALFORMED_RESPONSE = _rule(
    "malformed-response",
    "RFC 3261 §18.1.2",
    None,
    "Response Discarded",
    "A response that cannot be read is not answered; see the detail.",
)
NOT_SIP = _rule(
    "not-sip",
    "RFC 3261 §7",
    None,
    "Discarded, Not A SIP Message",
    "What arrived has neither a request line nor a status line of SIP.",
)
UNANSWERABLE = _rule(
    "unanswerable",
    "RFC 3261 §8.2.6.2",
    None,
    "Discarded, No Usable Via, To, From, Call-ID Or CSeq To Answer With",
    "A response copies these header fields from the request; without them nobody could match it.",
)
MALFORMED_ACK = _rule(
    "malformed-ack",
    "RFC 3261 §17.1.1.3",
    None,
    "ACK Discarded",
    "An ACK is never answered; one that cannot be used is dropped.",
)

# --- transport ------------------------------------------------------------------------------

STREAM_STALLED = _rule(
    "stream-stalled",
    "RFC 3261 §18.3",
    None,
    "Connection Closed, Its Message Never Ended",
    "A message that began on a connection must arrive whole within the time allowed for it.",
)
TOO_MANY_CONNECTIONS = _rule(
    "too-many-connections",
    "RFC 3261 §18",
    None,
    "Connection Refused, Too Many Are Open",
    "Close connections that are idle, or spread the load over more proxies.",
)
UNSENDABLE_RESPONSE = _rule(
    "unsendable-response",
    "RFC 3261 §18.2.2",
    None,
    "Response Dropped, Its Connection Is Gone And No Address Of The Via Could Be Used",
    "The peer closed the connection before the response and listens nowhere that its Via names.",
)
LARGE_TO_TCP = _rule(
    "large-request-to-tcp",
    "RFC 3261 §18.1.1",
    None,
    "Sent Over TCP, Larger Than 1300 Octets",
    "A large datagram would be fragmented, and lost whole with any fragment.",
)
TCP_REFUSED_TO_UDP = _rule(
    "tcp-refused-back-to-udp",
    "RFC 3261 §18.1.1",
    None,
    "Sent Over UDP After All, TCP Was Refused",
    "The next hop does not listen on TCP; let it, large requests need it.",
)

# --- names ----------------------------------------------------------------------------------

NAME_LOOKUP_FAILED = _rule(
    "name-lookup-failed",
    "RFC 3263 §4",
    500,
    "Domain Lookup Failed",
    "The DNS did not answer, or refused; try again, or write a zone file for that domain in STATE/dns.",
)
UNSUPPORTED_TRANSPORT = _rule(
    "unsupported-transport",
    "RFC 3263 §4.1",
    500,
    "Transport Not Supported",
    "sipmini sends over UDP and TCP; leave the transport parameter out, or name one of these.",
)

# --- transactions ---------------------------------------------------------------------------

STRAY_RESPONSE = _rule(
    "stray-response",
    "RFC 6026 §7.2",
    None,
    "Response Discarded, No Transaction Waits For It",
    "It came after its transaction ended, or was never asked for.",
)
WRONG_VIA_RESPONSE = _rule(
    "response-not-ours",
    "RFC 3261 §18.1.2",
    None,
    "Response Discarded, Its Top Via Is Not Ours",
    "A response returns to the element that stands on top of its Via list.",
)
STRAY_ACK = _rule(
    "stray-ack",
    "RFC 3261 §17.2.3",
    None,
    "ACK Discarded, It Belongs To No Call",
    "The INVITE it acknowledges was never seen here, or ended long ago.",
)
STRAY_CANCEL = _rule(
    "cancel-without-transaction",
    "RFC 3261 §9.2",
    481,
    "Call/Transaction Does Not Exist",
    "A CANCEL copies the Via of the request it cancels, which must still be pending.",
)
TOO_MANY_TRANSACTIONS = _rule(
    "too-many-transactions",
    "RFC 3261 §21.5.4",
    503,
    "Server Busy",
    "This element has as many transactions in progress as it allows; try again shortly.",
)
SERVER_ERROR = _rule(
    "server-error",
    "RFC 3261 §21.5.1",
    500,
    "Server Internal Error",
    "This is a fault in sipmini: the log holds the traceback; please report it.",
)

# --- proxy ----------------------------------------------------------------------------------

TOO_MANY_HOPS = _rule(
    "max-forwards",
    "RFC 3261 §16.3",
    483,
    "Too Many Hops",
    "Max-Forwards reached 0: there may be a routing loop between the proxies in the Via list.",
)
LOOP_DETECTED = _rule(
    "loop-detected",
    "RFC 5393 §4.2",
    482,
    "Loop Detected",
    "The request came back unchanged; look for two proxies that point at each other.",
)
BAD_PROXY_EXTENSION = _rule(
    "proxy-require",
    "RFC 3261 §16.3",
    420,
    "Bad Extension",
    "This proxy does not know the option tags listed in Unsupported.",
)
UNSUPPORTED_SCHEME = _rule(
    "unsupported-uri-scheme",
    "RFC 3261 §16.3",
    416,
    "Unsupported URI Scheme",
    "This element routes sip: URIs.",
)
UNKNOWN_USER = _rule(
    "unknown-user",
    "RFC 3261 §16.5",
    404,
    "Not Found",
    "Nobody of that name has ever registered in this domain; check the spelling.",
)
NOT_REGISTERED = _rule(
    "not-registered",
    "RFC 3261 §16.5",
    480,
    "Temporarily Unavailable",
    "The user is known here but no phone of theirs is registered at the moment.",
)
UNREACHABLE_DOMAIN = _rule(
    "unreachable-domain",
    "RFC 3263 §4",
    404,
    "Domain Not Found",
    "No zone file and no DNS answer says where that domain's proxy is.",
)
NO_ANSWER = _rule(
    "no-answer-in-time",
    "RFC 3261 §16.8",
    408,
    "Request Timeout",
    "The next hop did not answer in time.",
)
NEXT_HOP_FAILED = _rule(
    "next-hop-failed",
    "RFC 3261 §16.9",
    500,
    "Next Hop Could Not Be Reached",
    "Sending to the next hop failed; the detail says how.",
)
ONLY_503 = _rule(
    "503-becomes-500",
    "RFC 3261 §16.7",
    500,
    "Server Internal Error",
    "Every branch answered 503; passing that on would silence this whole proxy.",
)
LATE_NON_INVITE = _rule(
    "late-non-invite-timeout",
    "RFC 4320 §4.2",
    None,
    "No 408, The Client Has Given Up Already",
    "A 408 to a non-INVITE request always arrives too late to be of use.",
)
CANCELLED = _rule(
    "cancelled",
    "RFC 3261 §9.2",
    487,
    "Request Terminated",
    "The caller cancelled the request before it was answered.",
)
INVITE_TIMED_OUT = _rule(
    "timer-c",
    "RFC 3261 §16.8",
    408,
    "Request Timeout",
    "The callee's phone neither answered nor sent a provisional response within Timer C.",
)
LAST_VIA = _rule(
    "no-via-left",
    "RFC 3261 §16.7",
    None,
    "Response Discarded, No Via Is Left",
    "Only one Via stood in it, and that was ours: it was meant for nobody further.",
)
BAD_GATEWAY = _rule(
    "unusable-response",
    "RFC 3261 §21.5.3",
    502,
    "Bad Gateway",
    "The next hop answered with a response that bears no Via but this proxy's, and so leads no further.",
)
NON_INVITE_PROVISIONAL = _rule(
    "non-invite-provisional",
    "RFC 4320 §4.1",
    None,
    "Response Discarded, A Non-INVITE Has No Provisional Response But 100",
    "A provisional response would only keep the client from trying again.",
)
AFTER_FINAL = _rule(
    "after-final",
    "RFC 3261 §16.7",
    None,
    "Response Not Forwarded, A Final One Was Before It",
    "Once the client has a final response, only a 2xx to an INVITE follows it.",
)

MAX_BREADTH = _rule(
    "max-breadth",
    "RFC 5393 §5.3",
    440,
    "Max-Breadth Exceeded",
    "The request forks into more branches than are allowed: look for users that forward to each other.",
)
RELAY_DENIED = _rule(
    "relay-denied",
    "RFC 3261 §16.5",
    403,
    "Relaying Denied",
    "Neither the caller nor the callee belongs to a domain of this proxy, so it carries nothing for them.",
)
STRICT_ROUTE_REPAIRED = _rule(
    "strict-route-repaired",
    "RFC 3261 §16.4",
    None,
    "Rewritten, A Strict Router Had Put This Proxy Into The Request-URI",
    "The hop before this one is a strict router of RFC 2543; the last Route became the Request-URI again.",
)
NO_USABLE_CONTACT = _rule(
    "no-usable-contact",
    "RFC 3261 §16.5",
    480,
    "Temporarily Unavailable",
    "The user has registered only contacts that a SIP proxy cannot send to, such as mailto:.",
)

# --- registrar ------------------------------------------------------------------------------

BAD_EXTENSION = _rule(
    "require",
    "RFC 3261 §8.2.2.3",
    420,
    "Bad Extension",
    "This element does not know the option tags listed in Unsupported.",
)
REGISTER_WITH_USER = _rule(
    "register-uri-has-user",
    "RFC 3261 §10.2",
    400,
    "Request-URI Of REGISTER Names A User",
    "A REGISTER is addressed to the domain alone, sip:atlanta.com; the user stands in To.",
)
NOT_IN_DOMAIN = _rule(
    "user-not-in-domain",
    "RFC 3261 §10.3",
    404,
    "Not Found",
    "To must be a sip: address in the domain that the Request-URI names, one that this registrar serves.",
)
BAD_WILDCARD = _rule(
    "wildcard-contact",
    "RFC 3261 §10.3",
    400,
    "Invalid Request",
    "Contact: * removes all bindings; it stands alone, and with Expires: 0.",
)
INTERVAL_TOO_BRIEF = _rule(
    "interval-too-brief",
    "RFC 3261 §10.3",
    423,
    "Interval Too Brief",
    "Register for at least as long as Min-Expires says.",
)
REGISTER_OUT_OF_ORDER = _rule(
    "register-out-of-order",
    "RFC 3261 §10.3",
    500,
    "Request Out Of Order",
    "A REGISTER with the same Call-ID needs a higher CSeq than the one that last changed the binding.",
)
TOO_MANY_CONTACTS = _rule(
    "too-many-contacts",
    "RFC 3261 §21.4.4",
    403,
    "Too Many Contacts",
    "Remove contacts of this address that are no longer used, or have the limit raised.",
)
CONTACT_TOO_LONG = _rule(
    "contact-too-long",
    "RFC 3261 §21.4.4",
    403,
    "Contact Too Long",
    "Register a shorter contact URI.",
)
REGISTRAR_FULL = _rule(
    "registrar-full",
    "RFC 3261 §21.5.4",
    503,
    "Registrar Full",
    "This registrar holds as many bindings as it allows; spread the users over more of them.",
)
BINDING_NOT_STORED = _rule(
    "binding-not-stored",
    "RFC 3261 §10.3",
    500,
    "Binding Could Not Be Stored",
    "The location file could not be written: the log of the registrar says why.",
)

# --- user agent -----------------------------------------------------------------------------

METHOD_NOT_ALLOWED = _rule(
    "method-not-allowed",
    "RFC 3261 §8.2.1",
    405,
    "Method Not Allowed",
    "Allow lists what this element understands.",
)
METHOD_NOT_IMPLEMENTED = _rule(
    "method-not-implemented",
    "RFC 3261 §21.5.2",
    501,
    "Not Implemented",
    "The phone has never heard of this method; Allow lists those it knows.",
)
NOT_THIS_USER = _rule(
    "not-this-user",
    "RFC 3261 §8.2.2.1",
    404,
    "Not Found",
    "The Request-URI names neither the user of this phone nor a Contact it gave out.",
)
MERGED_REQUEST = _rule(
    "merged-request",
    "RFC 3261 §8.2.2.2",
    482,
    "Loop Detected",
    "The same request came before by another path; the first one is the one that is answered.",
)
UNSUPPORTED_BODY = _rule(
    "unsupported-media-type",
    "RFC 3261 §8.2.3",
    415,
    "Unsupported Media Type",
    "Accept and Accept-Encoding list what the phone reads; a body must be one of those.",
)
NO_DIALOG = _rule(
    "no-such-dialog",
    "RFC 3261 §12.2.2",
    481,
    "Call/Transaction Does Not Exist",
    "No call has this Call-ID and these tags: it ended, or the phone was restarted.",
)
OLD_CSEQ = _rule(
    "cseq-out-of-order",
    "RFC 3261 §12.2.2",
    500,
    "CSeq Out Of Order",
    "Each new request in a dialog has a higher CSeq number than the one before.",
)
BUSY_HERE = _rule(
    "busy-here",
    "RFC 3261 §21.4.24",
    486,
    "Busy Here",
    "The phone has one line, and a call is on it.",
)
DECLINED = _rule(
    "declined",
    "RFC 3261 §21.6.2",
    603,
    "Decline",
    "The user does not want to take the call.",
)
NOT_ANSWERED = _rule(
    "not-answered",
    "RFC 3261 §13.3.1.1",
    480,
    "Temporarily Unavailable",
    "The phone rang for as long as it is allowed to, and nobody answered.",
)
CALLER_LOST = _rule(
    "caller-lost",
    "RFC 6026 §8.8",
    500,
    "An Earlier Response Could Not Be Sent",
    "The way back to the caller was closed while the phone rang; the detail says how.",
)
INVITATION_EXPIRED = _rule(
    "invitation-expired",
    "RFC 3261 §13.3.1",
    487,
    "Request Terminated",
    "The Expires of the INVITE ran out before the call was answered.",
)
ENDED_BY_BYE = _rule(
    "ended-by-bye",
    "RFC 3261 §15.1.2",
    487,
    "Request Terminated",
    "The caller sent BYE while the INVITE was still unanswered.",
)
REQUEST_PENDING = _rule(
    "request-pending",
    "RFC 3261 §14.2",
    491,
    "Request Pending",
    "An INVITE of ours is under way in this dialog; try again when it is over.",
)
INVITE_IN_PROGRESS = _rule(
    "invite-in-progress",
    "RFC 3261 §14.2",
    500,
    "Earlier INVITE Still In Progress",
    "The INVITE before this one is not finished yet; try again after Retry-After seconds.",
)
MISSING_CONTACT = _rule(
    "missing-contact",
    "RFC 3261 §8.1.1.8",
    400,
    "Missing Contact",
    "An INVITE carries exactly one Contact with the address for the requests that follow.",
)
MALFORMED_SESSION_DESCRIPTION = _rule(
    "malformed-session-description",
    "RFC 8866 §5",
    400,
    "Malformed Session Description",
    "The body is not a session description in the order and grammar of RFC 8866; the detail says where.",
)
NO_COMMON_MEDIA = _rule(
    "no-common-media",
    "RFC 3264 §6",
    488,
    "Not Acceptable Here",
    "Offer one RTP/AVP audio stream with PCMU or PCMA; Warning says what was missing.",
)
NO_MEDIA_PORT = _rule(
    "no-media-port",
    "RFC 3261 §21.5.4",
    503,
    "No Port For Media",
    "No UDP port could be bound for the sound of the call; free some, or close other calls.",
)
ACK_NEVER_CAME = _rule(
    "ack-never-came",
    "RFC 3261 §13.3.1.4",
    None,
    "Call Ended With BYE, Its ACK Never Came",
    "The caller must acknowledge the 200; its ACK goes to the Contact, check that it can reach it.",
)
UNWANTED_2XX = _rule(
    "unwanted-2xx",
    "RFC 3261 §13.2.2.4",
    None,
    "Call Ended With BYE, It Was Answered Too Late Or Twice",
    "A 200 that crosses a CANCEL, or a second one from a fork, is acknowledged and ended at once.",
)
