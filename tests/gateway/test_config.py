import contextlib
import math
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config import (
    GatewayConfig,
    HostPort,
    from_options,
    in_options,
    is_namespace_name,
    parse_host_port,
    parse_network,
    parse_public_url,
    parse_store,
)
from gateway.errors import ConfigError
from hyco.addresses import Endpoint


def test_the_defaults_are_usable_and_stay_on_this_computer() -> None:
    config = GatewayConfig(data_folder=Path("data"))
    assert config.bind == (HostPort("127.0.0.1", 9400),)
    assert config.admin_bind == HostPort("127.0.0.1", 9401)
    assert not config.is_secure
    assert config.response_timeout_s == 60
    assert config.max_listeners == 25
    assert config.max_connections_per_namespace == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:9400", HostPort("127.0.0.1", 9400)),
        ("[::1]:9400", HostPort("::1", 9400)),
        ("[fe80::1%eth0]:1", HostPort("fe80::1%eth0", 1)),
        (" localhost:0 ", HostPort("localhost", 0)),
        ("relay.example.org:65535", HostPort("relay.example.org", 65535)),
    ],
)
def test_host_and_port_are_read(text: str, expected: HostPort) -> None:
    assert parse_host_port(text) == expected


@pytest.mark.parametrize("address", [HostPort("::1", 1), HostPort("127.0.0.1", 2), HostPort("a.b", 3)])
def test_an_address_is_written_as_it_is_read(address: HostPort) -> None:
    assert parse_host_port(str(address)) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "9400",
        ":9400",
        "localhost",
        "localhost:",
        "::1:9400",
        "[::1]",
        "[localhost]:1",
        "a:65536",
        "a:-1",
        "a:+1",
        "a b:1",
        "127.1:1",
        "1.2.3.4.5:1",
        "http://a:1",
        "a:1/",
        "-a:1",
        "a..b:1",
        "a:٣",
        "[::1]:1:2",
    ],
)
def test_what_is_not_host_and_port_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_host_port(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://relay.example.org", Endpoint("relay.example.org", 443, True)),
        ("https://Relay.Example.org:8443/", Endpoint("relay.example.org", 8443, True)),
        ("http://[::1]:9400", Endpoint("::1", 9400, False)),
        ("http://relay", Endpoint("relay", 80, False)),
    ],
)
def test_a_public_url_is_scheme_host_and_port(text: str, expected: Endpoint) -> None:
    assert parse_public_url(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "relay.example.org",
        "sb://relay",
        "ftp://relay",
        "https://",
        "https://relay/path",
        "https://relay?x",
        "https://relay?",
        "https://relay#",
        "https://u:p@relay",
        "https://relay:0",
        "https://relay:99999",
        "https://a b",
        "https://[::1",
        "https://relay\n.org",
    ],
)
def test_anything_else_is_no_public_url(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_public_url(text)


@given(st.text(max_size=60))
def test_reading_is_total(text: str) -> None:
    for parse in (parse_host_port, parse_public_url, parse_network, parse_store):
        with contextlib.suppress(ConfigError):
            parse(text)


def test_networks_are_read_strictly() -> None:
    assert parse_network("10.0.0.0/8") == ip_network("10.0.0.0/8")
    assert parse_network("::1") == ip_network("::1/128")
    with pytest.raises(ConfigError, match="host bits"):
        parse_network("10.0.0.1/8")


@pytest.mark.parametrize("name", ["contoso", "abc-12", "A" * 50])
def test_names_that_a_namespace_can_have(name: str) -> None:
    assert is_namespace_name(name)


@pytest.mark.parametrize(
    "name", ["", "short", "1contoso", "contoso-", "con.toso", "con_toso", "A" * 51, "contoso\n"]
)
def test_names_that_no_namespace_can_have(name: str) -> None:
    assert not is_namespace_name(name)


def test_every_problem_is_named_at_once_with_its_path() -> None:
    with pytest.raises(ConfigError) as caught:
        from_options(
            data="data",
            bind=["127.0.0.1:9400", "nonsense"],
            admin_bind="alsononsense",
            admin_hosts=["ok.example", "not ok"],
            public_url="ftp://x",
            namespace="no",
            namespace_hosts=["127.1"],
            tls_cert="cert.pem",
            tls_self_signed=True,
            trusted_proxies=["10.0.0.0/8", "10.0.0.1/8"],
            numbers={"drain_s": -1, "max_listeners": 0, "ping_interval_s": math.nan, "unheard_of": 1},
        )
    paths = sorted(problem.partition(":")[0] for problem in caught.value.problems)
    assert paths == [
        "admin_bind",
        "admin_hosts[1]",
        "bind[1]",
        "drain_s",
        "max_listeners",
        "namespace",
        "namespace_hosts[0]",
        "ping_interval_s",
        "public_url",
        "tls_key",
        "tls_self_signed",
        "trusted_proxies[1]",
        "unheard_of",
    ]


def test_options_become_settings() -> None:
    config = from_options(
        data="data",
        bind=["[::]:443", "0.0.0.0:443"],
        admin_bind="127.0.0.1:0",
        public_url="https://relay.example.org",
        namespace="contoso",
        namespace_hosts=["relay.internal"],
        tls_cert="cert.pem",
        tls_key="key.pem",
        trusted_proxies=["10.0.0.0/8"],
        numbers={"response_timeout_s": 5, "write_stall_timeout_s": 0},
    )
    assert config == GatewayConfig(
        data_folder=Path("data"),
        bind=(HostPort("::", 443), HostPort("0.0.0.0", 443)),
        admin_bind=HostPort("127.0.0.1", 0),
        public_url=Endpoint("relay.example.org", 443, True),
        namespace="contoso",
        namespace_hosts=("relay.internal",),
        tls_cert=Path("cert.pem"),
        tls_key=Path("key.pem"),
        trusted_proxies=(ip_network("10.0.0.0/8"),),
        response_timeout_s=5,
        write_stall_timeout_s=0,
    )
    assert config.is_secure


def test_a_problem_with_one_option_alone_is_refused_too() -> None:
    with pytest.raises(ConfigError, match=r"trusted_proxies\[0\]"):
        from_options(data="data", trusted_proxies=["x"])


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"bind": ()}, "bind: at least one"),
        ({"bind": (HostPort("a", 70_000),)}, r"bind\[0\]: a port"),
        (
            {"admin_bind": HostPort("127.0.0.1", 9400)},
            "admin_bind: the admin API needs an address of its own",
        ),
        ({"tls_key": Path("k")}, "tls_cert: needed together with tls_key"),
        ({"max_header_bytes": 1.5}, "max_header_bytes: 1.5 is not a number"),
        ({"max_connections": True}, "max_connections: True is not a number"),
        ({"response_timeout_s": 0}, "response_timeout_s: must be more than 0"),
        ({"max_connections": -1}, "max_connections: must be 0 or more"),
        ({"drain_s": math.inf}, "drain_s: inf is not a number"),
    ],
)
def test_settings_check_themselves(values: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        GatewayConfig(data_folder=Path("data"), **values)


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        ("bind[1]: 'x' is not HOST:PORT", "--bind: 'x' is not HOST:PORT"),
        ("tls_key: needed together with tls_cert", "--tls-key: needed together with --tls-cert"),
        (
            "tls_self_signed: not together with tls_cert and tls_key",
            "--tls-self-signed: not together with --tls-cert and --tls-key",
        ),
        ("tls_key: cannot read tls_cert: gone", "--tls-key: cannot read tls_cert: gone"),
        ("drain_s: must be more", "drain_s: must be more"),
        ("no setting", "no setting"),
    ],
)
def test_a_problem_is_told_by_its_option(problem: str, said: str) -> None:
    assert in_options(problem) == said


def test_a_data_folder_without_a_name_is_refused() -> None:
    with pytest.raises(ConfigError, match="data_folder: a folder is needed"):
        from_options(data="")


def test_two_ports_of_the_systems_choice_are_two_addresses() -> None:
    any_port = HostPort("127.0.0.1", 0)
    config = GatewayConfig(data_folder=Path("data"), bind=(any_port,), admin_bind=any_port)
    assert (*config.bind, config.admin_bind) == (any_port, any_port)


@pytest.mark.parametrize(
    "text",
    ["postgresql://relay@db.test:5432/relay?sslmode=require", "postgres:///relay?host=/run/postgresql"],
)
def test_a_store_is_the_url_of_a_database(text: str) -> None:
    assert from_options(data="data", store=f" {text} ").store == text


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("mysql://db.test/relay", "store: 'mysql://db.test/relay' is not a URL like postgresql://"),
        ("gateway.db", "store: 'gateway.db' is not a URL"),
        ("postgresql://relay:s3cret@db.test/relay", "store: a password does not belong there"),
        ("postgresql://relay@db.test/relay?password=s3cret", "store: a password does not belong there"),
        ("postgresql://[::1/relay", "store: 'postgresql://[::1/relay' is not a URL"),
        ("postgresql://db.test:port/relay", "store: 'postgresql://db.test:port/relay' is not a URL"),
    ],
)
def test_a_store_that_cannot_be_used_is_refused_without_its_secret(text: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        from_options(data="data", store=text)
    assert str(caught.value).startswith(says)
    assert "s3cret" not in str(caught.value)
    assert in_options(caught.value.problems[0]).startswith("--store: ")
