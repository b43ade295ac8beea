"""From where a connection string, or an invitation, is kept to the token that goes into a handshake.

It is fetched anew for every connection to the gateway, so that a replaced key file, or a keystore that has been
unlocked, needs no restart. Keys and tokens never reach a log, a status or a repr.
"""

from __future__ import annotations

import dataclasses
import os
import stat
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, TypeAlias

from hyco import sas
from hyco.addresses import Endpoint, canonical_path, parse_endpoint
from hyco.connection_string import ConnectionString, parse
from hyco.errors import HycoError
from hyco.fields import Headers
from hyco.limits import MAX_CONNECTION_STRING_LENGTH

from .config import ConnectionConfig, Credential, Direction
from .errors import ConfigError, CredentialError, InvitationError, UnusableInvitationError
from .invitation import HEADER, Invitation, is_invitation
from .invitation import parse as parse_invitation
from .network import is_loopback

Keystore: TypeAlias = Callable[[str], Awaitable[str | None]]
"""Gives the keystore entry of a name, or None when there is none."""

TOKEN_LIFETIME_S: Final = 3_600
"""Protocol reference §17.1; what the .NET and Node listeners take."""

RENEW_AT_PART: Final = 0.8
RENEW_BEFORE_S: Final = 300.0
"""A token is renewed at 80 % of its lifetime or five minutes before its end, whichever comes first (§9.3)."""


@dataclasses.dataclass(frozen=True, slots=True)
class IssuedToken:
    """A token, and when it must be replaced. Times are POSIX seconds."""

    text: str = dataclasses.field(repr=False)
    expires_at: float
    renew_at: float | None
    """None for a token that was given ready-made and cannot be renewed."""


@dataclasses.dataclass(frozen=True, slots=True)
class Access:
    """A hybrid connection, and what proves a right to it."""

    endpoint: Endpoint
    path: str
    secret: ConnectionString | None = dataclasses.field(repr=False)
    invitation: Invitation | None = dataclasses.field(default=None, repr=False)
    """Instead of a connection string, of a sender."""

    @property
    def ends_at(self) -> float | None:
        """When an invitation ends, in POSIX seconds; None without one."""
        return None if self.invitation is None else self.invitation.expires_at

    @property
    def headers(self) -> Headers:
        """What a sender shows the listener, besides what it shows the gateway."""
        return () if self.invitation is None else ((HEADER, self.invitation.id),)

    @property
    def ca(self) -> bytes | None:
        """The certificate (DER) that is trusted for this gateway besides the system's and those of the settings."""
        return None if self.invitation is None else self.invitation.ca

    def token(self, now: float) -> IssuedToken | None:
        """Make a token for this hybrid connection, or give the ready one; None where there is no key at all.

        Raises:
            CredentialError: The ready token cannot be read.
            UnusableInvitationError: The invitation is over.
        """
        if self.invitation is not None:
            try:
                self.invitation.check(now)
            except InvitationError as error:
                raise UnusableInvitationError(str(error)) from None
            return IssuedToken(self.invitation.token, self.invitation.expires_at, None)
        secret = self.secret
        if secret is None:
            return None
        if secret.key_name is not None and secret.key is not None:
            expires_at = int(now) + TOKEN_LIFETIME_S
            text = sas.sign(
                sas.audience(self.endpoint.host, self.path), secret.key_name, secret.key, expires_at
            )
            renew_at = min(now + RENEW_AT_PART * TOKEN_LIFETIME_S, expires_at - RENEW_BEFORE_S)
            return IssuedToken(text, expires_at, renew_at)
        if secret.signature is None:
            return None
        try:
            ready = sas.parse_token(secret.signature)
        except HycoError as error:
            raise CredentialError(f"the SharedAccessSignature cannot be used: {error}") from None
        return IssuedToken(secret.signature, ready.expires_at, None)


async def find_access(config: ConnectionConfig, keystore: Keystore | None = None) -> Access:
    """Fetch the connection string or invitation of *config* and read it.

    Raises:
        CredentialError: It is not there, or cannot be used; never with any part of it.
        ConfigError: What it asks for is not allowed by the settings.
    """
    credential = config.credential
    secret: ConnectionString | None = None
    invitation: Invitation | None = None
    if credential.gateway is not None:
        try:
            endpoint = parse_endpoint(credential.gateway)
        except HycoError as error:
            raise ConfigError(f"credential.gateway: {error}") from None
    elif is_invitation(text := await _fetch(credential, keystore)):
        try:
            invitation = parse_invitation(text)
        except InvitationError as error:
            raise UnusableInvitationError(str(error)) from None
        endpoint = invitation.endpoint
        if config.direction is Direction.LISTEN:
            raise ConfigError("credential: an invitation is for connecting; a listener needs a key")
    else:
        try:
            secret = parse(text.strip())
        except HycoError as error:
            raise CredentialError(f"the connection string cannot be used: {error}") from None
        endpoint = secret.endpoint
        if secret.authentication is not None:
            raise ConfigError(
                "a connection string with Managed Identity is not supported; use one with a key"
            )
    path = config.path
    if not path:
        path = (
            invitation.path if invitation is not None else secret.entity_path if secret is not None else None
        )
    if not path:
        raise ConfigError("path: needed, because the connection string has no EntityPath")
    try:
        canonical_path(path)
    except HycoError as error:
        raise ConfigError(f"path: {error}") from None
    if not (endpoint.is_secure or config.insecure or is_loopback(endpoint.host)):
        raise ConfigError(
            f"the gateway at {endpoint.authority} speaks no TLS, so tokens and data would cross the network in the "
            "open; set insecure to allow it"
        )
    return Access(endpoint, path.strip("/"), secret, invitation)


async def _fetch(credential: Credential, keystore: Keystore | None) -> str:
    if credential.text is not None:
        return credential.text
    if credential.file is not None:
        return read_secret_file(credential.file)
    if credential.env is not None:
        value = os.environ.get(credential.env)
        if not value:
            raise CredentialError(f"the environment variable {credential.env} is not set")
        return value
    if keystore is None:
        raise ConfigError("credential.keystore: there is no keystore here; use file or env")
    entry = await keystore(credential.keystore or "")
    if not entry:
        raise CredentialError(f"the keystore has no entry {credential.keystore!r}")
    return entry


def read_secret_file(path: Path) -> str:
    """Read a file that holds a secret, if nobody but its owner (this user, or root) can.

    Raises:
        CredentialError: It cannot be read, is something else than a file, or is open to others.
    """
    try:
        with open(path, "rb", opener=_open_without_waiting) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise CredentialError(f"{path} is not a file")
            if sys.platform != "win32":  # there, a user's folders are closed to others by inheritance
                if status.st_mode & 0o077:
                    raise CredentialError(
                        f"{path} can be read by others (mode {stat.S_IMODE(status.st_mode):04o}); "
                        f"make it yours alone: chmod 600 {path}"
                    )
                if status.st_uid not in (0, os.geteuid()):
                    raise CredentialError(f"{path} belongs to somebody else")
            content = file.read(MAX_CONNECTION_STRING_LENGTH + 1)
    except OSError as error:
        raise CredentialError(f"cannot read {path}: {error.strerror or error}") from error
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise CredentialError(f"{path} does not hold a connection string") from None


def _open_without_waiting(path: str, flags: int) -> int:
    return os.open(
        path, flags | getattr(os, "O_NONBLOCK", 0)
    )  # a FIFO would hold up the loop until somebody writes
