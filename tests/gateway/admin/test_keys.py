from pathlib import Path

import pytest

from gateway.admin.keys import endpoint_of, key_document
from gateway.config import GatewayConfig, HostPort
from gateway.directory import Directory
from gateway.entities import Namespace, new_rule
from gateway.store.sqlite import SqliteStore
from hyco.addresses import Endpoint
from hyco.connection_string import parse
from hyco.sas import Right

PUBLIC = Endpoint("relay.example.org", 8443, True)
RULE = new_rule("R", Right.ALL)


def namespace(name: str = "contoso", *hosts: str) -> Namespace:
    return Namespace(name=name, hosts=hosts, created_at=0, updated_at=0, rev=1)


def endpoint(
    wanted: Namespace, *others: Namespace, bound: str = "127.0.0.1", **settings: Endpoint | bool
) -> str:
    config = GatewayConfig(
        data_folder=Path("data"),
        namespace="contoso",
        bind=(HostPort(bound, 9400),),
        **settings,  # type: ignore[arg-type]
    )
    directory = Directory(SqliteStore(Path("unused")), config)
    for known in (wanted, *others):
        directory._take_over(known)
    found = endpoint_of(wanted, directory, config, [HostPort(bound, 1234)])
    return f"{'tls' if found.is_secure else 'plain'} {found.authority}"


def test_without_a_public_url_it_is_where_the_gateway_is_bound() -> None:
    assert endpoint(namespace()) == "plain 127.0.0.1:1234"
    assert endpoint(namespace(), bound="::1") == "plain [::1]:1234"
    assert endpoint(namespace(), bound="0.0.0.0") == "plain localhost:1234"
    assert endpoint(namespace(), bound="::") == "plain localhost:1234"
    assert endpoint(namespace(), tls_self_signed=True) == "tls 127.0.0.1:1234"


def test_a_public_url_goes_before() -> None:
    assert endpoint(namespace(), public_url=PUBLIC) == "tls relay.example.org:8443"


def test_each_of_several_namespaces_has_a_name_that_leads_to_it() -> None:
    """The way back is Directory.namespace_for."""
    contoso, fabrikam = namespace(), namespace("Fabrikam")
    assert endpoint(contoso, fabrikam, public_url=PUBLIC) == "tls relay.example.org:8443"
    assert endpoint(fabrikam, contoso, public_url=PUBLIC) == "tls fabrikam.relay.example.org:8443"
    assert endpoint(fabrikam, contoso) == "plain fabrikam.localhost:1234"
    own = namespace("northwind", "northwind.example")
    assert endpoint(own, contoso, public_url=PUBLIC) == "tls northwind.example:8443"


@pytest.mark.parametrize(("is_secure", "path"), [(True, None), (False, None), (True, "a/B"), (False, "a/B")])
def test_connection_strings_say_what_they_are_for(is_secure: bool, path: str | None) -> None:
    where = Endpoint("relay.example.org", 8443, is_secure)
    document = key_document(where, RULE, path)
    assert document["keyName"] == "R"
    for kind, key in (("primary", RULE.primary_key), ("secondary", RULE.secondary_key)):
        assert document[f"{kind}Key"] == key
        text = document[f"{kind}ConnectionString"]
        assert text.endswith(f";EntityPath={path}") is (path is not None and is_secure)
        read = parse(text)
        assert (read.endpoint, read.key_name, read.key, read.entity_path) == (where, "R", key, path)
        assert read.is_development_emulator is not is_secure
