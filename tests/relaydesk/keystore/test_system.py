"""relaydesk/keystore/system.py: whatever a keyring does comes out as text, None or KeystoreError."""

from __future__ import annotations

import keyring.errors
import pytest

from relaydesk.keystore import KeystoreClosedError, KeystoreError
from relaydesk.keystore.system import SystemKeyring, find_backend
from relaydesk.snapshot import KeystoreState
from tests.support.keyrings import FailingKeyring, JunkKeyring, MemoryKeyring

SECRET = "Endpoint=sb://ns/;SharedAccessKeyName=r;SharedAccessKey=aWYgeW91IGNhbiByZWFkIHRoaXM="


def wanted() -> bool:
    return True


def test_keeps_one_entry_a_key():
    backend = MemoryKeyring()
    keys = SystemKeyring(backend)
    keys.set("gateway:Büro", SECRET, wanted)
    keys.set("invitation:7", "other", wanted)
    assert backend.kept == {("relaydesk", "gateway:Büro"): SECRET, ("relaydesk", "invitation:7"): "other"}
    assert keys.get("gateway:Büro") == SECRET
    keys.delete("gateway:Büro", wanted)
    keys.delete("gateway:Büro", wanted)
    assert keys.get("gateway:Büro") is None
    assert backend.names() == {"invitation:7"}


def test_what_nobody_waits_for_any_more_is_not_written():
    backend = MemoryKeyring()
    keys = SystemKeyring(backend)
    keys.set("a", "old", wanted)
    keys.set("a", "new", lambda: False)
    keys.delete("a", lambda: False)
    assert keys.get("a") == "old"


class UnspeakableError(Exception):
    def __str__(self) -> str:
        raise ValueError("no text either")


@pytest.mark.parametrize(
    ("error", "text", "leads_to"),
    [
        (keyring.errors.NoKeyringError("x"), "has no keyring", KeystoreState.UNDECIDED),
        (keyring.errors.KeyringLocked("x"), "is locked", KeystoreState.LOCKED),
        (keyring.errors.InitError("Prompt dismissed"), "is locked", KeystoreState.LOCKED),
        (keyring.errors.KeyringError("no\nbus"), "failed: KeyringError: no bus", None),
        (OSError(32, "Broken pipe"), "failed: BrokenPipeError", None),
        (SystemExit(1), "failed: SystemExit: 1", None),
        (KeyboardInterrupt(), "failed: KeyboardInterrupt", None),
        (StopIteration(), "failed: StopIteration", None),
        (UnspeakableError(), "failed: UnspeakableError", None),
        (ValueError(f"cannot keep {SECRET} at all"), "failed: ValueError", None),
        (ValueError("x" * 10_000), "x" * 200, None),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_whatever_it_raises_is_translated(error: BaseException, text: str, leads_to: KeystoreState | None):
    keys = SystemKeyring(FailingKeyring(error))
    for call in (lambda: keys.get("a"), lambda: keys.set("a", SECRET, wanted), keys.probe):
        with pytest.raises(KeystoreError) as raised:
            call()
        assert text in str(raised.value)
        assert len(str(raised.value)) < 300
        assert "aWYgeW91" not in str(raised.value)
        assert raised.value.leads_to is leads_to
        assert raised.value.__cause__ is raised.value.__context__ is None  # neither can hold a key


def test_a_key_without_a_shape_is_not_shown_either():
    """Hiding by pattern knows connection strings and tokens; a key in a write is hidden whatever it looks like."""
    keys = SystemKeyring(FailingKeyring(ValueError("cannot keep hunter2")))
    keys._backend.get_password = lambda service, name: None  # type: ignore[attr-defined]
    with pytest.raises(KeystoreError) as raised:
        keys.set("a", "hunter2", wanted)
    assert str(raised.value) == "the system's keyring failed: ValueError"


@pytest.mark.parametrize("value", [b"bytes", 7, object(), ["a"], "\udc80", "x" * 70_000])
def test_an_answer_that_is_no_text_is_refused(value: object):
    with pytest.raises(KeystoreError, match="gave something for 'a' that is no key"):
        SystemKeyring(JunkKeyring(value)).get("a")


def test_one_that_keeps_or_forgets_nothing_is_noticed():
    with pytest.raises(KeystoreError, match="did not keep 'a'"):
        SystemKeyring(JunkKeyring(None)).set("a", SECRET, wanted)
    with pytest.raises(KeystoreError, match="did not forget 'a'"):
        SystemKeyring(JunkKeyring("stays")).delete("a", wanted)


def test_the_keyring_that_its_user_configured_is_taken(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "tests.support.keyrings.MemoryKeyring")
    assert isinstance(find_backend(), MemoryKeyring)


@pytest.mark.parametrize(
    "name", ["keyring.backends.null.Keyring", "keyring.backends.fail.Keyring", "no.such.Keyring", "nonsense"]
)
def test_one_that_keeps_nothing_or_cannot_be_loaded_is_none(monkeypatch: pytest.MonkeyPatch, name: str):
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", name)
    with pytest.raises(KeystoreClosedError) as raised:
        find_backend()
    assert raised.value.leads_to is KeystoreState.UNDECIDED


@pytest.mark.slow
def test_one_that_is_not_recommended_is_never_taken_by_itself(monkeypatch: pytest.MonkeyPatch):
    """A file of plain text, or this MemoryKeyring: both are there to be found."""
    monkeypatch.delenv("PYTHON_KEYRING_BACKEND", raising=False)
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent")
    with pytest.raises(KeystoreClosedError, match="has no keyring"):
        find_backend()
