"""What a gateway has to have before a service can be shared through it: the hybrid connection, and keys for it.

There are two kinds: the gateway of this computer, whose administration gives any key, and those of which there is only a
connection string. What that allows is found out by asking: a key with Manage makes the hybrid connection and a rule for
invitations, a key for one hybrid connection serves that one.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import re
import secrets

from agent.config import Deadlines, NetworkConfig
from agent.credentials import Access
from agent.errors import GatewayRejectedError
from agent.management import Management, SendRule
from agent.network import Network, is_loopback
from hyco.addresses import Endpoint
from hyco.connection_string import ConnectionString, parse
from hyco.sas import Right

from ..local_gateway.finding import ca_file, running_administration
from ..preferences import Who
from ..settings import GatewayNote
from ..snapshot import Trouble
from .bundled import Bundled
from .failures import fail
from .keys import THIS_COMPUTER, Keys, gateway_entry, here, sending_entry

#: The rule that signs invitations, on hybrid connections that are made here.
INVITATION_RULE = "invitations"

#: Random characters behind the name of a public share: what cannot be guessed is not found by trying.
_PUBLIC_SUFFIX_LENGTH = 6
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"

_REFUSED = (401, 403)
#: What gateways, Azure's too ("40103: Invalid authorization token signature"), say of a key that is not theirs.
_BAD_SIGNATURE = "signature"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a service is to be shared: ready to be listened on.

    Attributes:
        gateway: The gateway's name.
        endpoint: Its address.
        path: The hybrid connection.
        entry: The credential's entry in the keystore.
        who: Who may use it, as far as the key allows that.
    """

    gateway: str
    endpoint: Endpoint
    path: str
    entry: str
    who: Who


@dataclasses.dataclass(frozen=True, slots=True)
class Sender:
    """What signs tokens that may send to one hybrid connection and nothing else."""

    endpoint: Endpoint
    rule_name: str
    key: str = dataclasses.field(repr=False)
    ca: bytes | None = dataclasses.field(default=None, repr=False)


class Gateways:
    """Prepares gateways.

    Args:
        keys: Every key.
        bundled: The gateway of this computer.
    """

    def __init__(self, keys: Keys, bundled: Bundled) -> None:
        self._keys = keys
        self._bundled = bundled

    async def prepare(
        self, gateway: str, name: str, who: Who, *, taken: set[tuple[str, str]], network: NetworkConfig
    ) -> Place:
        """Have a hybrid connection for a service called *name*.

        Args:
            gateway: The gateway's name.
            name: Of the service; the path is made from it where the key does not say one.
            who: Who is to use it.
            taken: Gateways and paths, in lower case, that other services have.
            network: The way to remote gateways.

        Raises:
            ActionError: A right is missing, or the one path of the key is taken.
            Exception: What ``failures.told`` knows.
        """
        if gateway == THIS_COMPUTER:
            return await self._prepare_here(name, who, taken)
        secret = await self._secret(gateway)
        path = secret.entity_path or _free_path(gateway, name, who, taken)
        if (gateway.lower(), path.lower()) in taken:
            raise fail(
                Trouble.CONFIG,
                f"the key of {gateway} is for {path} alone, and another service is shared there",
            )
        management = Management(Access(secret.endpoint, path, secret), _network(network), Deadlines())
        return Place(
            gateway=gateway,
            endpoint=secret.endpoint,
            path=path,
            entry=gateway_entry(gateway),
            who=await self._ensure(management, gateway, path, who, secret),
        )

    async def sender(self, gateway: str, path: str) -> Sender | None:
        """What signs invitations to *path*; None where the key there is does not allow that.

        Raises:
            Exception: What ``failures.told`` knows.
        """
        if gateway == THIS_COMPUTER:
            text = await self._keys.of_here(path, Right.SEND)
        else:
            kept = await self._keys.get(_sending(gateway, path))
            if kept is None:
                return None
            text = kept
        secret = parse(text)
        if secret.key_name is None or secret.key is None:
            return None
        return Sender(secret.endpoint, secret.key_name, secret.key, self._authority(gateway))

    def note_of_here(self, endpoint: Endpoint) -> GatewayNote:
        """The gateway of this computer as if it had been added."""
        return GatewayNote(name=THIS_COMPUTER, address=endpoint.authority, is_secure=endpoint.is_secure)

    async def forget_sender(self, gateway: str, path: str) -> None:
        """Forget the key for invitations to a path that is no longer shared."""
        if gateway != THIS_COMPUTER:
            await self._keys.forget(_sending(gateway, path))

    async def _prepare_here(self, name: str, who: Who, taken: set[tuple[str, str]]) -> Place:
        if not self._bundled.serves:
            await self._bundled.start(self._bundled.reach)
        path = _free_path(THIS_COMPUTER, name, who, taken)
        async with running_administration(self._bundled.data_folder) as administration:
            await administration.put_connection(path, is_anonymous=who is Who.PUBLIC)
            endpoint = administration.endpoint
        return Place(gateway=THIS_COMPUTER, endpoint=endpoint, path=path, entry=here(path), who=who)

    async def _ensure(
        self, management: Management, gateway: str, path: str, who: Who, secret: ConnectionString
    ) -> Who:
        """See to it that the hybrid connection is there and as wanted; who can use it then."""
        wants_public = who is Who.PUBLIC
        is_there = secret.entity_path is not None  # a key for one hybrid connection comes from there
        is_anonymous = False
        try:
            found = await management.describe()
            is_there = found is not None
            is_anonymous = found is not None and found.is_anonymous
        except GatewayRejectedError as error:
            if error.status not in _REFUSED:
                raise  # a key may be allowed to listen, and not to read about it
        if is_there and is_anonymous == wants_public:
            has_sender = await self._keys.get(_sending(gateway, path)) is not None
            return who if wants_public or has_sender else Who.KEY
        rule = None if wants_public else _new_rule()
        try:
            await management.put(is_anonymous=wants_public, is_new=not is_there, send_rule=rule)
        except GatewayRejectedError as error:
            if error.status not in _REFUSED or _BAD_SIGNATURE in error.reason.lower():
                raise  # a key that is wrong lacks no right
            what = f"let everybody use {path}" if is_there else f"make the hybrid connection {path}"
            raise fail(
                Trouble.MISSING_RIGHT,
                f"the key of {gateway} lacks the right Manage, which it takes to {what}",
            ) from error
        if rule is not None:
            await self._keys.put(_sending(gateway, path), _connection_string(secret, path, rule))
        return who

    async def _secret(self, gateway: str) -> ConnectionString:
        text = await self._keys.get(gateway_entry(gateway))
        if text is None:
            raise fail(
                Trouble.CREDENTIAL, f"the connection string of {gateway} is not in the keystore any more"
            )
        return parse(text)

    def _authority(self, gateway: str) -> bytes | None:
        """The certificate of the authority that the gateway of this computer made, in DER."""
        if gateway != THIS_COMPUTER:
            return None
        file = ca_file(self._bundled.data_folder)
        if file is None:
            return None
        body = re.search(
            r"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", file.read_text(), re.DOTALL
        )
        return None if body is None else base64.b64decode(body[1])


def path_for(name: str) -> str:
    """A path for what people call *name*."""
    path = re.sub(r"[^a-z0-9.-]+", "-", name.lower()).strip(".-")[:60].strip(".-")
    return path or "service"


def is_only_here(endpoint: Endpoint) -> bool:
    """Whether only this computer can reach it."""
    return is_loopback(endpoint.host)


def _free_path(gateway: str, name: str, who: Who, taken: set[tuple[str, str]]) -> str:
    path = path_for(name)
    if who is Who.PUBLIC:
        return f"{path}-{''.join(secrets.choice(_LETTERS) for _ in range(_PUBLIC_SUFFIX_LENGTH))}"
    free, number = path, 2
    while (gateway.lower(), free) in taken:
        free, number = f"{path}-{number}", number + 1
    return free


def _new_rule() -> SendRule:
    def key() -> str:
        return base64.b64encode(secrets.token_bytes(32)).decode()

    return SendRule(INVITATION_RULE, key(), key())


def _connection_string(secret: ConnectionString, path: str, rule: SendRule) -> str:
    return ConnectionString(
        endpoint=secret.endpoint,
        entity_path=path,
        key_name=rule.name,
        key=rule.primary_key,
        is_development_emulator=secret.is_development_emulator,
    ).format()


def _sending(gateway: str, path: str) -> str:
    # a path may be longer than the name of an entry
    return sending_entry(gateway, hashlib.sha256(path.lower().encode()).hexdigest()[:16])


def _network(config: NetworkConfig) -> Network:
    network = Network(config)
    network.prepare()
    return network
