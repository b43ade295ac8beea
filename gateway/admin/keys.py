"""Connection strings: where a namespace is reached, and the keys that open it."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any

from hyco.addresses import Endpoint
from hyco.connection_string import ConnectionString
from hyco.names import lower
from hyco.sas import Rule

from ..config import GatewayConfig, HostPort
from ..directory import Directory
from ..entities import Namespace


def endpoint_of(
    namespace: Namespace, directory: Directory, config: GatewayConfig, addresses: Sequence[HostPort]
) -> Endpoint:
    """Where *namespace* is reached: by its first host name, else by the public URL, else by the bound address.

    *addresses* are those the gateway is bound to; without any, those it is configured for. Beside others, a namespace
    without a host name of its own is reached by its name before the gateway's.
    """
    base = config.public_url or _bound_endpoint(config, addresses)
    if namespace.hosts:
        host = namespace.hosts[0]
    elif len(directory.namespaces()) == 1 or namespace.key == lower(config.namespace):
        host = base.host
    else:
        host = f"{namespace.key}.{'localhost' if _is_address(base.host) else base.host}"
    return Endpoint(host=host, port=base.port, is_secure=base.is_secure)


def connection_string(endpoint: Endpoint, rule: Rule, key: str, entity_path: str | None) -> str:
    """A connection string. Without TLS it says so, for ``sb`` means TLS to every SDK."""
    return ConnectionString(
        endpoint=endpoint,
        entity_path=entity_path,
        key_name=rule.name,
        key=key,
        is_development_emulator=not endpoint.is_secure,
    ).format()


def key_document(endpoint: Endpoint, rule: Rule, entity_path: str | None) -> dict[str, Any]:
    """What listKeys and regenerateKeys answer. Source: protocol reference §12.2."""
    return {
        "primaryConnectionString": connection_string(endpoint, rule, rule.primary_key, entity_path),
        "secondaryConnectionString": connection_string(endpoint, rule, rule.secondary_key, entity_path),
        "primaryKey": rule.primary_key,
        "secondaryKey": rule.secondary_key,
        "keyName": rule.name,
    }


def _bound_endpoint(config: GatewayConfig, addresses: Sequence[HostPort]) -> Endpoint:
    address = (addresses or config.bind)[0]
    host = address.host.partition("%")[0].lower()
    if _is_address(host) and ip_address(host).is_unspecified:
        host = "localhost"  # nothing better is known without a public URL
    return Endpoint(host=host, port=address.port, is_secure=config.is_secure)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
