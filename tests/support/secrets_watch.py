"""Whether a secret got into a log, a command line or an environment.

Source: reliability reference P1, P2.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote, unquote

#: What gives a secret away whatever its value is: a parameter that carries one, followed by something.
_CARRIERS = re.compile(
    r"(?:sb-hc-token|sb-hc-rdv|[&? ]sig)=(?!…)[^\s&…]|SharedAccessKey=(?!…)\S|Authorization['\"]?\s*[:,=]\s*['\"]?(?!…)\S"
)

#: Parts of a token that are no secret are not looked for.
_SIGNATURE = re.compile(r"sig=([^&\s]+)")


class SecretsWatch:
    """Knows the secrets of a test."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def add(self, *secrets: str) -> None:
        """Look for these, as they are and percent-encoded."""
        for secret in secrets:
            assert len(secret) >= 16, "too short to be looked for"
            self._known |= {secret, quote(secret, safe=""), quote(secret, safe="").lower()}

    def add_token(self, token: str) -> None:
        """Look for the signature of a token."""
        match = _SIGNATURE.search(token)
        assert match is not None
        self.add(unquote(match[1]))

    def found_in(self, text: str) -> bool:
        """Whether one of them is in *text*."""
        return any(secret in text for secret in self._known)

    def check(self, where: str, lines: Iterable[str]) -> None:
        """Fail where *lines* hold one of them, or anything that looks like one.

        Raises:
            AssertionError: They do; without quoting it.
        """
        for number, line in enumerate(lines, 1):
            assert not self.found_in(line), f"{where}: line {number} of its log holds a secret"
            shown = _CARRIERS.search(line)
            assert shown is None, (
                f"{where}: line {number} of its log shows something behind {shown[0][:12]!r}"
            )
