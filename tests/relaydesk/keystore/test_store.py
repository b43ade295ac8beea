"""relaydesk/keystore/store.py: where keys are kept in each state, and how one leads to another (reliability P4)."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from keyring.errors import KeyringLocked, NoKeyringError

from relaydesk.keystore import (
    DamagedFileError,
    Keystore,
    KeystoreClosedError,
    KeystoreError,
    KeystoreFileError,
    WrongPassphraseError,
)
from relaydesk.keystore.sealed_file import Cost, SealedFile
from relaydesk.keystore.store import MAX_HANGING_CALLS
from relaydesk.keystore.system import Backend
from relaydesk.snapshot import KeystoreState, Trouble
from tests.support.keyrings import FailingKeyring, JunkKeyring, LockableKeyring, MemoryKeyring, no_keyring
from tests.support.waiting import until

CHEAP = Cost(n=2, r=1, p=1)
PASSPHRASE = "correct horse"
SECRET = "Endpoint=sb://ns/;SharedAccessKeyName=r;SharedAccessKey=aWYgeW91IGNhbiByZWFkIHRoaXM="

SYSTEM = KeystoreState.SYSTEM
LOCKED = KeystoreState.LOCKED
UNDECIDED = KeystoreState.UNDECIDED
SEALED = KeystoreState.SEALED_FILE
SEALED_CLOSED = KeystoreState.SEALED_FILE_CLOSED
UNTIL_QUIT = KeystoreState.UNTIL_QUIT

#: Soon for a test, and long beside what an open keyring takes.
SOON_S = 0.1


class Store(Keystore):
    """A keystore that remembers the states it went through."""

    def __init__(self, path: Path, find: Callable[[], Backend], *, deadline_s: float = 10.0) -> None:
        self.states: list[KeystoreState] = []
        super().__init__(
            path, find_backend=find, on_change=self.states.append, deadline_s=deadline_s, cost=CHEAP
        )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "relaydesk" / "keys.sealed"


@pytest.fixture
def locked() -> Iterator[LockableKeyring]:
    backend = LockableKeyring()
    yield backend
    backend.is_open.set()


def scribble(path: Path) -> None:
    """What a bad disk leaves."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.write_bytes(b"scribble")
    path.chmod(0o600)


# --- a keyring -------------------------------------------------------------------------------------------------------


async def test_keys_are_kept_in_the_systems_keyring(path: Path):
    backend = MemoryKeyring()
    store = Store(path, lambda: backend)
    assert store.state is SYSTEM
    assert await store.get("gateway:a") is None
    await store.set("gateway:a", SECRET)
    assert await store.get("gateway:a") == SECRET
    assert backend.kept == {("relaydesk", "gateway:a"): SECRET}
    await store.delete("gateway:a")
    await store.delete("gateway:a")
    assert backend.kept == {}
    assert await store.try_again() is SYSTEM
    assert store.states == []
    assert not path.parent.exists()


async def test_where_there_is_a_keyring_nothing_else_can_be_chosen(path: Path):
    store = Store(path, MemoryKeyring)
    for state in (SEALED, UNTIL_QUIT):
        with pytest.raises(KeystoreError, match="nothing to choose"):
            await store.choose(state, PASSPHRASE)
    await store.choose(SYSTEM)
    assert not path.parent.exists()


@pytest.mark.parametrize("secret", ["", "a\0b", "\udc80", "x" * 1_281, "😀" * 641])
async def test_what_no_keyring_can_keep_is_refused(path: Path, secret: str):
    backend = MemoryKeyring()
    with pytest.raises(KeystoreError) as raised:
        await Store(path, lambda: backend).set("a", secret)
    assert backend.kept == {}
    if len(secret) > 1:
        assert secret not in str(raised.value)


async def test_the_longest_that_windows_keeps_is_kept(path: Path):
    store = Store(path, MemoryKeyring)
    with pytest.raises(
        KeystoreError, match="too long for an entry of a keyring: 1281 characters, and 1280 fit"
    ):
        await store.set("a", "x" * 1_281)
    await store.set("a", "x" * 1_280)


@pytest.mark.parametrize("name", ["", "a\nb", "a\0b", "x" * 201, "\u202egateway"])
async def test_a_name_is_text_that_can_be_seen(path: Path, name: str):
    store = Store(path, MemoryKeyring)
    for call in (store.get(name), store.set(name, "x"), store.delete(name)):
        with pytest.raises(KeystoreError, match="a name of a key"):
            await call


@pytest.mark.parametrize("value", [b"bytes", 7, object()])
async def test_nonsense_from_a_keyring_is_an_error_and_the_rest_goes_on(path: Path, value: object):
    store = Store(path, lambda: JunkKeyring(value))
    for _ in range(2):
        with pytest.raises(KeystoreError, match="that is no key") as raised:
            await store.get("a")
        assert raised.value.trouble is Trouble.CREDENTIAL
    assert store.state is SYSTEM


@pytest.mark.parametrize("error", [OSError("gone"), SystemExit(1), StopIteration(), ValueError(SECRET)])
async def test_whatever_a_keyring_raises_is_a_keystore_error(path: Path, error: BaseException):
    backend = FailingKeyring(error)
    store = Store(path, lambda: backend)
    for call in (lambda: store.get("a"), lambda: store.set("a", SECRET), store.try_again):
        with pytest.raises(KeystoreError, match="the system's keyring failed") as raised:
            await call()
        assert "aWYgeW91" not in str(raised.value)
    assert store.state is SYSTEM
    backend.error = None
    await store.set("a", SECRET)


@pytest.mark.parametrize("error", [OSError("x"), SystemExit(1), KeyboardInterrupt()])
async def test_one_that_cannot_even_be_looked_for_is_an_error(path: Path, error: BaseException):
    def find() -> Backend:
        raise error

    with pytest.raises(KeystoreError, match="neither read nor kept"):
        await Store(path, find).get("a")


# --- a locked keyring ------------------------------------------------------------------------------------------------


async def test_one_that_does_not_answer_in_time_is_locked_and_asked_no_more(
    path: Path, locked: LockableKeyring
):
    store = Store(path, lambda: locked, deadline_s=SOON_S)
    with pytest.raises(
        KeystoreClosedError, match=r"waiting for its password: no answer within 0\.1 s"
    ) as raised:
        await store.get("a")
    assert raised.value.trouble is Trouble.KEYSTORE_LOCKED
    assert (store.state, store.states) == (LOCKED, [LOCKED])
    for call in (store.get("a"), store.set("a", "b"), store.delete("a")):
        with pytest.raises(KeystoreClosedError, match="locked, or does not answer"):
            await call
    assert locked.asked == 1


async def test_those_that_wait_behind_it_learn_it_at_once(path: Path, locked: LockableKeyring):
    store = Store(path, lambda: locked, deadline_s=SOON_S)
    results = await asyncio.gather(*(store.get(str(n)) for n in range(50)), return_exceptions=True)
    assert all(isinstance(result, KeystoreClosedError) for result in results)
    assert locked.asked == 1


async def test_an_answer_that_comes_late_opens_it_by_itself(path: Path, locked: LockableKeyring):
    """Typing a password takes longer than the deadline; nobody has to press Try again after that."""
    store = Store(path, lambda: locked, deadline_s=SOON_S)
    with pytest.raises(KeystoreClosedError):
        await store.get("a")
    locked.is_open.set()
    await until(lambda: store.state is SYSTEM)
    assert store.states == [LOCKED, SYSTEM]
    assert await store.get("a") is None


async def test_try_again_asks_again(path: Path, locked: LockableKeyring):
    store = Store(path, lambda: locked, deadline_s=SOON_S)
    assert await store.try_again() is LOCKED
    assert await store.try_again() is LOCKED
    assert locked.asked == 2
    locked.is_open.set()
    assert await store.try_again() is SYSTEM
    await store.set("a", "b")
    assert await store.get("a") == "b"


async def test_however_often_it_is_tried_few_threads_hang(path: Path, locked: LockableKeyring):
    before = threading.active_count()
    store = Store(path, lambda: locked, deadline_s=0.01)
    for _ in range(3 * MAX_HANGING_CALLS):
        assert await store.try_again() is LOCKED
    await until(lambda: locked.asked == MAX_HANGING_CALLS)
    assert threading.active_count() <= before + MAX_HANGING_CALLS
    await store.choose(SEALED, PASSPHRASE)  # which they do not hold up
    await store.set("a", "b")
    locked.is_open.set()
    await until(lambda: threading.active_count() <= before)


async def test_callers_that_are_cancelled_leave_few_threads_too(path: Path, locked: LockableKeyring):
    store = Store(path, lambda: locked)
    for number in range(1, 3 * MAX_HANGING_CALLS):
        call = asyncio.create_task(store.get("a"))
        await until(lambda call=call, number=number: call.done() or locked.asked == number)
        call.cancel()
        with suppress(asyncio.CancelledError, KeystoreClosedError):
            await call
    assert locked.asked == MAX_HANGING_CALLS
    assert store.state is LOCKED
    locked.is_open.set()
    await until(lambda: not store._hanging.total())
    assert await store.try_again() is SYSTEM


async def test_a_write_that_was_given_up_is_not_made_when_the_password_comes(path: Path):
    backend = LockableKeyring()
    backend.is_open.set()
    store = Store(path, lambda: backend, deadline_s=SOON_S)
    await store.set("a", "old")
    backend.is_open.clear()
    with pytest.raises(KeystoreClosedError):
        await store.set("a", "given up")
    backend.is_open.set()
    await until(lambda: store.state is SYSTEM)
    assert await store.get("a") == "old"


async def test_a_prompt_that_was_dismissed_is_not_shown_again_by_itself(path: Path):
    backend = FailingKeyring(KeyringLocked("Failed to unlock the collection!"))
    store = Store(path, lambda: backend)
    for _ in range(2):
        with pytest.raises(KeystoreClosedError):
            await store.get("a")
    assert store.state is LOCKED
    assert await store.try_again() is LOCKED
    backend.error = None
    assert await store.try_again() is SYSTEM


async def test_a_locked_one_can_be_replaced_by_a_choice_and_an_answer_changes_that_no_more(
    path: Path, locked: LockableKeyring
):
    store = Store(path, lambda: locked, deadline_s=SOON_S)
    assert await store.try_again() is LOCKED
    await store.choose(SEALED, PASSPHRASE)
    locked.is_open.set()
    await until(lambda: not store._hanging.total())
    assert store.state is SEALED


# --- no keyring ------------------------------------------------------------------------------------------------------


async def test_without_a_keyring_nothing_is_kept_before_a_choice(path: Path):
    store = Store(path, no_keyring())
    assert await store.try_again() is UNDECIDED
    for call in (store.get("a"), store.set("a", "b"), store.delete("a")):
        with pytest.raises(KeystoreClosedError, match="not yet chosen"):
            await call
    assert store.states == [UNDECIDED]
    assert not path.parent.exists()


async def test_the_first_question_finds_that_out_too(path: Path):
    store = Store(path, no_keyring())
    with pytest.raises(KeystoreClosedError, match="has no keyring"):
        await store.set("a", "b")
    assert store.state is UNDECIDED


async def test_until_quit_keeps_keys_nowhere(path: Path):
    store = Store(path, no_keyring())
    await store.choose(UNTIL_QUIT)
    await store.set("a", SECRET)
    await store.set("b", SECRET)
    await store.delete("b")
    assert (await store.get("a"), await store.get("b")) == (SECRET, None)
    assert await store.try_again() is UNTIL_QUIT
    assert await store.get("a") == SECRET
    assert store.states == [UNDECIDED, UNTIL_QUIT]
    assert not path.parent.exists()
    assert await Store(path, no_keyring()).try_again() is UNDECIDED


async def test_what_was_kept_until_quit_goes_into_a_keyring_that_came(path: Path):
    backend = FailingKeyring(NoKeyringError("x"))
    store = Store(path, lambda: backend)
    await store.choose(UNTIL_QUIT)
    await store.set("a", SECRET)
    backend.error = OSError("not yet")
    with pytest.raises(KeystoreError):
        await store.try_again()
    assert (store.state, await store.get("a")) == (UNTIL_QUIT, SECRET)
    backend.error = None
    assert await store.try_again() is SYSTEM
    assert backend.kept == {("relaydesk", "a"): SECRET}
    assert store.states == [UNDECIDED, UNTIL_QUIT, SYSTEM]


async def test_what_was_kept_until_quit_goes_into_a_sealed_file(path: Path):
    store = Store(path, no_keyring())
    await store.choose(UNTIL_QUIT)
    await store.set("a", SECRET)
    with pytest.raises(KeystoreError, match="8 to 1024"):
        await store.choose(SEALED, "short")
    assert await store.get("a") == SECRET
    await store.choose(SEALED, PASSPHRASE)
    assert SealedFile.open(path, PASSPHRASE).entries() == {"a": SECRET}


async def test_a_sealed_file_needs_its_passphrase_once_a_start(path: Path):
    store = Store(path, no_keyring())
    with pytest.raises(KeystoreError, match="needs a passphrase"):
        await store.choose(SEALED)
    await store.choose(SEALED, PASSPHRASE)
    await store.set("a", SECRET)
    assert await store.try_again() is SEALED
    with pytest.raises(KeystoreError, match="nothing to choose"):
        await store.choose(UNTIL_QUIT)

    again = Store(path, no_keyring())
    with pytest.raises(KeystoreClosedError, match="needs its passphrase") as raised:
        await again.get("a")
    assert raised.value.trouble is Trouble.KEYSTORE_LOCKED
    with pytest.raises(WrongPassphraseError):
        await again.try_again("wrong horse")
    assert again.state is SEALED_CLOSED
    assert await again.try_again() is SEALED_CLOSED
    assert await again.try_again(PASSPHRASE) is SEALED
    assert await again.get("a") == SECRET
    assert again.states == [SEALED_CLOSED, SEALED]


async def test_the_file_that_is_there_is_opened_by_a_choice_and_not_replaced(path: Path):
    await Store(path, no_keyring()).choose(SEALED, PASSPHRASE)
    store = Store(path, no_keyring())
    with pytest.raises(WrongPassphraseError):
        await store.choose(SEALED, "wrong horse")
    assert store.state is SEALED_CLOSED
    await store.choose(UNTIL_QUIT)  # its passphrase was forgotten
    await store.set("b", "kept until quit")
    assert await store.try_again() is UNTIL_QUIT  # the next start would look into the file
    with pytest.raises(WrongPassphraseError):
        await store.try_again("wrong horse")
    assert await store.try_again(PASSPHRASE) is SEALED
    assert SealedFile.open(path, PASSPHRASE).entries() == {"b": "kept until quit"}


async def test_the_file_is_used_where_it_was_chosen_even_beside_a_keyring(path: Path):
    SealedFile.create(path, PASSPHRASE, {"a": SECRET}, CHEAP)
    backend = MemoryKeyring()
    store = Store(path, lambda: backend)
    assert await store.try_again() is SEALED_CLOSED
    with pytest.raises(KeystoreClosedError):
        await store.choose(SYSTEM)
    await store.try_again(PASSPHRASE)
    assert await store.get("a") == SECRET
    assert backend.kept == {}
    await store.choose(SYSTEM)
    assert (store.state, backend.kept) == (SYSTEM, {("relaydesk", "a"): SECRET})
    assert list(path.parent.iterdir()) == []
    assert await Store(path, lambda: backend).get("a") == SECRET


async def test_the_way_back_to_the_keyring_loses_nothing_when_it_fails(path: Path):
    SealedFile.create(path, PASSPHRASE, {"a": SECRET}, CHEAP)
    backend = FailingKeyring(KeyringLocked("no"))
    store = Store(path, lambda: backend)
    await store.try_again(PASSPHRASE)
    with pytest.raises(KeystoreClosedError):
        await store.choose(SYSTEM)
    assert store.states == [SEALED]
    assert await store.get("a") == SECRET


async def test_a_damaged_file_is_kept_aside_and_a_new_one_can_be_made(path: Path):
    scribble(path)
    store = Store(path, no_keyring())
    with pytest.raises(DamagedFileError) as raised:
        await store.get("a")
    assert raised.value.trouble is Trouble.DISK
    assert store.state is UNDECIDED
    with pytest.raises(KeystoreClosedError):
        await store.get("a")
    await store.choose(SEALED, PASSPHRASE)
    await store.set("a", "b")
    assert raised.value.aside.read_bytes() == b"scribble"


async def test_one_that_is_damaged_while_it_is_open_is_found_by_the_next_question(path: Path):
    store = Store(path, no_keyring())
    await store.choose(SEALED, PASSPHRASE)
    scribble(path)
    with pytest.raises(DamagedFileError):
        await store.try_again()
    assert store.state is UNDECIDED


async def test_a_planted_link_is_said_to_be_one_and_stays(tmp_path: Path):
    path = tmp_path / "keys.sealed"
    victim = tmp_path / "victim"
    victim.write_bytes(b"theirs")
    path.symlink_to(victim)
    store = Store(path, no_keyring())
    assert await store.try_again() is SEALED_CLOSED
    for call in (store.try_again(PASSPHRASE), store.choose(SEALED, PASSPHRASE)):
        with pytest.raises(KeystoreFileError, match="cannot be used"):
            await call
    assert victim.read_bytes() == b"theirs"


async def test_a_passphrase_where_there_is_no_file_is_an_error(path: Path):
    store = Store(path, no_keyring())
    with pytest.raises(KeystoreFileError, match="is gone"):
        await store.try_again(PASSPHRASE)
    assert store.state is UNDECIDED


@pytest.mark.parametrize("state", [LOCKED, UNDECIDED, SEALED_CLOSED])
async def test_what_is_no_place_cannot_be_chosen(path: Path, state: KeystoreState):
    with pytest.raises(KeystoreError, match="is no place for keys"):
        await Store(path, no_keyring()).choose(state, PASSPHRASE)


async def test_no_repr_holds_a_key_or_a_passphrase(path: Path):
    store = Store(path, no_keyring())
    await store.choose(SEALED, PASSPHRASE)
    await store.set("a", SECRET)
    shown = repr(store) + repr(vars(store))
    assert SECRET not in shown
    assert PASSPHRASE not in shown
    assert repr(store._place._key) not in shown  # type: ignore[union-attr]
