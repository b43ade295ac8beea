"""The list of versions: one file of JSON, and beside it a signature over exactly its bytes.

Nothing of it is read before the signature is checked. A list that is older than one seen before, or has run out, is refused: whoever
can hold back the newest must not be able to make an old one look like it.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import re
from typing import Annotated, Final, TypeAlias
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

#: The list is a few hundred bytes for each package.
MAX_LIST_BYTES: Final = 65_536
#: Base64 of 64 bytes, and a line's end.
MAX_SIGNATURE_BYTES: Final = 128
MAX_PACKAGE_BYTES: Final = 1_000_000_000

_VERSION: Final = re.compile(r"(\d{1,5})\.(\d{1,5})\.(\d{1,5})(?:-([0-9A-Za-z.-]{1,40}))?")

Order: TypeAlias = tuple[int, int, int, bool, tuple[tuple[int, int, str], ...]]


class UpdateError(Exception):
    """It cannot be said whether there is a new version, or it could not be fetched; the text says why."""


def order(version: str) -> Order | None:
    """What versions compare by (Semantic Versioning 2.0.0 §11); None for what is no version."""
    found = _VERSION.fullmatch(version)
    if found is None:
        return None
    major, minor, patch, before = found.groups()
    marks = tuple(
        (0, int(mark), "") if mark.isdigit() else (1, 0, mark) for mark in (before or "").split(".") if mark
    )
    return int(major), int(minor), int(patch), before is None, marks


def _checked_version(version: str) -> str:
    if order(version) is None:
        raise ValueError("is no version")
    return version


def _checked_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname or parts.username is not None:
        raise ValueError("is no https:// address")
    return url


_Url = Annotated[str, Field(max_length=1_000), AfterValidator(_checked_url)]


class Package(BaseModel):
    """One file of a version."""

    model_config = ConfigDict(frozen=True)

    package: str = Field(max_length=40)
    """Which kind: see ``BuildFacts.package``."""
    machine: str = Field(max_length=40)
    """``linux-x86_64``, ``win32-amd64``, ``darwin-arm64``: what Python calls them."""
    url: _Url
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    bytes: int = Field(gt=0, le=MAX_PACKAGE_BYTES)

    @property
    def name(self) -> str:
        """What the file is called, safe for any folder."""
        return (
            re.sub(r"[^\w.+-]", "_", urlsplit(self.url).path.rpartition("/")[2])[:150].lstrip(".")
            or "relaydesk"
        )


class Manifest(BaseModel):
    """The newest version. Members that are not known are for newer programs."""

    model_config = ConfigDict(frozen=True)

    format: int = Field(ge=1, le=1)
    released: AwareDatetime
    expires: AwareDatetime
    version: Annotated[str, AfterValidator(_checked_version)]
    notes: _Url
    files: tuple[Package, ...] = Field(max_length=100)

    def package_for(self, package: str, machine: str) -> Package | None:
        """The file for a copy of that kind; None where there is none."""
        matching = (one for one in self.files if (one.package, one.machine) == (package, machine))
        return next(matching, None)

    def is_newer_than(self, version: str) -> bool:
        """Whether it is about a newer version."""
        ours, theirs = order(version), order(self.version)
        return ours is not None and theirs is not None and theirs > ours


def read_manifest(
    content: bytes, signature: bytes, key: str, *, now: dt.datetime, newest_seen: dt.datetime | None
) -> Manifest:
    """Check and read a list.

    Args:
        content: The list.
        signature: Base64 of the signature (Ed25519) of *content*.
        key: Base64 of the public key.
        now: The time.
        newest_seen: When the newest list that was ever believed was released.

    Raises:
        UpdateError: It is not signed by that key, is no list, has run out, or is older than one seen before.
    """
    if len(content) > MAX_LIST_BYTES:
        raise UpdateError("the list of versions is too long")
    try:
        public = Ed25519PublicKey.from_public_bytes(base64.b64decode(key, validate=True))
    except (ValueError, binascii.Error):
        raise UpdateError("this copy has no usable key to check the list of versions with") from None
    try:
        public.verify(base64.b64decode(signature.strip(), validate=True), content)
    except (InvalidSignature, ValueError, binascii.Error):
        raise UpdateError(
            "the list of versions is not signed by RelayDesk's key; nothing of it was used"
        ) from None
    try:
        manifest = Manifest.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the list"
        raise UpdateError(f"the list of versions cannot be read: {where}: {first['msg']}") from None
    if newest_seen is not None and manifest.released < newest_seen:
        raise UpdateError("the list of versions is older than one that was seen before")
    if manifest.expires < now:
        raise UpdateError("the list of versions has run out: somebody may hold back a newer one")
    return manifest
