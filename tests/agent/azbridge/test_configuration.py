"""azbridge's configuration files, as its documentation and as its parser write them."""

from __future__ import annotations

import pytest

from agent.azbridge.configuration import AzbridgeError, Forward, is_configuration, read

KEY = "bm90IGEgcmVhbCBrZXk="
STRING = f"Endpoint=sb://contoso.servicebus.windows.net/;SharedAccessKeyName=r;SharedAccessKey={KEY}"


def places(text: str) -> list[tuple[str, bool, str | None, int | None]]:
    return [(one.path, one.is_remote, one.host, one.port) for one in read(text).forwards]


def test_keys_are_read_as_its_documentation_writes_them():
    assert places(
        """---
GatewayPorts : no
LocalForward:

  # RDP to remote machine
  - bind_address: 127.0.10.1
    hostname: pc.intra.example
    port: 3389
    relay_name: pc-rdp
RemoteForward:
  - relay_name: pc-rdp
    hostport: 3389
  - relay_name: other
    host: 10.1.2.3
    hostport: 22
"""
    ) == [
        ("pc-rdp", False, "pc.intra.example", 3389),
        ("pc-rdp", True, "localhost", 3389),
        ("other", True, "10.1.2.3", 22),
    ]


def test_keys_are_read_as_its_parser_wants_them():
    found = read(
        f"""AddressFamily : inet4
AzureRelayConnectionString: {STRING}
Compression : true
LocalForward :
  - BindAddress : 127.0.100.1
    BindPort : 8008
    RelayName : foo
  - BindLocalSocket : test
    RelayName : baz
RemoteForward :
  - RelayName : bar
    HostPort : 8008
    Host : 10.1.1.1
  - RelayName : baz
    LocalSocket : foo
"""
    )
    assert found.secret is not None
    assert found.secret.key == KEY
    assert [(one.path, one.host, one.port) for one in found.forwards] == [
        ("foo", None, 8008),
        ("baz", None, None),
        ("bar", "10.1.1.1", 8008),
        ("baz", None, None),
    ]
    assert KEY not in repr(found)


def test_a_key_may_be_given_in_its_parts():
    found = read(
        f"AzureRelayEndpoint: contoso.servicebus.windows.net\nAzureRelaySharedAccessKeyName: r\nAzureRelaySharedAccessKey: {KEY}\n"
    )
    assert found.secret is not None
    assert found.secret.format() == STRING


def test_an_endpoint_without_a_key_is_none():
    assert read("AzureRelayEndpoint: sb://contoso.servicebus.windows.net/").secret is None


def test_a_forward_may_have_a_key_of_its_own_and_several_bindings():
    found = read(
        f"""
RemoteForward:
  - ConnectionString: '{STRING};EntityPath=own'
    Bindings:
      - Host: a.example
        HostPort: 1
      - Host: b.example
        HostPort: 2U
"""
    )
    assert [(one.path, one.host, one.port, one.is_datagram) for one in found.forwards] == [
        ("own", "a.example", 1, False),
        ("own", "b.example", 2, True),
    ]
    assert all(isinstance(one, Forward) and one.secret is not None for one in found.forwards)


@pytest.mark.parametrize("port", ["0", "65536", "x", "99999999999999"])
def test_what_is_no_port_is_none(port: str):
    assert places(f"RemoteForward: [{{RelayName: x, HostPort: {port}}}]")[0][3] is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("LocalForward: x", "LocalForward is not a list"),
        ("RemoteForward:\n- x", "RemoteForward is not a list"),
        ("RemoteForward:\n- HostPort: 1", "RemoteForward has no RelayName"),
        ("RemoteForward:\n" + "- RelayName: x\n" * 101, "more than 100"),
        ("- LocalForward:", "not a list of keys"),
        ("AzureRelayEndpoint: 'not one'", "AzureRelayEndpoint cannot be used"),
        ("AzureRelayEndpoint: sb://x\nAzureRelaySharedAccessKey: y", "cannot be used"),
        ("LocalForward:\n\t- x", "not YAML in line 2"),
        ("LocalForward: \x01", "not YAML"),
        ("LocalForward: {[a]: b}", "not YAML"),
    ],
)
def test_what_is_wrong_is_said(text: str, says: str):
    with pytest.raises(AzbridgeError, match=says):
        read(text)


def test_what_has_nothing_of_it_is_something_else():
    assert not is_configuration(STRING)
    assert not is_configuration("The LocalForward: is mentioned in a sentence")
    assert is_configuration("  RemoteForward :\n")
