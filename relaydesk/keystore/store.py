"""Where keys are kept, and the states in which that can be.

    (first look) ──▶ SYSTEM ◀──────────┐
         │  │  └────▶ LOCKED ──────────┤ try_again, or an answer that comes late
         │  └───────▶ UNDECIDED ───────┘
         │              │ │  └─choose─▶ UNTIL_QUIT
         │              │ └──choose──▶ SEALED_FILE
         └──▶ SEALED_FILE_CLOSED ─────────▲ try_again(passphrase)

A sealed file exists only where somebody chose it, so that one that is there is what is used, whatever keyring there may be
besides; ``choose(SYSTEM)`` moves its entries to the keyring and removes it. While LOCKED, nothing is asked: each question to a
locked keyring may leave a thread behind, and a prompt on the screen.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TypeAlias, TypeVar

from ..blocking import NoAnswerError, Outcome, call_blocking
from ..snapshot import KeystoreState
from .errors import KeystoreClosedError, KeystoreError, KeystoreFileError
from .sealed_file import Cost, SealedFile, check_sealed_file
from .system import Backend, SystemKeyring, find_backend, is_text

log = logging.getLogger(__name__)

T = TypeVar("T")

IsWanted: TypeAlias = Callable[[], bool]
"""Whether anybody still waits for what a call in a thread does: what is not wanted any more is not written."""

#: A keyring that is open answers within a fraction of a second; one that asks for its password, when somebody has typed it.
DEADLINE_S = 5.0

#: Making a key of a passphrase takes half a second on a fast computer, and several on a slow one.
FILE_DEADLINE_S = 30.0

#: Windows keeps no more in one entry, in UTF-16. It holds everywhere, so that what is kept here can be kept there.
MAX_SECRET_BYTES = 2_560

MAX_NAME_LENGTH = 200

#: Calls that have not come back, each a thread and perhaps a prompt. From then on, *Try again* asks nothing more.
MAX_HANGING_CALLS = 8

_CLOSED = {
    KeystoreState.LOCKED: "the system's keyring is locked, or does not answer",
    KeystoreState.SEALED_FILE_CLOSED: "the file with the keys needs its passphrase",
    KeystoreState.UNDECIDED: "this system has no keyring, and it was not yet chosen where keys are kept instead",
}


class _Memory:
    """Keys until the end of the program."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}

    def entries(self) -> dict[str, str]:
        return dict(self.kept)

    def get(self, name: str) -> str | None:
        return self.kept.get(name)

    def set(self, name: str, secret: str, is_wanted: IsWanted) -> None:
        self.kept[name] = secret

    def delete(self, name: str, is_wanted: IsWanted) -> None:
        self.kept.pop(name, None)


_Place: TypeAlias = SystemKeyring | SealedFile | _Memory


class Keystore:
    """Keys by name, wherever this system lets them be kept. Belongs to one event loop.

    Nothing here blocks the loop, and nothing holds up the end of the program: what hangs is left behind in a daemon thread.
    Every method raises KeystoreError and nothing else.

    Args:
        sealed_file: Where the sealed file is, or would be.
        find_backend: Finds the system's keyring; blocks.
        on_change: Called in the loop after the state has changed.
        deadline_s: How long the system's keyring may take to answer.
        cost: Of guessing the passphrase of a file that is made here.
    """

    def __init__(
        self,
        sealed_file: Path,
        *,
        find_backend: Callable[[], Backend] = find_backend,
        on_change: Callable[[KeystoreState], None] | None = None,
        deadline_s: float = DEADLINE_S,
        cost: Cost | None = None,
    ) -> None:
        self._path = sealed_file
        self._find_backend = find_backend
        self._on_change = on_change
        self._deadline_s = deadline_s
        self._cost = cost or Cost()
        self._state = KeystoreState.SYSTEM
        self._place: _Place | None = None
        self._turn = asyncio.Lock()
        self._hanging: Counter[bool] = Counter()  # those of the file apart: a keyring must not hold it up

    @property
    def state(self) -> KeystoreState:
        """Where keys are kept. SYSTEM is supposed until the first look."""
        return self._state

    async def get(self, name: str) -> str | None:
        """The key of a name; None when there is none. This is the agent's ``Keystore``.

        Raises:
            KeystoreClosedError: It cannot be known until somebody acts.
            KeystoreError: The keyring or file failed.
        """
        _check_name(name)
        return await self._ask(lambda place, _: place.get(name))

    async def set(self, name: str, secret: str) -> None:
        """Keep a key under a name, instead of any that was there.

        Raises:
            KeystoreClosedError: It cannot be kept until somebody acts.
            KeystoreError: It is too long for an entry, or the keyring or file failed.
        """
        _check_name(name)
        _check_secret(secret)
        await self._ask(lambda place, is_wanted: place.set(name, secret, is_wanted))

    async def delete(self, name: str) -> None:
        """Forget a key; nothing happens if there is none.

        Raises:
            KeystoreClosedError: It cannot be forgotten until somebody acts.
            KeystoreError: The keyring or file failed.
        """
        _check_name(name)
        await self._ask(lambda place, is_wanted: place.delete(name, is_wanted))

    async def try_again(self, passphrase: str | None = None) -> KeystoreState:
        """Look again where keys can be kept, or open the sealed file with *passphrase*; also the first look, at the start.

        Keys that were kept until quit go into the keyring when there is one now.

        Returns:
            The state, also when it is one in which no key can be read.

        Raises:
            KeystoreError: The passphrase is wrong, the file damaged, or the keyring answers with nonsense.
        """
        async with self._turn:
            if passphrase is not None:
                await self._open_file(passphrase, may_make=False)
            elif isinstance(self._place, SealedFile):
                file = self._place
                await self._call(lambda _: file.entries(), is_file=True)
            else:
                try:
                    await (self._move(self._place) if isinstance(self._place, _Memory) else self._look())
                except KeystoreClosedError as error:
                    log.info("keys: %s", error)
            return self._state

    async def choose(self, state: KeystoreState, passphrase: str | None = None) -> None:
        """Say where keys are kept, where the system's keyring cannot keep them.

        Args:
            state: SEALED_FILE, with a passphrase: a new file, or the one that is there. UNTIL_QUIT: nowhere. SYSTEM: back
                from either to the system's keyring; the entries are moved.
            passphrase: Of the sealed file.

        Raises:
            KeystoreError: It cannot be done; what was before is still so.
        """
        async with self._turn:
            if self._place is None and self._state is KeystoreState.SYSTEM:
                with suppress(KeystoreClosedError):
                    await self._look()
            if self._state is KeystoreState.SYSTEM:
                if state is not KeystoreState.SYSTEM:
                    raise KeystoreError("the system's keyring keeps the keys; there is nothing to choose")
            elif state is KeystoreState.SYSTEM:
                await self._choose_system()
            elif state is KeystoreState.SEALED_FILE:
                if passphrase is None:
                    raise KeystoreError("a sealed file needs a passphrase")
                await self._open_file(passphrase, may_make=True)
            elif state is not KeystoreState.UNTIL_QUIT:
                raise KeystoreError(f"{state.value!r} is no place for keys")
            elif isinstance(self._place, SealedFile):
                raise KeystoreError("the sealed file is open and keeps the keys; there is nothing to choose")
            else:
                self._settle(KeystoreState.UNTIL_QUIT, self._place or _Memory())

    # --- finding a place ---------------------------------------------------------------------------------------------

    async def _open_place(self) -> _Place:
        """Where keys are; looked for once, and then only by ``try_again``."""
        if self._place is None and self._state is KeystoreState.SYSTEM:
            await self._look()
        if self._place is None:
            raise _closed(self._state)
        return self._place

    async def _look(self) -> None:
        """Find out where keys are; raises KeystoreClosedError where none can be read yet."""

        def look(_: IsWanted) -> SystemKeyring:
            if check_sealed_file(self._path):
                raise _closed(KeystoreState.SEALED_FILE_CLOSED)
            keyring = SystemKeyring(self._find_backend())
            keyring.probe()
            return keyring

        keyring = await self._call(look, on_late=self._answers_again)
        self._settle(KeystoreState.SYSTEM, keyring)

    async def _open_file(self, passphrase: str, *, may_make: bool) -> None:
        entries = self._place.entries() if isinstance(self._place, _Memory) else {}

        def open_file(is_wanted: IsWanted) -> SealedFile:
            if may_make and not check_sealed_file(self._path):
                return SealedFile.create(self._path, passphrase, entries, self._cost)
            file = SealedFile.open(self._path, passphrase)
            for name, secret in entries.items():
                file.set(name, secret, is_wanted)
            return file

        # a failure must not lose what is kept until quit
        file = await self._call(open_file, is_file=True, may_settle=not isinstance(self._place, _Memory))
        self._settle(KeystoreState.SEALED_FILE, file)

    async def _choose_system(self) -> None:
        if isinstance(self._place, SealedFile | _Memory):
            await self._move(self._place)
        elif self._state is KeystoreState.SEALED_FILE_CLOSED:
            raise _closed(self._state)
        else:
            await self._look()

    async def _move(self, before: SealedFile | _Memory) -> None:
        """Copy every entry into the system's keyring, and go there once all of them are in it."""

        def move(is_wanted: IsWanted) -> SystemKeyring:
            if isinstance(before, _Memory) and check_sealed_file(self._path):
                raise _closed(KeystoreState.SEALED_FILE_CLOSED)  # where the next start would look
            keyring = SystemKeyring(self._find_backend())
            keyring.probe()
            for name, secret in before.entries().items():
                keyring.set(name, secret, is_wanted)
            return keyring

        # where it fails, the keys are still where they were, and so is the state
        keyring = await self._call(move, may_settle=False)
        if isinstance(before, SealedFile):
            await self._call(lambda _: before.remove(), is_file=True)
        self._settle(KeystoreState.SYSTEM, keyring)

    # --- calls and states --------------------------------------------------------------------------------------------

    async def _ask(self, function: Callable[[_Place, IsWanted], T]) -> T:
        """Let *function* ask the place where keys are."""
        async with self._turn:
            place = await self._open_place()

            def answered(_: object) -> None:
                self._answers_again(place)

            return await self._call(
                partial(function, place), is_file=isinstance(place, SealedFile), on_late=answered
            )

    async def _call(
        self,
        function: Callable[[IsWanted], T],
        *,
        is_file: bool = False,
        may_settle: bool = True,
        on_late: Callable[[T], None] | None = None,
    ) -> T:
        """Call what may hang. An error says in which state the keystore is because of it; it goes there if it may."""
        given_up = threading.Event()

        def ended(outcome: Outcome[T]) -> None:
            self._hanging[is_file] -= 1
            if given_up.is_set() and outcome.error is None and on_late is not None:
                on_late(outcome.values[0])

        error: KeystoreError
        try:
            if self._hanging[is_file] >= MAX_HANGING_CALLS:
                raise _overdue(None, is_file=is_file)
            self._hanging[is_file] += 1
            return await call_blocking(
                lambda: function(lambda: not given_up.is_set()),
                name="keystore",
                deadline_s=FILE_DEADLINE_S if is_file else self._deadline_s,
                on_end=ended,
            )
        except NoAnswerError as overdue:
            error = _overdue(overdue, is_file=is_file)
        except KeystoreError as refused:
            error = refused
        except Exception as failure:
            raise KeystoreError(f"keys can be neither read nor kept: {type(failure).__name__}") from failure
        finally:
            given_up.set()
        if may_settle and error.leads_to is not None:
            self._settle(error.leads_to)
        raise error

    def _answers_again(self, place: _Place) -> None:
        """Somebody has typed the keyring's password after all."""
        if self._state is KeystoreState.LOCKED and isinstance(place, SystemKeyring):
            log.info("keys: the system's keyring answers")
            self._settle(KeystoreState.SYSTEM, place)

    def _settle(self, state: KeystoreState, place: _Place | None = None) -> None:
        is_new = state is not self._state
        self._state, self._place = state, place
        if is_new and self._on_change is not None:
            self._on_change(state)


def _closed(state: KeystoreState) -> KeystoreClosedError:
    return KeystoreClosedError(_CLOSED[state], state)


def _overdue(error: NoAnswerError | None, *, is_file: bool) -> KeystoreError:
    how = str(error) if error is not None else "too many questions are still without an answer"
    if is_file:
        return KeystoreFileError(f"the file with the keys cannot be read: {how}")
    return KeystoreClosedError(
        f"the system's keyring may be waiting for its password: {how}", KeystoreState.LOCKED
    )


def _check_name(name: str) -> None:
    if not name or len(name) > MAX_NAME_LENGTH or not name.isprintable():
        raise KeystoreError(
            f"a name of a key has 1 to {MAX_NAME_LENGTH} characters that can be seen, unlike {name[:40]!r}"
        )


def _check_secret(secret: str) -> None:
    if not secret or "\0" in secret or not is_text(secret):
        raise KeystoreError("this is no key: it is empty, or has characters that cannot be kept")
    size = len(secret.encode("utf-16-le"))
    if size > MAX_SECRET_BYTES:
        raise KeystoreError(
            f"this is too long for an entry of a keyring: {size // 2} characters, and {MAX_SECRET_BYTES // 2} fit"
        )
