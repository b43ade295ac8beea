"""From what each part says to the one snapshot that is shown. Pure: the parts come in as values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from agent.config import ConnectionConfig, Direction
from agent.status import AgentStatus, ConnectionStatus, RelayedConnection, State
from hyco.addresses import parse_endpoint, sender_url
from hyco.errors import HycoError

from ..settings import GatewayNote, ServiceNote
from ..snapshot import (
    ConnectionKind,
    Gateway,
    Health,
    Invitation,
    LiveConnection,
    Problem,
    Proof,
    Service,
    ServiceState,
    Trouble,
)
from .proving import Finding

_STATES = {
    State.CONNECTING: ServiceState.CONNECTING,
    State.LISTENING: ServiceState.ONLINE,
    State.WAITING: ServiceState.WAITING,
    State.STOPPED: ServiceState.STOPPED,
    State.PAUSED: ServiceState.PAUSED,
    State.EXPIRED: ServiceState.EXPIRED,
}


#: How long it is shown that a service did not answer a sender, where nobody has come since.
TARGET_SHOWN_S: Final = 60.0


def service_of(
    config: ConnectionConfig,
    status: ConnectionStatus,
    *,
    note: ServiceNote | None,
    gateway: GatewayNote | None,
    finding: Finding | None,
    is_port_open: bool | None,
    is_gateway_starting: bool = False,
    owner: tuple[str, str],
    now: float,
) -> Service:
    """One service.

    Args:
        config: Its settings.
        status: What the agent says.
        note: What is remembered of it.
        gateway: Its gateway, where that is known.
        finding: What the last probe said.
        is_port_open: Whether something listens on the local port; None where that cannot be known.
        is_gateway_starting: Whether its gateway is the one of this computer, on its way for the first time.
        owner: The program that does, and its project; empty where that is not known.
        now: The time: an invitation that was accepted here may be over.
    """
    state = _STATES[status.state]
    problem = _problem(status)
    if is_gateway_starting and problem is not None and problem.trouble is Trouble.GATEWAY_UNREACHABLE:
        state, problem = ServiceState.CONNECTING, None  # nothing is wrong: it is not there yet
    if (
        problem is not None
        and problem.trouble is Trouble.TARGET
        and now - (problem.since or 0) > TARGET_SHOWN_S
    ):
        problem = None
    is_shared = config.direction is Direction.LISTEN
    if state is ServiceState.ONLINE and is_shared:
        if is_port_open is False:
            state = ServiceState.PORT_CLOSED
            problem = Problem(
                trouble=Trouble.TARGET, cause=f"nothing listens on {status.leads_to}", since=status.since
            )
        elif finding is not None and finding.proof is Proof.FAILED:
            problem = Problem(trouble=Trouble.PROBE, cause=finding.reason, since=finding.at)
    ends_at = status.token_expires_at
    if state is ServiceState.ONLINE and not is_shared and ends_at is not None and ends_at <= now:
        problem = Problem(trouble=Trouble.INVITATION, cause="the invitation is over", since=ends_at)
    proof = Proof.PENDING if finding is None else finding.proof
    return Service(
        name=status.name,
        direction=config.direction,
        local=status.leads_to,
        state=state,
        since=status.since,
        gateway=note.gateway if note is not None else status.gateway,
        path=status.path,
        url=_url(status, gateway),
        is_web=note is not None and note.is_web,
        process=owner[0],
        project=owner[1],
        proof=proof if is_shared else Proof.IMPOSSIBLE,
        round_trip_s=status.round_trip_s if finding is None else finding.round_trip_s,
        problem=problem,
        is_public=is_shared and note is not None and note.is_public,
        expires_at=_expires_at(config, status),
        invitations=tuple(
            Invitation(
                id=one.sha256,
                name=one.name,
                expires_at=one.until.timestamp() if one.until is not None else None,
            )
            for one in config.invited or ()
        ),
        traffic=status.traffic,
    )


def live_connections(relayed: Iterable[RelayedConnection]) -> tuple[LiveConnection, ...]:
    """What is relayed, for the table."""
    return tuple(
        LiveConnection(
            id=one.id,
            service=one.connection,
            kind=ConnectionKind(one.kind.value),
            peer=one.peer,
            about=one.about,
            started_at=one.started_at,
            ended_at=one.ended_at,
            bytes_received=one.bytes_received,
            bytes_sent=one.bytes_sent,
            error=one.error,
        )
        for one in relayed
    )


def health_of(services: Iterable[Service]) -> Health:
    """All services together."""
    states = [(one.state, one.problem) for one in services if one.state is not ServiceState.EXPIRED]
    if not states:
        return Health.IDLE
    wanted = [(state, problem) for state, problem in states if state is not ServiceState.PAUSED]
    if not wanted:
        return Health.PAUSED
    down = sum(state in (ServiceState.WAITING, ServiceState.STOPPED) for state, _ in wanted)
    if down == len(wanted):
        return Health.OFFLINE
    if down or any(problem is not None for _, problem in wanted):
        return Health.DEGRADED
    if any(state is ServiceState.CONNECTING for state, _ in wanted):
        return Health.WORKING
    return Health.ONLINE


def gateway_of(note: GatewayNote, services: Iterable[Service], problem: Problem | None = None) -> Gateway:
    """A gateway whose connection string is in the keystore."""
    own = [one for one in services if one.gateway == note.name]
    return Gateway(
        name=note.name,
        address=note.address,
        is_secure=note.is_secure,
        key_name=note.key_name,
        rights=note.rights,
        path=note.path,
        services=len(own),
        problem=problem or next((one.problem for one in own if _is_of_gateway(one.problem)), None),
    )


def in_order(
    configs: Iterable[ConnectionConfig],
    status: AgentStatus,
    make: Callable[[ConnectionConfig, ConnectionStatus], Service],
) -> tuple[Service, ...]:
    """Every service in the order of the settings; one that the agent does not know yet is left out."""
    by_name: Mapping[str, ConnectionStatus] = {one.name: one for one in status.connections}
    return tuple(make(config, by_name[config.label]) for config in configs if config.label in by_name)


def _problem(status: ConnectionStatus) -> Problem | None:
    if status.trouble is None:
        return None
    return Problem(
        trouble=Trouble(status.trouble.value),
        cause=status.last_error or status.trouble.value,
        status=status.refused_status,
        since=status.last_error_at if status.state is State.LISTENING else status.since,
        next_try_at=status.next_try_at,
    )


def _is_of_gateway(problem: Problem | None) -> bool:
    return problem is not None and problem.trouble in (
        Trouble.GATEWAY_UNREACHABLE,
        Trouble.GATEWAY_REFUSED,
        Trouble.CHANNEL_LOST,
        Trouble.CERTIFICATE,
    )


def _expires_at(config: ConnectionConfig, status: ConnectionStatus) -> float | None:
    return config.until.timestamp() if config.until is not None else status.token_expires_at


def _url(status: ConnectionStatus, gateway: GatewayNote | None) -> str:
    if not status.gateway or not status.path:
        return ""
    try:
        scheme = "https" if gateway is None or gateway.is_secure else "http"
        return sender_url(parse_endpoint(f"{scheme}://{status.gateway}/"), status.path)
    except HycoError:
        return ""
