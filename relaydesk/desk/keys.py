"""Which key belongs to what, and where it comes from.

A credential in ``agent.toml`` is the name of an entry. Those of remote gateways and of invitations are in the keystore. One
for the gateway of this computer is nowhere: its administration makes the connection string when it is needed, so that it
is right whatever port that gateway got today.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from agent.errors import CredentialError, GatewayUnreachableError, KeystoreLockedError
from hyco.sas import Right

from ..keystore import MAX_SECRET_BYTES, Keystore, KeystoreError
from ..local_gateway.administration import key_for
from ..local_gateway.errors import AdministrationError, Failure
from ..local_gateway.finding import running_administration
from ..snapshot import Trouble

#: The gateway of this computer, where a gateway's name is wanted.
THIS_COMPUTER: Final = "This computer"

_HERE: Final = "this-computer:"

#: Of an entry that is longer than a keyring takes: so many characters in each part.
_PART: Final = MAX_SECRET_BYTES // 2 - 60
_MORE: Final = "\n"


def here(path: str) -> str:
    """The entry of a hybrid connection on the gateway of this computer."""
    return f"{_HERE}{path}"


def gateway_entry(name: str) -> str:
    """The entry of a gateway's connection string."""
    return f"gateway:{name}"


def sending_entry(name: str, path: str) -> str:
    """The entry of a connection string that may only send to *path*, made here for invitations."""
    return f"send:{name}:{path}"


def invitation_entry(id_: str) -> str:
    """The entry of an invitation that was accepted here."""
    return f"invitation:{id_}"


class Keys:
    """The keys of the desktop.

    Args:
        keystore: Where they are kept.
        data_folder: Of the gateway of this computer.
        serves: Whether that gateway can be asked now.
    """

    def __init__(self, keystore: Keystore, data_folder: Path, serves: Callable[[], bool]) -> None:
        self.keystore = keystore
        self._data_folder = data_folder
        self._serves = serves

    async def fetch(self, name: str) -> str | None:
        """The agent's keystore.

        Raises:
            KeystoreLockedError: Somebody has to open the keystore first.
            CredentialError: It cannot be had now; asked again later, it may.
            GatewayUnreachableError: It is one of this computer's gateway, which does not run.
        """
        if name.startswith(_HERE):
            return await self.of_here(name.removeprefix(_HERE), Right.LISTEN | Right.SEND)
        try:
            return await self.get(name)
        except KeystoreError as error:
            is_locked = error.trouble is Trouble.KEYSTORE_LOCKED
            raise (KeystoreLockedError if is_locked else CredentialError)(str(error)) from error

    async def of_here(self, path: str | None, rights: Right) -> str:
        """A connection string of the gateway of this computer, with just these rights.

        Raises:
            GatewayUnreachableError: That gateway does not run.
            CredentialError: It does not know the hybrid connection.
        """
        if not self._serves():
            raise GatewayUnreachableError("the gateway of this computer is not running")
        try:
            async with running_administration(self._data_folder) as administration:
                return await key_for(administration, path, rights)
        except AdministrationError as error:
            if error.failure is Failure.UNREACHABLE:
                raise GatewayUnreachableError(error.message) from error
            raise CredentialError(error.message) from error

    async def get(self, name: str) -> str | None:
        """An entry of the keystore, put together where it has parts.

        Raises:
            KeystoreError: It cannot be read.
        """
        text = await self.keystore.get(name)
        number = 2
        while text is not None and text.endswith(_MORE):
            more = await self.keystore.get(f"{name}#{number}")
            if more is None:
                return None
            text, number = text.removesuffix(_MORE) + more, number + 1
        return text

    async def put(self, name: str, secret: str) -> None:
        """Keep an entry, in parts where a keyring would not take it whole.

        Raises:
            KeystoreError: It cannot be kept.
        """
        parts = [secret[start : start + _PART] for start in range(0, len(secret), _PART)]
        for index, part in reversed(tuple(enumerate(parts))):  # the first one last: it makes the whole
            is_last = index == len(parts) - 1
            await self.keystore.set(
                name if index == 0 else f"{name}#{index + 1}", part if is_last else part + _MORE
            )

    async def forget(self, name: str) -> None:
        """Remove an entry.

        Raises:
            KeystoreError: It cannot be removed.
        """
        text = await self.keystore.get(name)
        await self.keystore.delete(name)
        number = 2
        while text is not None and text.endswith(_MORE):
            text = await self.keystore.get(f"{name}#{number}")
            await self.keystore.delete(f"{name}#{number}")
            number += 1
