"""relaydesk/keystore/sealed_file.py: sealed by a passphrase; a wrong one and a damaged file are told apart."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from relaydesk.keystore import (
    DamagedFileError,
    KeystoreClosedError,
    KeystoreError,
    KeystoreFileError,
    WrongPassphraseError,
)
from relaydesk.keystore.sealed_file import Cost, SealedFile, check_sealed_file
from relaydesk.snapshot import KeystoreState

CHEAP = Cost(n=2, r=1, p=1)
PASSPHRASE = "correct horse"
SECRET = "Endpoint=sb://ns/;SharedAccessKeyName=r;SharedAccessKey=aWYgeW91IGNhbiByZWFkIHRoaXM="


def wanted() -> bool:
    return True


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "relaydesk" / "keys.sealed"


@pytest.fixture
def file(path: Path) -> SealedFile:
    return SealedFile.create(path, PASSPHRASE, {"gateway:a": SECRET}, CHEAP)


def rewrite(path: Path, **changes: object) -> None:
    """Change members, and make the checksum fit again: what somebody does who knows the format."""
    members = json.loads(path.read_bytes())
    members.update(changes)
    del members["checksum"]
    canonical = json.dumps(members, sort_keys=True, separators=(",", ":")).encode()
    path.write_text(json.dumps({**members, "checksum": hashlib.sha256(canonical).hexdigest()}))


def test_what_was_kept_is_there_after_it_was_opened_anew(path: Path, file: SealedFile):
    file.set("gateway:b", "käse", wanted)
    file.delete("gateway:a", wanted)
    file.delete("gateway:a", wanted)
    again = SealedFile.open(path, PASSPHRASE)
    assert again.entries() == {"gateway:b": "käse"}
    assert again.get("gateway:b") == "käse"
    assert again.get("gateway:a") is None


def test_it_holds_nothing_that_can_be_read(path: Path, file: SealedFile):
    content = path.read_text()
    assert "gateway" not in content
    assert SECRET[-20:] not in content
    assert PASSPHRASE not in content
    assert file._key.hex() not in repr(file)
    assert repr(file._key) not in repr(file)
    assert json.loads(content)["kdf"] == {"name": "scrypt", "n": 2, "r": 1, "p": 1}


def test_each_write_has_a_nonce_of_its_own(path: Path, file: SealedFile):
    nonces = set()
    for number in range(5):
        file.set("a", str(number), wanted)
        nonces.add(json.loads(path.read_bytes())["nonce"])
    assert len(nonces) == 5


@pytest.fixture(params=[0o000, 0o777], ids=["umask000", "umask777"])
def _umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.mark.usefixtures("_umask")
def test_it_is_for_its_owner_alone_under_any_umask(path: Path):
    file = SealedFile.create(path, PASSPHRASE, {}, CHEAP)
    file.set("a", "b", wanted)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert list(path.parent.iterdir()) == [path]


def test_a_wrong_passphrase_is_said_to_be_one_and_changes_nothing(path: Path, file: SealedFile):
    before = path.read_bytes()
    for wrong in ("correct hors", "", "x" * 10_000):
        with pytest.raises(WrongPassphraseError):
            SealedFile.open(path, wrong)
    with pytest.raises(KeystoreError, match="cannot be written"):
        SealedFile.open(path, "\udc80 half a pair")
    assert path.read_bytes() == before


def test_letters_composed_differently_are_the_same_passphrase(path: Path):
    SealedFile.create(path, "Käse und Brot", {"a": "b"}, CHEAP)
    assert SealedFile.open(path, "Ka\u0308se und Brot").get("a") == "b"


@pytest.mark.parametrize("passphrase", ["", "seven..", "x" * 1_025])
def test_a_passphrase_has_a_length(path: Path, passphrase: str):
    with pytest.raises(KeystoreError, match="a passphrase has 8 to 1024 characters"):
        SealedFile.create(path, passphrase, {}, CHEAP)
    assert not path.exists()


def json_or_none(content: bytes) -> object:
    try:
        return json.loads(content)
    except ValueError:
        return None


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(place=st.integers(min_value=0), bit=st.integers(0, 7))
def test_a_flipped_bit_anywhere_is_damage_and_the_file_is_kept_aside(
    tmp_path_factory: pytest.TempPathFactory, place: int, bit: int
):
    path = tmp_path_factory.mktemp("flip") / "keys.sealed"
    SealedFile.create(path, PASSPHRASE, {"a": "b"}, CHEAP)
    content = bytearray(path.read_bytes())
    before = json.loads(content)
    content[place % len(content)] ^= 1 << bit
    path.write_bytes(content)
    if json_or_none(content) == before:
        assert SealedFile.open(path, PASSPHRASE).entries() == {"a": "b"}  # a line end became another space
        return
    with pytest.raises(DamagedFileError) as raised:
        SealedFile.open(path, PASSPHRASE)
    assert raised.value.leads_to is KeystoreState.UNDECIDED
    assert raised.value.aside.read_bytes() == content
    assert list(path.parent.iterdir()) == [raised.value.aside]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00\xff",
        b"{}",
        b"[]",
        b"null",
        b"7",
        b"[" * 100_000,
        b'{"format": "relaydesk sealed keys"}',
        b'"x"',
    ],
    ids=range(9),
)
def test_whatever_else_is_there_is_damage_too_and_kept(path: Path, content: bytes):
    path.parent.mkdir(mode=0o700)
    for number in (1, 2):
        path.write_bytes(content)
        path.chmod(0o600)
        with pytest.raises(
            DamagedFileError, match=rf"is damaged; it is kept as keys\.sealed\.damaged-{number}"
        ):
            check_sealed_file(path)
        assert (path.parent / f"keys.sealed.damaged-{number}").read_bytes() == content
    assert not check_sealed_file(path)


@pytest.mark.parametrize(
    "change",
    [
        {"salt": "AAAA"},
        {"nonce": "AAAA"},
        {"salt": 7},
        {"sealed": "ä"},
        {"sealed": None},
        {"kdf": None},
        {"kdf": {"name": "scrypt", "n": "2", "r": 1, "p": 1}},
        {"kdf": {"name": "scrypt", "n": True, "r": 1, "p": 1}},
        {"kdf": {"name": "argon", "n": 2, "r": 1, "p": 1}},
        {"kdf": {"name": "scrypt"}},
    ],
    ids=str,
)
def test_members_of_the_wrong_kind_are_damage(path: Path, file: SealedFile, change: dict[str, object]):
    rewrite(path, **change)
    with pytest.raises(DamagedFileError):
        SealedFile.open(path, PASSPHRASE)


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"cipher": "AES-512"},
        {"kdf": {"name": "scrypt", "n": 1 << 40, "r": 8, "p": 1}},
        {"kdf": {"name": "scrypt", "n": 2, "r": 1 << 40, "p": 1}},
        {"kdf": {"name": "scrypt", "n": 2, "r": 1, "p": 1 << 40}},
        {"kdf": {"name": "scrypt", "n": 3, "r": 1, "p": 1}},
        {"kdf": {"name": "scrypt", "n": -2, "r": 1, "p": 1}},
    ],
    ids=str,
)
def test_a_file_of_another_version_stays_where_it_is(path: Path, file: SealedFile, change: dict[str, object]):
    rewrite(path, **change)
    with pytest.raises(KeystoreFileError) as raised:
        SealedFile.open(path, PASSPHRASE)
    assert not isinstance(raised.value, DamagedFileError)
    assert path.exists()
    assert check_sealed_file(path)


def test_an_altered_file_whose_checksum_fits_does_not_open(path: Path, file: SealedFile):
    """Nobody can tell it from a wrong passphrase; what matters is that nothing of it is believed."""
    sealed = bytearray(base64.b64decode(json.loads(path.read_bytes())["sealed"]))
    sealed[0] ^= 1
    rewrite(path, sealed=base64.b64encode(sealed).decode())
    with pytest.raises(WrongPassphraseError):
        SealedFile.open(path, PASSPHRASE)
    with pytest.raises(KeystoreClosedError) as raised:
        file.get("gateway:a")
    assert raised.value.leads_to is KeystoreState.SEALED_FILE_CLOSED


@pytest.mark.parametrize("call", ["get", "set", "delete"])
def test_one_that_was_exchanged_while_it_was_open_is_not_written_over(
    path: Path, file: SealedFile, call: str
):
    path.unlink()
    SealedFile.create(path, "another passphrase", {"gateway:a": "theirs"}, CHEAP)
    before = path.read_bytes()
    with pytest.raises(KeystoreClosedError, match="was exchanged"):
        {
            "get": lambda: file.get("gateway:a"),
            "set": lambda: file.set("gateway:a", "ours", wanted),
            "delete": lambda: file.delete("gateway:a", wanted),
        }[call]()
    assert path.read_bytes() == before


def test_one_that_is_damaged_while_it_is_open_is_not_written_over(path: Path, file: SealedFile):
    path.write_bytes(b"scribble")
    with pytest.raises(DamagedFileError) as raised:
        file.set("a", "b", wanted)
    assert raised.value.aside.read_bytes() == b"scribble"
    with pytest.raises(KeystoreFileError, match="is gone") as gone:
        file.set("a", "b", wanted)
    assert gone.value.leads_to is KeystoreState.UNDECIDED
    assert not path.exists()


@pytest.mark.parametrize("kind", ["symbolic", "hard", "dangling"])
def test_a_planted_link_is_neither_followed_nor_written_through(path: Path, kind: str):
    path.parent.mkdir(mode=0o700)
    victim = path.parent / "victim"
    if kind != "dangling":
        SealedFile.create(victim, PASSPHRASE, {"a": "theirs"}, CHEAP)
    before = victim.read_bytes() if victim.exists() else None
    if kind == "hard":
        path.hardlink_to(victim)
    else:
        path.symlink_to(victim)
    assert check_sealed_file(path)
    for call in (
        lambda: SealedFile.open(path, PASSPHRASE),
        lambda: SealedFile.create(path, PASSPHRASE, {}, CHEAP),
    ):
        with pytest.raises(KeystoreFileError):
            call()
    assert (victim.read_bytes() if victim.exists() else None) == before


def test_one_that_others_can_read_is_refused_until_it_is_closed(path: Path, file: SealedFile):
    path.chmod(0o644)
    with pytest.raises(KeystoreFileError, match="chmod 600"):
        SealedFile.open(path, PASSPHRASE)
    with pytest.raises(KeystoreFileError, match="chmod 600"):
        file.set("a", "b", wanted)
    path.chmod(0o600)
    assert file.get("gateway:a") == SECRET


def test_a_full_disk_leaves_the_file_as_it_was(path: Path, file: SealedFile, monkeypatch: pytest.MonkeyPatch):
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    before = path.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(KeystoreFileError, match="No space left on device"):
            file.set("a", "b", wanted)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]
    file.remove()
    file.remove()
    assert not path.exists()


def test_what_nobody_waits_for_any_more_is_not_written(file: SealedFile):
    file.set("a", "b", lambda: False)
    file.delete("gateway:a", lambda: False)
    assert file.entries() == {"gateway:a": SECRET}


def test_too_little_memory_is_said(path: Path, file: SealedFile, monkeypatch: pytest.MonkeyPatch):
    class Hungry:
        def __init__(self, **parameters: object) -> None:
            raise MemoryError

    monkeypatch.setattr("relaydesk.keystore.sealed_file.Scrypt", Hungry)
    with pytest.raises(KeystoreError, match="not enough memory"):
        SealedFile.open(path, PASSPHRASE)


@pytest.mark.slow
def test_guessing_is_dear_unless_a_test_asks_for_less(path: Path):
    SealedFile.create(path, PASSPHRASE, {"a": "b"}, Cost())
    assert json.loads(path.read_bytes())["kdf"] == {"name": "scrypt", "n": 131_072, "r": 8, "p": 1}
    assert SealedFile.open(path, PASSPHRASE).get("a") == "b"
