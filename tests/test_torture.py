"""What the base layer must make of the torture messages (RFC 4475, RFC 5118, captures of real agents).

One test a message.  Each asserts what the manifest's ``parser`` sentence says: the values that are found, or
the rule by which the message is refused.  What a registrar, a proxy or a phone then does is tested there.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipmini.codec import check, decode, encode
from sipmini.decoded import as_dict, from_dict
from sipmini.errors import MalformedMessage, MalformedUri, MalformedValue
from sipmini.framing import StreamFramer
from sipmini.message import Message, Request, Response
from sipmini.uri import OtherUri, SipUri, parse_sip_uri, uri_equal
from tests import torture

#: Messages whose Content-Length does not fit on purpose: on a stream they are cut otherwise, or not at all.
NOT_FOR_STREAMS = {"dblreq"}


class TortureCase(SynchronousTestCase):
    suite = ""

    def setUp(self) -> None:
        self.manifest = torture.manifest(self.suite)

    def valid(self, name: str) -> Message:
        """The message, which everybody can read, and which leaves us as it came."""
        self.assertIn(self.manifest[name]["syntax"], ("valid", "valid*"))
        data = torture.message(self.suite, name)
        message = decode(data)
        self.assertIsNone(check(message))
        self.assertEqual(isinstance(message, Request), self.manifest[name]["kind"] == "request")
        self.assertEqual(encode(message), data[: len(encode(message))])
        self.assertEqual(len(encode(message)), len(data) if name != "dblreq" else 300)
        # All that a proxy or phone may ask for can be read.
        self.assertTrue(message.vias)
        self.assertEqual(
            (message.to.uri, message.from_.uri, message.cseq.number >= 0),
            (message.to.uri, message.from_.uri, True),
        )
        [address.uri for address in [*message.contacts, *message.record_routes]]
        # The decoded form goes there and back.
        form = as_dict(message)
        again = as_dict(decode(encode(from_dict(form))))
        fields = again["Fields"]
        assert isinstance(fields, dict)
        if "Content-Length" not in message.headers:
            self.assertEqual(fields.pop("Content-Length"), len(message.body))
        self.assertEqual(again, form)
        if "Content-Length" in message.headers and name not in NOT_FOR_STREAMS:
            self.cut_from_a_stream(data)
        return message

    def cut_from_a_stream(self, data: bytes) -> None:
        """The same message comes out of a stream, however it arrives."""
        for size in (len(data) + 9, 1):
            framer = StreamFramer()
            stream = data + b"INVITE si"
            pieces = [
                piece for at in range(0, len(stream), size) for piece in framer.feed(stream[at : at + size])
            ]
            self.assertEqual((pieces, framer.pending), ([data], 9))

    def request(self, name: str) -> Request:
        message = self.valid(name)
        assert isinstance(message, Request)
        return message

    def response(self, name: str) -> Response:
        message = self.valid(name)
        assert isinstance(message, Response)
        return message

    def refused(self, name: str, rule: str, status: int | None, detail: str = "") -> Message | None:
        """The message, as far as it can be read, which *rule* refuses."""
        self.assertIn(self.manifest[name]["syntax"], ("invalid", "valid*"))
        message: Message | None
        try:
            message = decode(torture.message(self.suite, name))
        except MalformedMessage as error:
            message, reason = error.message, error.reason
        else:
            found = check(message)
            assert found is not None
            reason = found
        self.assertEqual((reason.rule.name, reason.status), (rule, status))
        self.assertIn(detail, reason.detail)
        outcomes = self.manifest[name]["acceptable_over_udp"]
        self.assertIn("discard" if status is None else str(status), outcomes)
        return message


class Rfc4475Tests(TortureCase):
    suite = "rfc4475"

    def test_every_message_has_its_test(self) -> None:
        self.assertEqual(len(self.manifest), torture.SUITES[self.suite])
        missing = [name for name in self.manifest if not hasattr(self, f"test_{name}")]
        self.assertEqual(missing, [])

    def test_wsinv(self) -> None:
        """§3.1.1.1, a short tortuous INVITE."""
        message = self.request("wsinv")
        self.assertEqual((message.max_forwards, message.cseq.number, message.cseq.method), (68, 9, "INVITE"))
        self.assertEqual(
            [(via.transport, via.host, via.branch) for via in message.vias],
            [
                ("UDP", "192.0.2.2", "390skdjuw"),
                ("TCP", "spindle.example.com", "z9hG4bK9ikj8"),
                ("UDP", "192.168.255.111", "z9hG4bK30239"),
            ],
        )
        self.assertEqual((message.from_.display, message.from_.tag), ('J Rosenberg \\"', "98asjd8"))
        self.assertEqual(
            (message.to.uri_text, message.to.tag), ("sip:vivekg@chair-dnrc.example.com", "1918181833n")
        )
        (contact,) = message.contacts
        self.assertEqual(contact.display, 'Quoted string ""')
        self.assertEqual(contact.params, {"newparam": "newvalue", "secondparam": None, "q": "0.33"})
        self.assertEqual(
            (message.first("Subject"), message.first("Newfangledheader")),
            ("", "newfangled value continued newfangled value"),
        )
        self.assertEqual(message.first("Unknownheaderwithunusualvalue"), ";;,,;;,;")
        (route,) = message.routes
        self.assertEqual(route.uri_text, "sip:services.example.com;lr;unknownwith=value;unknown-no-value")
        self.assertEqual(parse_sip_uri(message.uri).params, (("unknownparam", None),))
        self.assertEqual(len(message.body), 150)

    def test_intmeth(self) -> None:
        """§3.1.1.2, a wide range of valid characters."""
        message = self.request("intmeth")
        self.assertEqual(message.method, "!interesting-Method0123456789_*+`.%indeed'~")
        self.assertEqual(message.cseq.method, message.method)
        self.assertEqual(message.to.display, "BEL:\x07 NUL:\0 DEL:\x7f")
        self.assertEqual(message.from_.display, "token1~` token2'+_ token3*%!.-")
        self.assertEqual(message.from_.param("fromparam''~+*_!.-%"), '"работающий"')
        self.assertEqual(message.from_.tag, "_token~1'+`*%!-.")
        self.assertEqual(message.call_id, "intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{")
        self.assertEqual(message.first("Extensionheader-!.%*+_`'~"), "\ufeff大停電")
        uri = parse_sip_uri(message.uri)
        self.assertEqual(
            (uri.user, uri.password),
            (
                "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*",
                "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)",
            ),
        )
        self.assertEqual(message.max_forwards, 255)

    def test_esc01(self) -> None:
        """§3.1.1.3, escapes: replaced once."""
        message = self.request("esc01")
        uri = parse_sip_uri(message.uri)
        self.assertEqual(
            (uri.scheme, uri.user_name, uri.host), ("sip", "sips:user@example.com", "example.net")
        )
        self.assertEqual(parse_sip_uri(message.to.uri_text).user_name, "user")
        self.assertEqual(parse_sip_uri(message.from_.uri_text).user_name, "I have spaces")
        (contact,) = message.contacts
        self.assertEqual(parse_sip_uri(contact.uri_text).user_name, "caller")
        lr_and_name = parse_sip_uri("sip:caller@host5.example.net;lr;name=value%2541")
        self.assertTrue(uri_equal(contact.uri, lr_and_name))
        self.assertFalse(uri_equal(contact.uri, parse_sip_uri("sip:caller@host5.example.net;lr;name=valueA")))

    def test_escnull(self) -> None:
        """§3.1.1.4, escaped nulls: three different users."""
        message = self.request("escnull")
        self.assertEqual(parse_sip_uri(message.to.uri_text).user_name, "null-\0-null")
        users = [parse_sip_uri(contact.uri_text).user_name for contact in message.contacts]
        self.assertEqual(users, ["\0", "\0\0"])
        self.assertFalse(uri_equal(message.contacts[0].uri, message.contacts[1].uri))
        records = {
            parse_sip_uri(each.uri_text).address_of_record() for each in [message.to, *message.contacts]
        }
        self.assertEqual(len(records), 3)

    def test_esc02(self) -> None:
        """§3.1.1.5, % where it is no escape."""
        message = self.request("esc02")
        self.assertEqual((message.method, message.cseq.method), ("RE%47IST%45R", "RE%47IST%45R"))
        self.assertEqual([contact.uri_text[4:10] for contact in message.contacts], ["alias1", "alias3"])
        self.assertEqual(message.first("C%6fntact"), "<sip:alias2@host2.example.com>")
        self.assertEqual((message.to.display, message.from_.display), ("%Z%45", "%Z%45"))
        self.assertEqual(message.via.branch, "z9hG4bK209%fzsnel234")

    def test_lwsdisp(self) -> None:
        """§3.1.1.6, no white space between the display name and <."""
        message = self.request("lwsdisp")
        self.assertEqual(
            (message.from_.display, message.from_.uri_text), ("caller", "sip:caller@example.com")
        )

    def test_longreq(self) -> None:
        """§3.1.1.7, long values."""
        message = self.request("longreq")
        hosts = [via.host for via in message.vias]
        self.assertEqual(
            hosts, [f"sip{number}.example.com" for number in range(33, 0, -1)] + ["host.example.com"]
        )
        self.assertEqual([via.branch for via in message.vias][:33], [""] * 33)
        self.assertEqual((message.via.has_unique_branch, message.vias[-1].received), (False, "192.0.2.5"))
        uri = parse_sip_uri(message.to.uri_text)
        self.assertEqual((uri.port, uri.params[-1][1]), (6000, None))
        self.assertEqual(message.to.display, f"I have a user name of {'extreme' * 10} proportion")
        self.assertEqual(len(message.from_.tag or ""), 155)
        self.assertEqual(len(message.body), 150)

    def test_dblreq(self) -> None:
        """§3.1.1.8, octets after the end; on a stream they are a second message."""
        message = self.request("dblreq")
        self.assertEqual((message.method, message.body), ("REGISTER", b""))
        framer = StreamFramer()
        first, second = framer.feed(torture.message(self.suite, "dblreq"))
        self.assertEqual(first, encode(message))
        following = decode(second)
        assert isinstance(following, Request)
        self.assertEqual((following.method, len(following.body)), ("INVITE", 150))

    def test_semiuri(self) -> None:
        """§3.1.1.9, semicolons in the user part."""
        message = self.request("semiuri")
        uri = parse_sip_uri(message.uri)
        self.assertEqual((uri.user_name, uri.params), ("user;par=u@example.net", ()))
        self.assertEqual(len(message.values("Accept")), 6)

    def test_transports(self) -> None:
        """§3.1.1.10."""
        transports = [via.transport for via in self.request("transports").vias]
        self.assertEqual(transports, ["UDP", "SCTP", "TLS", "UNKNOWN", "TCP"])

    def test_mpart01(self) -> None:
        """§3.1.1.11, a body of octets."""
        message = self.request("mpart01")
        self.assertEqual((len(message.body), message.content_type), (553, "multipart/mixed"))
        self.assertIn(b"\0", message.body)
        self.assertEqual(message.body, torture.message(self.suite, "mpart01")[-553:])

    def test_unreason(self) -> None:
        """§3.1.1.12, an unusual reason phrase."""
        message = self.response("unreason")
        self.assertEqual(
            (message.status, message.phrase), (200, "= 2**3 * 5**2 но сто девяносто девять - простое")
        )

    def test_noreason(self) -> None:
        """§3.1.1.13, an empty reason phrase."""
        message = self.response("noreason")
        self.assertEqual((message.status, message.phrase), (100, ""))

    def test_badinv01(self) -> None:
        """§3.1.2.1, extraneous separators."""
        self.refused("badinv01", "bad-header-value", 400, "';;'")

    def test_clerr(self) -> None:
        """§3.1.2.2: refused as a datagram, waited for on a stream."""
        self.refused("clerr", "short-body", 400, "154 octets of 9999")
        framer = StreamFramer()
        self.assertEqual(framer.feed(torture.message(self.suite, "clerr")), [])
        self.assertIsNone(framer.error)

    def test_ncl(self) -> None:
        """§3.1.2.3, a negative Content-Length; CSeq 0 is legal."""
        message = self.refused("ncl", "bad-content-length", 400, "-999")
        assert message is not None
        self.assertEqual(message.cseq.number, 0)

    def test_scalar02(self) -> None:
        """§3.1.2.4, numbers out of range do not wrap."""
        message = self.refused("scalar02", "bad-header-value", 400, "CSeq '36893488147419103232'")
        assert isinstance(message, Request)
        self.assertRaises(MalformedValue, lambda: message.max_forwards)
        self.assertIsNone(message.expires)

    def test_scalarlg(self) -> None:
        """§3.1.2.5, the same in a response: it is dropped, since responses are not answered."""
        data = torture.message(self.suite, "scalarlg")
        reason = check(decode(data))
        assert reason is not None
        self.assertEqual(reason.rule.name, "bad-header-value")
        self.assertIn("CSeq '9292394834772304023312'", reason.detail)

    def test_quotbal(self) -> None:
        """§3.1.2.6, a quote that never closes."""
        self.refused("quotbal", "bad-header-value", 400, "Mr. J. User")

    def test_ltgtruri(self) -> None:
        """§3.1.2.7, <> around the Request-URI."""
        self.refused("ltgtruri", "bad-request-uri", 400, "<sip:user@example.com>")

    def test_lwsruri(self) -> None:
        """§3.1.2.8, white space in the Request-URI."""
        self.refused("lwsruri", "bad-request-uri", 400, "spaces")

    def test_lwsstart(self) -> None:
        """§3.1.2.9, several spaces in the start line."""
        self.refused("lwsstart", "bad-start-line", 400)

    def test_trws(self) -> None:
        """§3.1.2.10, spaces behind the start line."""
        self.refused("trws", "bad-start-line", 400)

    def test_escruri(self) -> None:
        """§3.1.2.11, headers in the Request-URI: it can be read, and is refused for what it means."""
        message = self.refused("escruri", "bad-request-uri", 400, "?")
        assert isinstance(message, Request)
        self.assertEqual([name for name, _ in parse_sip_uri(message.uri).headers], ["Route"])

    def test_baddate(self) -> None:
        """§3.1.2.12: nobody here reads Date, so it goes on as it is (the RFC allows both)."""
        data = torture.message(self.suite, "baddate")
        message = decode(data)
        self.assertIsNone(check(message))
        self.assertEqual((message.first("Date"), encode(message)), ("Fri, 01 Jan 2010 16:00:00 EST", data))

    def test_regbadct(self) -> None:
        """§3.1.2.13: who reads the Contact finds it broken."""
        message = decode(torture.message(self.suite, "regbadct"))
        self.assertIsNone(check(message))
        with self.assertRaisesRegex(MalformedValue, "question mark"):
            message.contacts  # noqa: B018

    def test_badaspec(self) -> None:
        """§3.1.2.14, spaces within <>."""
        self.refused("badaspec", "bad-header-value", 400, "sip:t.watson@example.org")

    def test_baddn(self) -> None:
        """§3.1.2.15, an unquoted comma; the archive's file also lacks its empty line."""
        message = self.refused("baddn", "no-end-of-headers", 400)
        assert message is not None
        with self.assertRaisesRegex(MalformedValue, "Bell, Alexander"):
            message.from_  # noqa: B018
        reason = check(decode(torture.message(self.suite, "baddn") + b"\r\n"))
        assert reason is not None
        self.assertEqual((reason.rule.name, reason.status), ("bad-header-value", 400))

    def test_badvers(self) -> None:
        """§3.1.2.16, SIP/7.0."""
        message = self.refused("badvers", "sip-version", 505, "SIP/7.0")
        assert isinstance(message, Request)
        self.assertEqual((message.method, message.via.protocol), ("OPTIONS", "SIP/7.0"))

    def test_mismatch01(self) -> None:
        """§3.1.2.17, another method in CSeq."""
        message = self.refused("mismatch01", "cseq-method-mismatch", 400, "OPTIONS with CSeq 8 INVITE")
        assert isinstance(message, Request)
        self.assertEqual((message.method, message.cseq.method), ("OPTIONS", "INVITE"))

    def test_mismatch02(self) -> None:
        """§3.1.2.18, the same with an unknown method."""
        self.refused("mismatch02", "cseq-method-mismatch", 400, "NEWMETHOD with CSeq 8 INVITE")

    def test_bigcode(self) -> None:
        """§3.1.2.19, a status code that is none: dropped."""
        self.assertIsNone(self.refused("bigcode", "malformed-response", None, "4294967301"))

    def test_badbranch(self) -> None:
        """§3.2.1, the bare magic cookie is no unique branch."""
        message = self.request("badbranch")
        self.assertEqual((message.via.branch, message.via.has_unique_branch), ("z9hG4bK", False))

    def test_insuf(self) -> None:
        """§3.3.1, no Call-ID, From or To."""
        message = self.refused("insuf", "missing-header", 400)
        assert message is not None
        self.assertEqual(message.cseq.number, 193942)

    def test_unkscm(self) -> None:
        """§3.3.2, a Request-URI of an unknown scheme."""
        self.assertEqual(
            self.request("unkscm").target, OtherUri("nobodyKnowsThisScheme", "totallyopaquecontent")
        )

    def test_novelsc(self) -> None:
        """§3.3.3, one of a known scheme that is not SIP."""
        self.assertEqual(self.request("novelsc").target, OtherUri("soap.beep", "//192.0.2.103:3002"))

    def test_unksm2(self) -> None:
        """§3.3.4, unknown schemes elsewhere."""
        message = self.request("unksm2")
        self.assertEqual(
            [message.to.uri, message.from_.uri, message.contacts[0].uri],
            [
                OtherUri("isbn", "2983792873"),
                OtherUri("http", "//www.example.com"),
                OtherUri("name", "John_Smith"),
            ],
        )

    def test_bext01(self) -> None:
        """§3.3.5, extensions nobody supports."""
        message = self.request("bext01")
        self.assertEqual(message.values("Require"), ["nothingSupportsThis", "nothingSupportsThisEither"])
        self.assertEqual(
            message.values("Proxy-Require"), ["noProxiesSupportThis", "norDoAnyProxiesSupportThis"]
        )

    def test_invut(self) -> None:
        """§3.3.6, an unknown content type."""
        message = self.request("invut")
        self.assertEqual((message.content_type, len(message.body)), ("application/unknownformat", 40))

    def test_regaut01(self) -> None:
        """§3.3.7, an unknown authorization scheme: opaque."""
        message = self.request("regaut01")
        self.assertEqual(message.values("Authorization"), ["NoOneKnowsThisScheme opaque-data=here"])

    def test_multi01(self) -> None:
        """§3.3.8, two of what may stand once."""
        message = self.refused("multi01", "repeated-header", 400)
        assert message is not None
        names = ("From", "To", "Call-ID", "CSeq", "Max-Forwards")
        self.assertEqual([message.headers.count(name) for name in names], [2] * 5)

    def test_mcl01(self) -> None:
        """§3.3.9, two Content-Lengths: on a stream nothing after it can be trusted."""
        self.refused("mcl01", "bad-content-length", 400, "[5, 13]")
        framer = StreamFramer()
        self.assertEqual(framer.feed(torture.message(self.suite, "mcl01")), [])
        assert framer.error is not None
        self.assertEqual(framer.error.reason.rule.name, "bad-content-length")

    def test_bcast(self) -> None:
        """§3.3.10, a response with a broadcast address in its second Via."""
        message = self.response("bcast")
        self.assertEqual(
            (message.status, [via.host for via in message.vias]), (200, ["192.0.2.198", "255.255.255.255"])
        )

    def test_zeromf(self) -> None:
        """§3.3.11."""
        self.assertEqual(self.request("zeromf").max_forwards, 0)

    def test_cparam01(self) -> None:
        """§3.3.12, a parameter of the Contact, not of its URI."""
        (contact,) = self.request("cparam01").contacts
        self.assertEqual(
            (contact.uri, contact.params),
            (SipUri("sip", "+19725552222", "gw1.example.net"), {"unknownparam": None}),
        )

    def test_cparam02(self) -> None:
        """§3.3.13, a parameter of the URI."""
        (contact,) = self.request("cparam02").contacts
        self.assertEqual(
            (parse_sip_uri(contact.uri_text).params, contact.params), ((("unknownparam", None),), {})
        )

    def test_regescrt(self) -> None:
        """§3.3.14, a header within a Contact's URI."""
        (contact,) = self.request("regescrt").contacts
        self.assertEqual(parse_sip_uri(contact.uri_text).headers, (("Route", "%3Csip:sip.example.com%3E"),))

    def test_sdp01(self) -> None:
        """§3.3.15, an Accept that cannot be met."""
        self.assertEqual(self.request("sdp01").values("Accept"), ["text/nobodyKnowsThis"])

    def test_inv2543(self) -> None:
        """§3.4.1, RFC 2543: no branch, tag, Max-Forwards or Content-Length, and a strict route."""
        message = self.request("inv2543")
        self.assertEqual((message.via.branch, message.from_.tag, message.max_forwards), ("", None, None))
        self.assertEqual(len(message.body), 105)
        (route,) = message.record_routes
        self.assertFalse(parse_sip_uri(route.uri_text).has_param("lr"))
        self.assertEqual(parse_sip_uri(message.from_.uri_text).param("user"), "phone")
        self.assertEqual(
            (message.to.uri_text, message.to.params), ("sip:+16505552222@ss1.example.net", {"user": "phone"})
        )


class Rfc5118Tests(TortureCase):
    suite = "rfc5118"

    def test_every_message_has_its_test(self) -> None:
        self.assertEqual(len(self.manifest), torture.SUITES[self.suite])
        missing = [name for name in self.manifest if not hasattr(self, f"test_{name.replace('-', '_')}")]
        self.assertEqual(missing, [])

    def target(self, name: str) -> tuple[str, int | None]:
        uri = parse_sip_uri(self.request(name).uri)
        return (uri.address, uri.port)

    def test_ipv6_good(self) -> None:
        """§4.1."""
        message = self.request("ipv6-good")
        self.assertEqual(self.target("ipv6-good"), ("2001:db8::10", None))
        self.assertEqual((message.via.host, message.via.port), ("[2001:db8::9:1]", None))
        self.assertEqual(parse_sip_uri(message.contacts[0].uri_text).address, "2001:db8::1")

    def test_ipv6_bad(self) -> None:
        """§4.2, an address without brackets."""
        self.refused("ipv6-bad", "bad-request-uri", 400, "sip:2001:db8::10")

    def test_port_ambiguous(self) -> None:
        """§4.3: what stands in the brackets is the address, and nobody guesses."""
        self.assertEqual(self.target("port-ambiguous"), ("2001:db8::10:5070", None))

    def test_port_unambiguous(self) -> None:
        """§4.4."""
        self.assertEqual(self.target("port-unambiguous"), ("2001:db8::10", 5070))

    def test_via_received_param_with_delim(self) -> None:
        """§4.5: brackets that the grammar does not have are read all the same."""
        self.assertEqual(self.request("via-received-param-with-delim").via.received, "2001:db8::9:255")

    def test_via_received_param_no_delim(self) -> None:
        """§4.5."""
        self.assertEqual(self.request("via-received-param-no-delim").via.received, "2001:db8::9:255")

    def test_ipv6_in_sdp(self) -> None:
        """§4.6."""
        self.assertIn(b"c=IN IP6 2001:db8::20\r\n", self.request("ipv6-in-sdp").body)

    def test_mult_ip_in_header(self) -> None:
        """§4.7."""
        vias = self.request("mult-ip-in-header").vias
        self.assertEqual(
            [(via.sent_by, via.transport, via.received) for via in vias],
            [
                ("[2001:db8::9:1]:6050", "UDP", None),
                ("192.0.2.1", "UDP", None),
                ("[2001:db8::9:255]", "TCP", "192.0.2.200"),
            ],
        )

    def test_mult_ip_in_sdp(self) -> None:
        """§4.8."""
        body = self.request("mult-ip-in-sdp").body
        self.assertEqual(body.count(b"m="), 2)
        self.assertLess(body.index(b"c=IN IP4 192.0.2.1"), body.index(b"c=IN IP6 2001:db8::1"))

    def test_ipv4_mapped_ipv6(self) -> None:
        """§4.9."""
        message = self.request("ipv4-mapped-ipv6")
        self.assertEqual(
            [via.sent_by for via in message.vias], ["[::ffff:192.0.2.10]:19823", "[::ffff:192.0.2.2]"]
        )
        self.assertEqual(parse_sip_uri(message.contacts[0].uri_text).address, "::ffff:192.0.2.2")

    def test_ipv6_bug_abnf_3_colons(self) -> None:
        """§4.10: three colons follow the grammar of RFC 3261 but are no address."""
        self.refused("ipv6-bug-abnf-3-colons", "bad-header-value", 400, "is not an IPv6 address")

    def test_ipv6_correct_abnf_2_colons(self) -> None:
        """§4.10: the form that was meant."""
        message = self.request("ipv6-correct-abnf-2-colons")
        self.assertTrue(uri_equal(message.to.uri, parse_sip_uri("sip:user@[2001:db8::c000:201]")))


class CapturedTests(TortureCase):
    suite = "captured"

    def test_every_message_of_a_real_agent_can_be_read(self) -> None:
        self.assertEqual(len(self.manifest), torture.SUITES[self.suite])
        for name, entry in self.manifest.items():
            message = self.valid(name)
            self.assertEqual(message.start_line.decode()[:60], entry["title"])
            if isinstance(message, Request):
                self.assertEqual(
                    (message.target, len(message.routes)), (message.target, len(message.values("Route")))
                )

    def test_sessions_and_bodies(self) -> None:
        for name in self.manifest:
            message = self.valid(name)
            self.assertEqual(bool(message.body), message.content_type is not None, name)

    def test_what_is_in_a_few_of_them(self) -> None:
        register = self.request("sngrep_aaa_02_register")
        self.assertEqual((register.via.rport, "rport" in register.via.params), (None, True))
        self.assertEqual((register.expires, register.contacts[0].param("q")), (1200, "0.500"))
        (credentials,) = register.values("Authorization")
        self.assertTrue(credentials.startswith('Digest username="voi18063",realm="sip.cybercity.dk",'))
        invite = self.request("ppp_sip_non_default_port_01_invite")
        self.assertEqual(parse_sip_uri(invite.uri).port, 52380)
        progress = self.response("sngrep_ipv6frag_01_r183")
        self.assertIn(":", parse_sip_uri(progress.contacts[0].uri_text).address)


class WholeSuiteTests(SynchronousTestCase):
    def test_no_message_is_cut_short_or_lengthened_by_any_prefix(self) -> None:
        """Every beginning of every message is read or refused, never anything else, and takes no time."""
        for suite in torture.SUITES:
            for name in torture.manifest(suite):
                data = torture.message(suite, name)
                for end in range(0, len(data), 37):
                    try:
                        check(decode(data[:end]))
                    except MalformedMessage as error:
                        self.assertTrue(error.reason.rule.name)

    def test_addresses_are_read_or_malformed(self) -> None:
        for suite in torture.SUITES:
            for name in torture.manifest(suite):
                try:
                    message = decode(torture.message(suite, name))
                except MalformedMessage:
                    continue
                for read in ("contacts", "record_routes", "vias", "to", "from_", "cseq"):
                    try:
                        getattr(message, read)
                    except (MalformedValue, MalformedUri) as error:
                        self.assertTrue(str(error))
