from __future__ import annotations

import base64
import contextlib
import datetime as dt
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from relaydesk.updates.manifest import MAX_LIST_BYTES, Manifest, UpdateError, order, read_manifest

NOW = dt.datetime(2026, 11, 27, tzinfo=dt.UTC)
KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
PUBLIC = base64.b64encode(KEY.public_key().public_bytes_raw()).decode()
FILE = {
    "package": "setup",
    "machine": "win32-amd64",
    "url": "https://releases.example.org/v0.2.0/relaydesk-0.2.0-setup.exe",
    "sha256": "0" * 64,
    "bytes": 50_000_000,
}
LIST: dict[str, Any] = {
    "format": 1,
    "released": "2026-11-20T00:00:00Z",
    "expires": "2027-11-20T00:00:00Z",
    "version": "0.2.0",
    "notes": "https://releases.example.org/v0.2.0",
    "files": [FILE],
}


def sign(content: bytes, key: Ed25519PrivateKey = KEY) -> bytes:
    return base64.b64encode(key.sign(content)) + b"\n"


def read(content: bytes, *, newest_seen: dt.datetime | None = None, key: str = PUBLIC) -> Manifest:
    return read_manifest(content, sign(content), key, now=NOW, newest_seen=newest_seen)


def changed(**members: object) -> bytes:
    return json.dumps({**LIST, **members}).encode()


def test_a_signed_list_is_read_and_what_is_unknown_left_to_newer_programs():
    manifest = read(changed(mood="good"))
    assert manifest.version == "0.2.0"
    package = manifest.package_for("setup", "win32-amd64")
    assert package is not None
    assert (package.name, package.bytes) == ("relaydesk-0.2.0-setup.exe", 50_000_000)
    assert manifest.package_for("setup", "win32-arm64") is None


def test_one_changed_byte_is_refused_and_nothing_of_it_is_told():
    content = changed()
    forged = content.replace(b"0.2.0", b"9.9.9")
    with pytest.raises(UpdateError, match="not signed by RelayDesk's key") as caught:
        read_manifest(forged, sign(content), PUBLIC, now=NOW, newest_seen=None)
    assert "9.9.9" not in str(caught.value)


@pytest.mark.parametrize("signature", [b"", b"!", base64.b64encode(bytes(64)), b"AAAA"])
def test_what_is_no_signature_is_refused(signature: bytes):
    with pytest.raises(UpdateError, match="not signed"):
        read_manifest(changed(), signature, PUBLIC, now=NOW, newest_seen=None)


def test_somebody_elses_key_is_refused():
    content = changed()
    other = Ed25519PrivateKey.generate()
    with pytest.raises(UpdateError, match="not signed"):
        read_manifest(content, sign(content, other), PUBLIC, now=NOW, newest_seen=None)


@pytest.mark.parametrize("key", ["", "AAAA", "no base64"])
def test_a_copy_without_a_usable_key_believes_nobody(key: str):
    with pytest.raises(UpdateError, match="no usable key"):
        read(changed(), key=key)


@pytest.mark.parametrize(
    ("members", "what"),
    [
        ({"version": "two"}, "version"),
        ({"format": 2}, "format"),
        ({"released": "2026-11-20T00:00:00"}, "released"),
        ({"notes": "http://releases.example.org"}, "notes"),
        ({"files": [{**FILE, "url": "http://releases.example.org/x.exe"}]}, "files.0.url"),
        ({"files": [{**FILE, "url": "https://user:secret@releases.example.org/x"}]}, "files.0.url"),
        ({"files": [{**FILE, "sha256": "short"}]}, "files.0.sha256"),
        ({"files": [{**FILE, "bytes": 0}]}, "files.0.bytes"),
        ({"files": [FILE] * 101}, "files"),
    ],
)
def test_what_is_wrong_in_it_is_named(members: dict[str, object], what: str):
    with pytest.raises(UpdateError, match=rf"cannot be read: {what}: "):
        read(changed(**members))


def test_an_old_list_is_not_believed_again():
    seen = dt.datetime(2026, 11, 21, tzinfo=dt.UTC)
    with pytest.raises(UpdateError, match="older than one that was seen before"):
        read(changed(), newest_seen=seen)
    assert read(changed(released="2026-11-21T00:00:00Z"), newest_seen=seen)


def test_a_list_that_has_run_out_is_not_believed():
    with pytest.raises(UpdateError, match="has run out"):
        read(changed(expires="2026-11-26T00:00:00Z"))


def test_a_long_list_is_refused_before_it_is_looked_at():
    with pytest.raises(UpdateError, match="too long"):
        read_manifest(b" " * (MAX_LIST_BYTES + 1), b"", PUBLIC, now=NOW, newest_seen=None)


@given(
    content=st.binary(max_size=300)
    | st.dictionaries(st.text(), st.integers()).map(lambda d: json.dumps(d).encode())
)
def test_reading_is_total(content: bytes):
    """Signed nonsense, too, gives a manifest or the one error."""
    with contextlib.suppress(UpdateError):
        read(content)


def test_versions_are_in_the_order_of_semantic_versioning():
    versions = [
        "0.1.0-alpha",
        "0.1.0-alpha.1",
        "0.1.0-alpha.beta",
        "0.1.0-beta.2",
        "0.1.0-beta.11",
        "0.1.0",
        "0.1.1",
        "0.2.0",
        "0.10.0",
        "1.0.0",
    ]
    keys = [order(version) for version in versions]
    assert None not in keys
    assert sorted(keys) == keys  # type: ignore[type-var]
    assert len(set(keys)) == len(keys)
    assert order("1.0") is order("v1.0.0") is order("1.0.0\n") is None


@pytest.mark.parametrize(("version", "is_newer"), [("0.2.1", True), ("0.1.9", False), ("0.2.0", False)])
def test_newer_is_newer_than_this_copy(version: str, is_newer: bool):
    assert read(changed(version=version)).is_newer_than("0.2.0") is is_newer


@pytest.mark.parametrize(
    ("path", "name"),
    [("/a/../x.exe", "x.exe"), ("/a/%2e%2e%2fx", "_2e_2e_2fx"), ("/a/.bashrc", "bashrc"), ("/", "relaydesk")],
)
def test_a_file_is_called_nothing_dangerous(path: str, name: str):
    manifest = read(changed(files=[{**FILE, "url": f"https://releases.example.org{path}"}]))
    assert manifest.files[0].name == name
