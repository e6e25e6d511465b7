"""Tokens for tags, branches and Call-IDs (RFC 3261 §19.3)."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipmini.tokens import Tokens


class TokensTests(SynchronousTestCase):
    def test_from_the_source(self) -> None:
        """Each token is eight octets of the source, none used twice; the source is asked rarely."""
        asked: list[int] = []
        octets = iter(range(1 << 30))

        def read(size: int) -> bytes:
            asked.append(size)
            return b"".join([next(octets).to_bytes(8, "big") for _ in range(size // 8)])

        tokens = Tokens(read)
        made = [tokens() for _ in range(1200)]
        self.assertEqual(made, [f"{number:016x}" for number in range(1200)])
        self.assertEqual(asked, [4096, 4096, 4096])

    def test_from_the_system(self) -> None:
        """Without a source, the system's randomness; a token is one of SIP's."""
        one, other = Tokens(), Tokens()
        made = {one() for _ in range(600)} | {other() for _ in range(600)}
        self.assertEqual(len(made), 1200)
        for token in made:
            self.assertRegex(token, "^[0-9a-f]{16}$")
