"""The table of invitations that were given out for one service."""

from __future__ import annotations

import math

from PySide6.QtCore import QCoreApplication, QObject

from ..snapshot import Invitation, Service
from . import formats
from .tables import Column, FilterModel, TableModel

translate = QCoreApplication.translate


class InvitationsModel(TableModel[Invitation]):
    """The invitations of a service."""

    def __init__(self, parent: QObject | None = None) -> None:
        self._now = 0.0
        super().__init__(
            (
                Column(
                    name="name",
                    title=translate("Invitations", "Invitation"),
                    text=lambda i: i.name,
                    sample="Design review",
                    stretch=1,
                ),
                Column(
                    name="ends",
                    title=translate("Invitations", "Ends"),
                    text=self._ends,
                    sort_key=_end,
                    is_live=True,
                    sample=formats.moment(1_795_708_000.0, 0.0),
                    rank=1,
                ),
                Column(
                    name="left",
                    title=translate("Invitations", "Left"),
                    text=self._left,
                    sort_key=_end,
                    is_live=True,
                    sample=formats.rough_duration(23 * 86_400),
                ),
            ),
            key=lambda invitation: invitation.id,
            is_faded=lambda invitation: _end(invitation) <= self._now,
            parent=parent,
        )

    def show(self, service: Service | None, now: float) -> None:
        """Show the invitations of *service*."""
        self._now = now
        self.update(service.invitations if service is not None else ())
        self.touch()

    def _ends(self, invitation: Invitation) -> str:
        if invitation.expires_at is None:
            return translate("Invitations", "when it is withdrawn")
        return formats.moment(invitation.expires_at, self._now)

    def _left(self, invitation: Invitation) -> str:
        if invitation.expires_at is None:
            return ""
        left = invitation.expires_at - self._now
        return formats.rough_duration(left) if left > 0 else translate("Invitations", "over")


def _end(invitation: Invitation) -> float:
    return math.inf if invitation.expires_at is None else invitation.expires_at


def filtered(model: InvitationsModel) -> FilterModel[Invitation]:
    """The model to show: sorted."""
    return FilterModel(model, lambda invitation: invitation.name, model)
