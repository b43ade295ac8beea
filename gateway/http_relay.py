"""An HTTP sender: its request told to a listener, the listener's response sent back as it comes.

A request without a body, or with one of up to 64 KiB and a known length, crosses on the control channel; any other
waits for the listener's rendezvous and is streamed there. The listener answers on either. Whatever is cut short on the
listener's side ends the sender's connection with a reset, so that it cannot look whole.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hyco.handshake import switching_protocols
from hyco.http_rules import needs_rendezvous, request_headers, request_target, response_headers
from hyco.messages import Request, Response

from .asking import ask_patiently, fits_control_message, listener_criteria
from .errors import (
    LimitExceededError,
    ListenerLostError,
    NoListenerError,
    RejectedByListenerError,
    RendezvousTimeoutError,
    ResponseTimeoutError,
)
from .exchange import Exchange
from .fabric.interface import Ask, Told
from .front_request import BodyCutError
from .rendezvous import Arrived, Pending, Rejected

if TYPE_CHECKING:
    from .routes import Sender
    from .server import Gateway

log = logging.getLogger(__name__)

#: Methods that may be repeated on another listener when the first was lost after it had been told (RFC 9110 §9.2.2).
IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})

#: What a listener may answer (RFC 9110 section 15, without the interim responses).
_FIRST_STATUS, _LAST_STATUS = 200, 599


@dataclass(frozen=True, slots=True)
class _Job:
    """One request on its way."""

    gateway: Gateway
    sender: Sender
    request: Request  # in its full form
    pending: Pending
    response_timeout_s: float


async def relay_http(gateway: Gateway, sender: Sender, *, response_timeout_s: float) -> None:
    """Answer *sender*'s request with what a listener says to it.

    Raises:
        RefusalError: No listener, none that came or answered in time, or one that was lost before it answered.
        BodyCutError: The sender stopped in the middle of its body.
    """
    front = sender.request
    by_rendezvous = needs_rendezvous(front.body.content_length, is_chunked=front.body.is_chunked)
    pending = gateway.rendezvous.open("request", guid=sender.guid, raw_path=sender.target.path, user_query="")
    try:
        request = Request(
            address=pending.address,
            id=pending.id,
            request_target=request_target(sender.target),
            method=front.method,
            remote_endpoint=sender.address,
            request_headers=request_headers(
                front.headers, via_host=sender.host, consumed=sender.grant.consumed
            ),
            body=front.body.is_present,
        )
        if not fits_control_message(request):
            raise LimitExceededError.headers(gateway.config.max_header_bytes)
        job = _Job(gateway, sender, request, pending, response_timeout_s)
        if by_rendezvous:
            await _by_rendezvous(job)
        else:
            body = await front.body.read_all() if front.body.is_present else None
            await _by_control_channel(job, body)
    finally:
        gateway.rendezvous.close(pending)


async def _by_control_channel(job: _Job, body: bytes | None) -> None:
    ask = _ask(job, job.request, body)
    lost: ListenerLostError | None = None
    while True:
        told = await _tell(job, ask, lost)
        try:
            await _answer(job, told)
        except ListenerLostError as error:
            if job.pending.outcome.done() or job.request.method not in IDEMPOTENT:
                raise
            lost = error
            ask = replace(ask, tried=ask.tried | {told.listener})
        else:
            return
        finally:
            told.cancel()


async def _by_rendezvous(job: _Job) -> None:
    address_only = Request(address=job.pending.address)
    ask = _ask(job, address_only, None)
    lost: ListenerLostError | None = None
    while True:
        told = await _tell(job, ask, lost)
        try:
            outcome = await _first(job, told, job.gateway.config.rendezvous_validity_s)
        except ListenerLostError as error:  # nothing of the body has gone anywhere yet: another one is safe
            lost = error
            ask = replace(ask, tried=ask.tried | {told.listener})
            continue
        finally:
            told.cancel()
        if outcome is None:
            raise RendezvousTimeoutError(RendezvousTimeoutError.REQUEST)
        await _exchange(job, outcome, sends_request=True)
        return


def _ask(job: _Job, message: Request, body: bytes | None) -> Ask:
    allowed, disallowed = listener_criteria(job.sender.request)
    return Ask(
        kind="request", id=job.pending.id, message=message, body=body, allowed=allowed, disallowed=disallowed
    )


async def _tell(job: _Job, ask: Ask, lost: ListenerLostError | None) -> Told:
    try:
        return await ask_patiently(job.gateway.fabric, job.sender.relay, ask)
    except NoListenerError:
        if lost is not None:  # one was there, and took the request with it
            raise lost from None
        raise


async def _first(job: _Job, told: Told, timeout_s: float) -> Arrived | None:
    """The listener's rendezvous; None when there is none in time, or there is an answer without one.

    Raises:
        ListenerLostError: Its control channel ended first.
        RejectedByListenerError: It came to refuse.
    """
    outcome = job.pending.outcome
    await asyncio.wait((told.answer, outcome), timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    if outcome.done():
        result = outcome.result()
        if isinstance(result, Rejected):
            raise RejectedByListenerError(result.status, result.reason)
        return result
    if told.answer.done():
        told.answer.result()
    return None


async def _answer(job: _Job, told: Told) -> None:
    """Send on what the listener answers: on its control channel, or on a rendezvous it opens for that."""
    arrived = await _first(job, told, job.response_timeout_s)
    if arrived is not None:
        await _exchange(job, arrived, sends_request=False)
        return
    if not told.answer.done():
        raise ResponseTimeoutError
    answer = told.answer.result()
    _respond(job, answer.response, answer.body or b"")


def _respond(job: _Job, response: Response, body: bytes) -> None:
    headers = response_headers(response.response_headers, via_host=job.sender.host)
    job.sender.request.respond(_final_status(response), response.status_description, headers, body)


def _final_status(response: Response) -> int:
    """The status to send on.

    Raises:
        ListenerLostError: An interim one (1xx), after which HTTP would wait for another; or none that HTTP has.
    """
    if not _FIRST_STATUS <= response.status_code <= _LAST_STATUS:
        msg = f"The listener answered with the status {response.status_code}, which ends no request."
        raise ListenerLostError(msg)
    return response.status_code


async def _exchange(job: _Job, arrived: Arrived, *, sends_request: bool) -> None:
    gateway = job.gateway
    exchange = Exchange(gateway.read_buffer, gateway.pinger)
    try:
        tracking = (("TrackingId", job.sender.tracking_id),)
        arrived.request.upgrade(switching_protocols(arrived.key, None, tracking), exchange.leg)
    except ConnectionResetError as error:
        raise ListenerLostError from error
    finally:
        arrived.leave()
    upload = None
    try:
        if sends_request:
            exchange.send_request(job.request)
            upload = gateway.spawn(_upload(job, exchange), "upload")
        response = await _head(job, exchange, upload)
        await _download(job, exchange, response)
    except BaseException:
        exchange.give_up()
        raise
    finally:
        if upload is not None:
            upload.cancel()


async def _upload(job: _Job, exchange: Exchange) -> None:
    """Send the sender's body on as it arrives. A body that is cut ends the rendezvous without its final frame."""
    body = job.sender.request.body
    is_first = True
    try:
        while chunk := await body.read():
            async with asyncio.timeout(job.gateway.config.body_idle_timeout_s):
                await exchange.send_body(chunk, is_first=is_first, is_last=False)
            is_first = False
        await exchange.send_body(b"", is_first=is_first, is_last=True)
    except (BodyCutError, ListenerLostError, TimeoutError) as error:
        log.info(
            "%s upload given up: %s", job.sender.tracking_id, str(error) or "the listener does not read it"
        )
        exchange.leg.hang_up()


async def _head(job: _Job, exchange: Exchange, upload: asyncio.Task[None] | None) -> Response:
    """The head of the response: its time runs from the end of the upload, whose own steps have deadlines."""
    response = exchange.response
    if upload is not None:
        await asyncio.wait((upload, response), return_when=asyncio.FIRST_COMPLETED)
        cut = job.sender.request.body.cut
        if cut is not None and not (response.done() and response.exception() is None):
            raise cut  # the sender's own doing, and not its listener's, who was left for it
    await asyncio.wait((response,), timeout=job.response_timeout_s)
    if not response.done():
        raise ResponseTimeoutError
    return response.result()


async def _download(job: _Job, exchange: Exchange, response: Response) -> None:
    front = job.sender.request
    if not response.body:
        _respond(job, response, b"")
        exchange.finish()
        return
    headers = response_headers(response.response_headers, via_host=job.sender.host)
    front.start(_final_status(response), response.status_description, headers)
    try:
        while True:
            async with asyncio.timeout(job.gateway.config.body_idle_timeout_s):
                chunk = await exchange.read()
            if not chunk:
                break
            await front.write(chunk)
    except (ListenerLostError, TimeoutError) as error:
        log.info(
            "%s the response was cut: %s",
            job.sender.tracking_id,
            str(error) or "the listener sends no more of it",
        )
        front.cut()
        exchange.give_up()
        return
    front.finish()
    exchange.finish()
