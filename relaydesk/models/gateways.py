"""The table of gateways."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QObject

from ..snapshot import BundledState, Gateway, Snapshot
from . import formats, problems
from .states import gateway_face
from .tables import Column, FilterModel, TableModel

translate = QCoreApplication.translate


def rights_words(rights: tuple[str, ...] | None) -> str:
    """What a key allows."""
    if rights is None:
        return translate("Gateways", "not known")
    return ", ".join(rights) or translate("Gateways", "nothing")


def key_words(gateway: Gateway) -> str:
    """The name of the key, or what stands for it."""
    if gateway.key_name:
        return gateway.key_name
    if gateway.bundled is not None:
        return translate("Gateways", "made here")
    return ""


def address_words(gateway: Gateway) -> str:
    """Host and port, and that nothing protects what goes there where that is so."""
    if gateway.is_secure or not gateway.address:
        return gateway.address
    return translate("Gateways", "{address} (without TLS)").format(address=gateway.address)


def reach_words(gateway: Gateway) -> str:
    """Who reaches it."""
    if gateway.is_only_this_computer:
        return translate("Gateways", "Only this computer")
    if gateway.bundled is not None:
        return translate("Gateways", "My network")
    return ""


def is_running(gateway: Gateway) -> bool:
    """Whether a bundled gateway is there."""
    return gateway.bundled in (BundledState.RUNNING, BundledState.STARTING, BundledState.ELSEWHERE)


def services_words(number: int) -> str:
    """How many services go through it."""
    if number == 0:
        return translate("Gateways", "no service")
    if number == 1:
        return translate("Gateways", "1 service")
    return translate("Gateways", "%Ln services", "", number)


class GatewaysModel(TableModel[Gateway]):
    """Every gateway that is known."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(
            (
                Column(
                    name="state",
                    title=translate("Gateways", "State"),
                    text=lambda g: gateway_face(g).word,
                    icon=lambda g: gateway_face(g)[1:],
                    detail=lambda g: ": ".join(
                        filter(
                            None,
                            (gateway_face(g).word, problems.explain(g.problem).title if g.problem else ""),
                        )
                    ),
                    sample=translate("States", "Running, started elsewhere"),
                ),
                Column(
                    name="gateway",
                    title=translate("Gateways", "Gateway"),
                    text=lambda g: g.name,
                    sample="relay.fabrikam.example",
                    stretch=2,
                ),
                Column(
                    name="address",
                    title=translate("Gateways", "Address"),
                    text=address_words,
                    sample="contoso.servicebus.windows.net:443",
                    rank=1,
                    stretch=3,
                ),
                Column(
                    name="key",
                    title=translate("Gateways", "Key"),
                    text=key_words,
                    sample="relaydesk-laptop",
                    rank=3,
                    stretch=1,
                ),
                Column(
                    name="rights",
                    title=translate("Gateways", "The key allows"),
                    text=lambda g: rights_words(g.rights),
                    sample="Listen, Send, Manage",
                    rank=2,
                ),
                Column(
                    name="path",
                    title=translate("Gateways", "Only for path"),
                    text=lambda g: g.path,
                    sample="storefront-7f3a",
                    rank=5,
                ),
                Column(
                    name="services",
                    title=translate("Gateways", "Services"),
                    text=lambda g: formats.count(g.services),
                    sort_key=lambda g: g.services,
                    is_number=True,
                    sample="99",
                    rank=4,
                ),
            ),
            key=lambda gateway: gateway.name,
            parent=parent,
        )

    def show(self, snapshot: Snapshot) -> None:
        """Show the gateways of *snapshot*."""
        self.update(snapshot.gateways)


def filtered(model: GatewaysModel) -> FilterModel[Gateway]:
    """The model to show: sorted and filtered."""
    return FilterModel(
        model, lambda g: f"{g.name} {g.address} {g.key_name} {g.path} {gateway_face(g).word}", model
    )
