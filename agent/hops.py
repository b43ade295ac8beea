"""The hops between this computer and a gateway, tried one by one: name, proxy, port, TLS and its certificate, and the clocks.

Nothing secret goes this way: the gateway is asked for nothing, without a token. So it may even be done with a gateway whose
certificate is not trusted, to see why, and what time it is there.
"""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import errno
import functools
import logging
import os
import re
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlsplit

from cryptography import x509

from hyco.addresses import Endpoint
from hyco.redaction import one_line
from hyco.tracking import untraced

from .checks import Check, Fault, Outcome, Step
from .clock import Clock
from .config import NetworkConfig
from .credentials import RENEW_AT_PART, TOKEN_LIFETIME_S
from .errors import AgentError, ConfigError, GatewayUnreachableError
from .network import Network, addresses_of, ask_proxy, connect_directly, explain, is_loopback
from .roots import verifying_context
from .transport import USER_AGENT, HandshakeProtocol, readable_reason

log = logging.getLogger(__name__)

CLOCKS_APART_S: Final = 60.0
"""Two clocks further apart than this are worth a word."""

TOKENS_FAIL_S: Final = TOKEN_LIFETIME_S * (1 - RENEW_AT_PART)
"""A clock that is slower than this makes tokens that are over before they are renewed."""

MAX_ADDRESSES_SHOWN: Final = 3
MAX_NAMES_SHOWN: Final = 3

_EXPIRED, _NOT_YET, _WRONG_NAME, _WRONG_ADDRESS = 10, 9, 62, 64
"""What OpenSSL calls them (X509_V_ERR_…)."""

_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-9][0-9]{2})(?: ([^\r\n]*))?\r\n")
_STAMP = re.compile(r"Timestamp:([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long the doctor waits for each hop, in seconds."""

    target_s: float = 3.0
    dns_s: float = 5.0
    proxy_s: float = 6.0
    """For the proxy to answer, and again for it to reach the gateway."""
    tcp_s: float = 6.0
    tls_s: float = 6.0
    answer_s: float = 6.0
    """For one answer of the gateway."""
    end_to_end_s: float = 10.0
    total_s: float = 30.0
    """For everything: whatever has not been tried by then is not tried."""


class HopError(Exception):
    """What a hop found wrong."""

    def __init__(self, fault: Fault, found: str, outcome: Outcome = Outcome.FAILED) -> None:
        super().__init__(found)
        self.fault = fault
        self.found = found
        self.outcome = outcome


class NotTriedError(Exception):
    """Why something could not be tried, or does not apply."""


class Timekeeper:
    """Runs hops, each with its own deadline and all of them with one.

    Args:
        clock: For how long they took.
        total_s: For all of them.
    """

    def __init__(self, clock: Clock, total_s: float) -> None:
        self._clock = clock
        self._ends_at = clock.monotonic() + total_s
        self._total_s = total_s

    async def run(
        self, step: Step, tried: str, work: Callable[[], Awaitable[str]], *, within_s: float, silence: Fault
    ) -> Check:
        """Do *work*, whose result is what was found, and make a check of it.

        Args:
            step: Which hop.
            tried: What is done.
            work: Raises HopError for what is wrong and NotTriedError where it does not apply.
            within_s: Its deadline.
            silence: What is wrong where nothing came by then.
        """
        began = self._clock.monotonic()
        within_s = min(within_s, self._ends_at - began)
        if within_s <= 0:
            return skipped(step, f"not tried: {self._total_s:g} s were over")
        outcome, fault = Outcome.PASSED, None
        try:
            async with asyncio.timeout(within_s):
                found = await work()
        except TimeoutError:
            outcome, fault, found = Outcome.FAILED, silence, f"no answer within {within_s:.3g} s"
        except HopError as error:
            outcome, fault, found = error.outcome, error.fault, error.found
        except NotTriedError as error:
            return skipped(step, str(error))
        return Check(
            step=step,
            outcome=outcome,
            tried=one_line(tried),
            found=said(found),
            fault=fault,
            took_s=self._clock.monotonic() - began,
        )


def skipped(step: Step, why: str) -> Check:
    """A check that was not made."""
    return Check(step=step, outcome=Outcome.SKIPPED, tried="", found=one_line(why))


def said(text: object) -> str:
    """What a gateway or an error said, in one line and without the tracking id, which is another one each time."""
    return one_line(untraced(str(text)))


def span(seconds: float) -> str:
    """A time for people, in its largest unit."""
    seconds = abs(seconds)
    for size, name in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{round(seconds / size)} {name}"
    return f"{round(seconds)} seconds"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Greeting:
    """What a gateway says to a request that asks for nothing."""

    status: int
    reason: str
    is_gateway: bool
    """Whether it is one, as far as this answer shows."""
    ahead_s: float | None
    """How far its clock is ahead of ours; None where it does not say what time it is."""


class _Looking(Network):
    """Looks at a gateway whose certificate is not trusted. Nothing secret is ever sent this way."""

    @functools.cached_property
    def tls(self) -> ssl.SSLContext:
        context = verifying_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context


class Hops:
    """Walks to one gateway.

    Args:
        endpoint: The gateway.
        network: The way there, with what is trusted on it.
        config: Its settings.
        patience: The deadlines.
        clock: Ours.
        time: Runs each hop.
        signs_tokens: Whether tokens are made here, which a wrong clock spoils.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        network: Network,
        config: NetworkConfig,
        *,
        patience: Patience,
        clock: Clock,
        time: Timekeeper,
        signs_tokens: bool,
    ) -> None:
        self._endpoint = endpoint
        self._network = network
        self._config = config
        self._patience = patience
        self._clock = clock
        self._time = time
        self._signs_tokens = signs_tokens
        self._proxy: str | None = None
        self._blames_clock = False
        self.broken: Step | None = None
        """The hop that failed, and that everything behind it needs."""
        self.greeting: Greeting | None = None

    async def walk(self) -> AsyncGenerator[Check]:
        """Try each hop in turn; those behind one that failed are skipped."""
        for step, hop in (
            (Step.DNS, self._dns),
            (Step.PROXY, self._by_proxy),
            (Step.TCP, self._tcp),
            (Step.TLS, self._tls),
        ):
            check = skipped(step, behind(self.broken)) if self.broken is not None else await hop()
            if check.outcome is Outcome.FAILED:
                self.broken = step
            yield check
        yield await self._clocks()

    # Hops

    async def _dns(self) -> Check:
        host, port = self._endpoint.host, self._endpoint.port

        async def look_up() -> str:
            self._proxy = self._network.proxy_for(host, port, is_secure=self._endpoint.is_secure)
            if self._proxy is not None:
                raise NotTriedError("the proxy looks the name up, or fails to")
            try:
                addresses = await addresses_of(host, port)
            except (OSError, UnicodeError) as error:
                raise HopError(Fault.NAME_UNKNOWN, f"{host}: {explain(error)}") from error
            shown = list(dict.fromkeys(str(address[4][0]) for address in addresses))
            more = len(shown) - MAX_ADDRESSES_SHOWN
            return ", ".join(shown[:MAX_ADDRESSES_SHOWN]) + (f" and {more} more" if more > 0 else "")

        return await self._time.run(
            Step.DNS,
            f"looked up {host}",
            look_up,
            within_s=self._patience.dns_s,
            silence=Fault.NAME_UNKNOWN,
        )

    async def _by_proxy(self) -> Check:
        host, port, proxy = self._endpoint.host, self._endpoint.port, self._proxy
        if proxy is None:
            here = "this computer is never behind a proxy" if is_loopback(host) else "there is no proxy"
            return skipped(Step.PROXY, here)
        parts = urlsplit(proxy)
        where = (parts.hostname or "", parts.port or (1080 if parts.scheme.startswith("socks") else 80))
        name = f"{where[0]}:{where[1]}"

        async def reach() -> str:
            try:
                transport = await connect_directly(asyncio.Protocol(), *where, None)
            except (OSError, UnicodeError) as error:
                raise HopError(
                    Fault.PROXY_UNREACHABLE, f"cannot reach the proxy {name}: {explain(error)}"
                ) from error
            transport.abort()
            return ""

        tried = f"asked the proxy {parts.scheme}://{name} for a way to {host}:{port}"
        reached = await self._time.run(
            Step.PROXY, tried, reach, within_s=self._patience.proxy_s, silence=Fault.PROXY_UNREACHABLE
        )
        if reached.outcome is not Outcome.PASSED:
            return reached

        async def ask() -> str:
            try:
                await ask_proxy(proxy, host, port)
            except AgentError as error:
                raise HopError(Fault.PROXY_REFUSES, f"the proxy {name} says no: {error}") from error
            return "the proxy reaches the gateway"

        return await self._time.run(
            Step.PROXY, tried, ask, within_s=self._patience.proxy_s, silence=Fault.PROXY_REFUSES
        )

    async def _tcp(self) -> Check:
        host, port = self._endpoint.host, self._endpoint.port
        if self._proxy is not None:
            return skipped(Step.TCP, "the proxy makes the connection")

        async def connect() -> str:
            try:
                transport = await connect_directly(asyncio.Protocol(), host, port, None)
            except (OSError, UnicodeError) as error:
                why = explain(error)
                fault = Fault.PORT_REFUSED if is_refusal(why) else Fault.PORT_BLOCKED
                raise HopError(fault, f"cannot reach {host}:{port}: {why}") from error
            transport.abort()
            return "connected"

        return await self._time.run(
            Step.TCP,
            f"connected to {host}:{port}",
            connect,
            within_s=self._patience.tcp_s,
            silence=Fault.PORT_BLOCKED,
        )

    async def _tls(self) -> Check:
        if not self._endpoint.is_secure:
            return skipped(Step.TLS, "the connection string says that this gateway speaks no TLS")
        where = f"{self._endpoint.host}:{self._endpoint.port}"

        async def shake_hands() -> str:
            try:
                protocol = await self._connect(self._network)
            except ConfigError as error:
                raise HopError(Fault.CERTIFICATE_UNTRUSTED, str(error)) from error
            except GatewayUnreachableError as error:
                cause = error.__cause__
                if isinstance(cause, ssl.SSLCertVerificationError):
                    raise await self._untrusted(cause) from error
                # whatever ends during the handshake: the port itself was open a moment ago
                raise HopError(Fault.NOT_TLS, str(error)) from error
            assert protocol.transport is not None
            handshake = protocol.transport.get_extra_info("ssl_object")
            protocol.transport.abort()
            return f"{handshake.version()}, the certificate is trusted and for this name"

        return await self._time.run(
            Step.TLS,
            f"spoke TLS with {where}",
            shake_hands,
            within_s=self._patience.tls_s,
            silence=Fault.NOT_TLS,
        )

    async def _untrusted(self, cause: ssl.SSLCertVerificationError) -> HopError:
        """Why the certificate is not trusted, looked at without trusting it."""
        certificate = None
        try:
            protocol = await self._connect(self._looking)
        except AgentError as error:
            log.debug("a second look at the certificate failed: %s", error)
        else:
            assert protocol.transport is not None
            try:
                der = protocol.transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
                certificate = None if der is None else x509.load_der_x509_certificate(der)
                self.greeting = await self._greet(protocol)
            except ValueError:
                certificate = None  # nothing that could be read
            finally:
                protocol.transport.abort()
        if cause.verify_code in (_EXPIRED, _NOT_YET):
            return self._out_of_date(cause, certificate)
        if cause.verify_code in (_WRONG_NAME, _WRONG_ADDRESS):
            names = _names(certificate)
            told = f"; it is for {names}" if names else ""
            return HopError(Fault.CERTIFICATE_NAME, f"its certificate is not for {self._endpoint.host}{told}")
        issuer = "" if certificate is None else certificate.issuer.rfc4514_string()[:200]
        told = f"; it was issued by {issuer}" if issuer else ""
        return HopError(Fault.CERTIFICATE_UNTRUSTED, f"{explain(cause)}{told}")

    def _out_of_date(
        self, cause: ssl.SSLCertVerificationError, certificate: x509.Certificate | None
    ) -> HopError:
        is_expired = cause.verify_code == _EXPIRED
        if certificate is None:
            what = "its certificate has expired" if is_expired else "its certificate is not valid yet"
            return HopError(Fault.CERTIFICATE_EXPIRED, what)
        begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        what = f"its certificate {'ended' if is_expired else 'begins'} on {ends if is_expired else begins:%Y-%m-%d at %H:%M} UTC"
        ahead_s = None if self.greeting is None else self.greeting.ahead_s
        if ahead_s is not None and abs(ahead_s) > CLOCKS_APART_S:
            there = dt.datetime.fromtimestamp(self._clock.now() + ahead_s, dt.UTC)
            if begins <= there <= ends:
                self._blames_clock = True
                return HopError(
                    Fault.CLOCK_WRONG,
                    f"{what}, which is right by the gateway's clock and wrong by this computer's",
                )
        return HopError(Fault.CERTIFICATE_EXPIRED, what)

    async def _clocks(self) -> Check:
        if self.broken is not None and self.greeting is None:
            return skipped(Step.CLOCK, behind(self.broken))
        where = self._endpoint.authority

        async def compare() -> str:
            if self.greeting is None:
                self.greeting = await self._ask()
            if self.greeting is None:
                raise NotTriedError(f"{where} gives no answer that says what time it is there")
            return self._judge(self.greeting.ahead_s)

        check = await self._time.run(
            Step.CLOCK,
            f"compared this computer's clock with that of {where}",
            compare,
            within_s=self._patience.answer_s,
            silence=Fault.NOT_A_GATEWAY,
        )
        if check.fault is Fault.NOT_A_GATEWAY:
            return skipped(Step.CLOCK, f"{where} gives no answer that says what time it is there")
        return check

    def _judge(self, ahead_s: float | None) -> str:
        if ahead_s is None:
            raise NotTriedError("the gateway does not say what time it is there")
        if abs(ahead_s) <= CLOCKS_APART_S:
            return f"{abs(ahead_s):.0f} s apart"
        is_slow = ahead_s > 0
        what = (
            f"this computer's clock is {span(ahead_s)} {'slow' if is_slow else 'fast'} against the gateway's"
        )
        if self._blames_clock:
            raise HopError(Fault.CLOCK_WRONG, f"{what}; the gateway's certificate is not valid at that time")
        if is_slow and self._signs_tokens and ahead_s > TOKENS_FAIL_S:
            life = span(TOKEN_LIFETIME_S)
            when = "when they are made" if ahead_s >= TOKEN_LIFETIME_S else "before they are renewed"
            raise HopError(Fault.CLOCK_WRONG, f"{what}; tokens live {life}, and are over {when}")
        raise HopError(Fault.CLOCK_WRONG, what, Outcome.WARNING)

    # Pieces

    @functools.cached_property
    def _looking(self) -> Network:
        return _Looking(self._config)

    async def _connect(self, network: Network) -> HandshakeProtocol:
        endpoint, protocol = self._endpoint, HandshakeProtocol()
        await network.connect(protocol, endpoint.host, endpoint.port, is_secure=endpoint.is_secure)
        return protocol

    async def _ask(self) -> Greeting | None:
        try:
            protocol = await self._connect(self._network)
        except AgentError as error:
            log.debug("asking for the time: %s", error)
            return None
        try:
            return await self._greet(protocol)
        finally:
            assert protocol.transport is not None
            protocol.transport.abort()

    async def _greet(self, protocol: HandshakeProtocol) -> Greeting | None:
        """Ask for nothing, and see who answers; None where nobody does as a web server would."""
        transport = protocol.transport
        assert transport is not None
        before = self._clock.now()
        if not transport.is_closing():
            transport.write(
                # management, so that it never reaches whatever listens behind the gateway
                f"GET / HTTP/1.1\r\nHost: {self._endpoint.authority}\r\nUser-Agent: {USER_AGENT}\r\n"
                "X-PROCESS-AT: ServiceBus\r\nConnection: close\r\n\r\n".encode("latin-1")
            )
        head = await protocol.wait_for_head()
        status = None if head is None else _STATUS_LINE.match(head)
        if head is None or status is None:
            return None
        headers = _headers(head)
        reason = readable_reason((status[2] or b"").decode("latin-1"))
        kind = headers.get("content-type", "")
        is_gateway = int(status[1]) == 401 or "trackingid" in headers or "atom+xml" in kind
        there = _time_of(headers.get("date", ""), (status[2] or b"").decode("latin-1"))
        here = (before + self._clock.now()) / 2
        return Greeting(
            status=int(status[1]),
            reason=reason,
            is_gateway=is_gateway and int(status[1]) != 404,
            ahead_s=None if there is None else there - here,
        )


def behind(step: Step | None) -> str:
    """Why whatever needs *step* was not tried."""
    return f"not tried: {_NAMES[step] if step is not None else 'what it needs'} failed"


_NAMES: Final = {
    Step.TARGET: "the local service",
    Step.DNS: "the name look-up",
    Step.PROXY: "the proxy",
    Step.TCP: "the connection",
    Step.TLS: "TLS",
    Step.CLOCK: "the clock",
    Step.TOKEN: "the key",
    Step.HYBRID_CONNECTION: "the hybrid connection",
    Step.LISTENERS: "the listeners",
    Step.END_TO_END: "the whole way",
}


def is_refusal(why: str) -> bool:
    """Whether what ``network.explain`` said is a clear no, and not silence."""
    return why in {os.strerror(number).lower() for number in (errno.ECONNREFUSED, errno.ECONNRESET)}


def _headers(head: bytes) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in head.decode("latin-1").split("\r\n")[1:]:
        name, _, value = line.partition(":")
        found.setdefault(name.strip().lower(), value.strip())
    return found


def _time_of(date: str, reason: str) -> float | None:
    """When it was answered: by the Date header, else by what gateways write behind their reasons."""
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError):
        stamp = _STAMP.search(reason)
    if stamp is None:
        return None
    try:
        return dt.datetime.fromisoformat(stamp[1]).replace(tzinfo=dt.UTC).timestamp()
    except ValueError:
        return None


def _names(certificate: x509.Certificate | None) -> str:
    """For whom a certificate is, for people; empty where that cannot be read."""
    if certificate is None:
        return ""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return ""
    names = [str(name.value) for name in extension]
    more = len(names) - MAX_NAMES_SHOWN
    return ", ".join(names[:MAX_NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")
