"""What is handed to other people: addresses, and invitations that can be withdrawn one by one."""

from __future__ import annotations

import dataclasses
import datetime as dt
import secrets
from typing import Final

from agent.clock import Clock
from agent.config import ConnectionConfig, Invited
from agent.invitation import ID_BYTES, Invitation, digest, new_id, sign_token
from hyco.addresses import Endpoint, sender_url
from hyco.redaction import one_line

from ..actions import Shared
from ..settings import ServiceNote, unique_name
from ..snapshot import Trouble
from .failures import fail
from .gateways import Gateways, is_only_here

#: The life of a link to something that is shared until it is stopped.
LINK_LIFETIME_S: Final = 7 * 24 * 3600.0
#: The name of the invitations that are made for links.
LINK: Final = "Link"
#: Invitations of one share.
MAX_INVITATIONS: Final = 100


class Links:
    """Makes them.

    Args:
        gateways: Whose keys sign them.
        clock: For how long they last.
    """

    def __init__(self, gateways: Gateways, clock: Clock) -> None:
        self._gateways = gateways
        self._clock = clock
        self._made: dict[str, tuple[Invited, Shared]] = {}
        """The links that were made while this runs: their secret is nowhere else."""

    async def invite(
        self,
        connection: ConnectionConfig,
        note: ServiceNote,
        name: str,
        lifetime_s: float | None,
        *,
        is_text: bool = False,
    ) -> tuple[ConnectionConfig, Shared]:
        """*connection* with one more invitation, and the text of that.

        Args:
            connection: What is shared.
            note: What the desktop knows of it.
            name: Who is invited.
            lifetime_s: How long it lets in; None for as long as a link does, or as the share lasts.
            is_text: For another RelayDesk, and not for a browser.

        Raises:
            ActionError: The gateway's key may not make any, or there are too many.
        """
        assert connection.path is not None
        assert connection.target is not None
        sender = await self._gateways.sender(note.gateway, connection.path)
        if sender is None:
            raise fail(
                Trouble.MISSING_RIGHT,
                f"the key of {note.gateway} lacks the right Manage, which it takes to make invitations",
            )
        now = self._clock.now()
        share_ends_at = None if connection.until is None else connection.until.timestamp()
        ends_at = now + (LINK_LIFETIME_S if lifetime_s is None else lifetime_s)
        if share_ends_at is not None and (lifetime_s is None or share_ends_at < ends_at):
            ends_at = share_ends_at
        invitation = Invitation(
            endpoint=sender.endpoint,
            path=connection.path,
            name=connection.label,
            token=sign_token(
                sender.endpoint,
                connection.path,
                rule_name=sender.rule_name,
                key=sender.key,
                expires_at=int(ends_at),
            ),
            id=new_id(secrets.token_bytes(ID_BYTES)),
            is_web=note.is_web,
            port=connection.target.port,
            ca=sender.ca,
        )
        left = tuple(
            one for one in connection.invited or () if one.until is None or one.until.timestamp() > now
        )
        if len(left) >= MAX_INVITATIONS:
            raise fail(
                Trouble.INVITATION, f"{connection.label} has {MAX_INVITATIONS} invitations; withdraw some"
            )
        invited = Invited(
            name=unique_name(one_line(name).strip()[:100] or LINK, [one.name for one in left]),
            sha256=digest(invitation.id),
            until=dt.datetime.fromtimestamp(int(ends_at), dt.UTC),
        )
        is_url = note.is_web and not is_text
        shared = Shared(
            service=connection.label,
            link=invitation.url() if is_url else invitation.text(),
            shown_link=invitation.shown_url() if is_url else invitation.shown(),
            is_only_this_computer=is_only_here(sender.endpoint),
        )
        if not is_text:
            self._made[connection.label] = (invited, shared)
        return dataclasses.replace(connection, invited=(*left, invited)), shared

    def known(self, connection: ConnectionConfig) -> Shared | None:
        """The link that was made for it while this runs, if it still lets in: a link is not made anew for each copy."""
        invited, shared = self._made.get(connection.label, (None, None))
        if invited is None or invited not in (connection.invited or ()):
            return None
        is_over = invited.until is not None and invited.until.timestamp() <= self._clock.now()
        return None if is_over else shared


def plain_link(connection: ConnectionConfig, endpoint: Endpoint) -> Shared:
    """The address of what needs no invitation."""
    url = sender_url(endpoint, connection.path or "", "/")
    return Shared(
        service=connection.label, link=url, shown_link=url, is_only_this_computer=is_only_here(endpoint)
    )
