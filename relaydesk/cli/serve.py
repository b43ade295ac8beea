"""``relaydesk gateway serve``: host a gateway until told to stop."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import AsJson, DataFolderOption, LogJson, Verbosity, begin, data_folder

if TYPE_CHECKING:
    from gateway.server import Gateway

    from .output import Output

#: A gateway that ends with its parent has nobody left to drain for.
_DRAIN_WITH_PARENT_S = 1.0


def serve(
    *,
    bind: Annotated[
        list[str] | None,
        typer.Option(
            metavar="HOST:PORT",
            show_default="127.0.0.1:9400",
            help="Where senders and listeners connect. Port 0: a free one. Can be given more than once.",
        ),
    ] = None,
    admin_bind: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", show_default="127.0.0.1:9401", help="Where the admin API is."),
    ] = None,
    data: DataFolderOption = None,
    store: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            show_default="a file in there",
            help="A PostgreSQL database for entities, postgresql://USER@HOST:5432/DATABASE; its password comes from PGPASSFILE.",
        ),
    ] = None,
    fabric: Annotated[
        list[str] | None,
        typer.Option(
            metavar="URL,…",
            show_default=False,
            help="NATS servers by which several gateways act as one: nats://HOST:4222 or tls://HOST:4222. Needs --store.",
        ),
    ] = None,
    fabric_credentials: Annotated[
        Path | None,
        typer.Option(metavar="FILE", show_default=False, help="A JWT and an nkey for them (nsc makes it)."),
    ] = None,
    node_name: Annotated[
        str | None,
        typer.Option(metavar="NAME", show_default=False, help="What this gateway is called among them."),
    ] = None,
    node_url: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            show_default=False,
            help="How listeners reach this very gateway, where it has a public name of its own.",
        ),
    ] = None,
    peer_url: Annotated[
        str | None,
        typer.Option(
            metavar="URL", show_default="the first of --bind", help="How the other gateways reach it."
        ),
    ] = None,
    peer_ca: Annotated[
        Path | None,
        typer.Option(metavar="FILE", show_default=False, help="A certificate authority to trust there."),
    ] = None,
    public_url: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            show_default=False,
            help="How others reach this gateway: https://HOST[:PORT]. Needed behind a proxy or a NAT.",
        ),
    ] = None,
    tls_cert: Annotated[
        Path | None,
        typer.Option(metavar="FILE", show_default=False, help="Speak TLS, with this certificate (PEM)."),
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option(metavar="FILE", show_default=False, help="Its private key (PEM).")
    ] = None,
    tls_self_signed: Annotated[
        bool,
        typer.Option(
            "--tls-self-signed",
            help="Speak TLS, with a certificate made here; clients trust it by --ca DIR/tls/ca.pem.",
        ),
    ] = False,
    trusted_proxy: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CIDR",
            show_default=False,
            help="A network whose proxies may say where a sender comes from. Can be given more than once.",
        ),
    ] = None,
    or_any_port: Annotated[
        bool, typer.Option("--or-any-port", help="Take any free port where one of --bind is taken.")
    ] = False,
    with_parent: Annotated[bool, typer.Option("--with-parent", hidden=True)] = False,
    as_json: AsJson = False,
    verbosity: Verbosity = 0,
    log_json: LogJson = False,
) -> None:
    """Host a gateway. It says when it is ready; SIGTERM or Ctrl-C stops it in order, a second one at once."""
    from gateway.config import from_options
    from gateway.program import run

    output = begin(as_json, verbosity, log_json=log_json, quiet=logging.WARNING)
    config = from_options(
        data=data_folder(data),
        store=store,
        fabric=fabric or (),
        fabric_credentials=fabric_credentials,
        node_name=node_name,
        node_url=node_url,
        peer_url=peer_url,
        peer_ca=peer_ca,
        bind=bind or (),
        or_any_port=or_any_port,
        admin_bind=admin_bind,
        public_url=public_url,
        tls_cert=tls_cert,
        tls_key=tls_key,
        tls_self_signed=tls_self_signed,
        trusted_proxies=trusted_proxy or (),
        numbers={"drain_s": _DRAIN_WITH_PARENT_S} if with_parent else None,
    )
    if with_parent:
        _stop_with_stdin()
    run(config, lambda gateway: _say_ready(gateway, output))


def _say_ready(gateway: Gateway, output: Output) -> None:
    from gateway.admin.keys import endpoint_of

    from ..local_gateway.last_address import note_address

    directory, folder = gateway.directory, gateway.data_folder
    endpoint = endpoint_of(directory.namespaces()[0], directory, gateway.config, gateway.addresses)
    note_address(folder.path, endpoint)
    ca = folder.tls_folder / "ca.pem" if gateway.config.tls_self_signed else None
    output.event(
        "ready",
        f"ready: {endpoint.http_origin} (admin API http://{gateway.admin_address}, process {os.getpid()},"
        f" data in {folder.path}{f', certificate authority {ca}' if ca else ''})",
        url=endpoint.http_origin,
        admin=f"http://{gateway.admin_address}",
        pid=os.getpid(),
        addresses=[str(address) for address in gateway.addresses],
        data=str(folder.path),
        ca=None if ca is None else str(ca),
    )


def _stop_with_stdin() -> None:
    """Have this process told to stop when its standard input ends: its parent has closed it, or is gone."""

    def wait() -> None:
        with contextlib.suppress(OSError):
            # not sys.stdin: its lock, held by a thread that still reads, makes the interpreter abort at exit
            while os.read(sys.__stdin__.fileno() if sys.__stdin__ else 0, 4096):
                pass
        signal.raise_signal(signal.SIGTERM)

    threading.Thread(target=wait, name="standard input", daemon=True).start()
