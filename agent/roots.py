"""The system's certificate authorities, found wherever this system keeps them.

OpenSSL looks where its builder said. In a program that was frozen on another system, and with some Pythons on macOS, that is
nowhere: every certificate would be a stranger's. Then the places are tried in which other systems keep theirs.
"""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Final

#: Files with all authorities, by who has them there. Go's crypto/x509 tries these, in this order.
KNOWN_FILES: Final = (
    Path("/etc/ssl/certs/ca-certificates.crt"),  # Debian, Ubuntu, Arch, Gentoo
    Path("/etc/pki/tls/certs/ca-bundle.crt"),  # Fedora, RHEL
    Path("/etc/ssl/ca-bundle.pem"),  # openSUSE
    Path("/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem"),  # CentOS, RHEL 7
    Path("/etc/ssl/cert.pem"),  # macOS, Alpine
)


def verifying_context(known_files: Sequence[Path] = KNOWN_FILES) -> ssl.SSLContext:
    """Make a TLS context for a client that trusts the system's authorities.

    TLS 1.2 and up, keys of at least 112 bits of security: the standard library's defaults since 3.10.
    """
    context = ssl.create_default_context()
    if not _has_roots(context):
        for file in known_files:
            try:
                context.load_verify_locations(file)
            except (OSError, ssl.SSLError):
                continue
            break
    return context


def _has_roots(context: ssl.SSLContext) -> bool:
    """Whether there are any; a folder of them is only read when a certificate is looked for."""
    if context.cert_store_stats()["x509_ca"]:
        return True
    folder: str | None = ssl.get_default_verify_paths().capath  # None where there is no such folder
    try:
        return folder is not None and any(Path(folder).iterdir())
    except OSError:  # one that this user may not read is none to OpenSSL either
        return False
