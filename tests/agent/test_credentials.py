from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.config import ConnectionConfig, Credential, Direction, LocalAddress
from agent.credentials import Access, find_access, read_secret_file
from agent.errors import ConfigError, CredentialError, UnusableInvitationError
from agent.invitation import Invitation, new_id, sign_token
from agent.targets import parse_target
from hyco.addresses import Endpoint

KEY = "c2VjcmV0LWtleQ=="
TEXT = f"Endpoint=sb://ns.example.net/;SharedAccessKeyName=rule;SharedAccessKey={KEY};EntityPath=a/hc"


def config(text: str | None = TEXT, **options: object) -> ConnectionConfig:
    given = {"credential": Credential(text=text), "target": parse_target("1"), **options}
    return ConnectionConfig(**given)  # type: ignore[arg-type]


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    path = tmp_path / "hc.key"
    path.write_text(TEXT + "\n")
    path.chmod(0o600)
    return path


async def test_connection_string_comes_from_a_file(secret_file: Path):
    access = await find_access(config(credential=Credential(file=secret_file)))
    assert (access.endpoint, access.path) == (Endpoint("ns.example.net", 443, is_secure=True), "a/hc")
    assert KEY not in repr(access)


async def test_connection_string_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HC", TEXT)
    assert (await find_access(config(credential=Credential(env="HC")))).path == "a/hc"
    monkeypatch.delenv("HC")
    with pytest.raises(CredentialError, match="HC is not set"):
        await find_access(config(credential=Credential(env="HC")))


async def test_connection_string_comes_from_the_keystore():
    async def keystore(name: str) -> str | None:
        return {"entry": TEXT}.get(name)

    assert (await find_access(config(credential=Credential(keystore="entry")), keystore)).path == "a/hc"
    with pytest.raises(CredentialError, match="no entry 'other'"):
        await find_access(config(credential=Credential(keystore="other")), keystore)
    with pytest.raises(ConfigError, match="no keystore here"):
        await find_access(config(credential=Credential(keystore="entry")))


async def test_path_of_the_settings_counts_more():
    assert (await find_access(config(path="other"))).path == "other"


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        ("", CredentialError, "empty"),
        ("Password=geheim", CredentialError, "cannot be used"),
        ("Endpoint=sb://ns/;SharedAccessKey=geheim", CredentialError, "SharedAccessKeyName"),
        ("Endpoint=sb://ns/;SharedAccessKeyName=r;SharedAccessKey=geheim", ConfigError, "no EntityPath"),
        (
            "Endpoint=sb://ns/;Authentication=Managed Identity;EntityPath=geheim",
            ConfigError,
            "Managed Identity",
        ),
    ],
)
async def test_what_cannot_be_used_is_said_without_repeating_it(text: str, error: type[Exception], says: str):
    with pytest.raises(error, match=says) as raised:
        await find_access(config(text))
    assert "geheim" not in str(raised.value)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o777])
def test_file_that_others_can_read_is_refused(secret_file: Path, mode: int):
    secret_file.chmod(mode)
    with pytest.raises(CredentialError, match="can be read by others"):
        read_secret_file(secret_file)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_file_of_somebody_else_is_refused(secret_file: Path, monkeypatch: pytest.MonkeyPatch):
    os.chown(secret_file, 12_345, 12_345)
    with pytest.raises(CredentialError, match="somebody else"):
        read_secret_file(secret_file)


def test_what_is_no_file_is_refused_without_waiting(tmp_path: Path):
    os.mkfifo(tmp_path / "fifo", 0o600)
    with pytest.raises(CredentialError, match="is not a file"):
        read_secret_file(tmp_path / "fifo")
    with pytest.raises(CredentialError, match="No such file"):
        read_secret_file(tmp_path / "absent")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    (tmp_path / "binary").chmod(0o600)
    with pytest.raises(CredentialError, match="does not hold a connection string"):
        read_secret_file(tmp_path / "binary")


@pytest.mark.parametrize(
    ("host", "is_insecure", "is_allowed"),
    [
        ("127.0.0.1:8080", False, True),
        ("localhost:8080", False, True),
        ("[::1]:8080", False, True),
        ("gw.example.net:8080", False, False),
        ("127.evil.test:8080", False, False),
        ("gw.example.net:8080", True, True),
    ],
)
async def test_gateway_without_tls_is_for_this_computer(host: str, is_insecure: bool, is_allowed: bool):
    text = TEXT.replace("ns.example.net", host) + ";UseDevelopmentEmulator=true"
    if is_allowed:
        assert not (await find_access(config(text, insecure=is_insecure))).endpoint.is_secure
        return
    with pytest.raises(ConfigError, match="speaks no TLS"):
        await find_access(config(text, insecure=is_insecure))


async def test_token_names_the_hybrid_connection_and_is_renewed_in_time():
    token = (await find_access(config())).token(now=1_000_000.5)
    assert token is not None
    assert token.text.startswith("SharedAccessSignature sr=http%3A%2F%2Fns.example.net%2Fa%2Fhc&sig=")
    assert token.text.endswith("&se=1003600&skn=rule")
    assert token.expires_at == 1_003_600
    assert token.renew_at == 1_000_000.5 + 2_880
    assert "sig=" not in repr(token)


async def test_sender_without_a_key_has_no_token():
    access = Access(Endpoint("gw", 443, is_secure=True), "hc", None)
    assert access.token(now=0) is None


async def test_broken_ready_token_is_an_error_of_the_credential():
    text = "Endpoint=sb://ns/;SharedAccessSignature=SharedAccessSignature sr=x;EntityPath=hc"
    with pytest.raises(CredentialError, match="SharedAccessSignature cannot be used"):
        (await find_access(config(text))).token(now=0)


# --- invitations -----------------------------------------------------------------------------------------------------

GATEWAY = Endpoint("ns.example.net", 443, is_secure=True)
INVITATION = Invitation(
    endpoint=GATEWAY,
    path="a/hc",
    name="shop",
    token=sign_token(GATEWAY, "a/hc", rule_name="rule", key=KEY, expires_at=2_000),
    id=new_id(b"128 random bits."),
    ca=b"certificate",
)


def guest(text: str, **options: object) -> ConnectionConfig:
    return ConnectionConfig(
        credential=Credential(text=text),
        direction=Direction.CONNECT,
        local=LocalAddress("127.0.0.1", 0),
        **options,  # type: ignore[arg-type]
    )


async def test_invitation_takes_the_place_of_a_connection_string():
    access = await find_access(guest(INVITATION.text() + "\n"))
    assert (access.endpoint, access.path, access.ends_at, access.ca) == (
        GATEWAY,
        "a/hc",
        2_000,
        b"certificate",
    )
    assert access.headers == (("RelayDesk-Invitation", INVITATION.id),)
    token = access.token(now=1_999)
    assert token is not None
    assert (token.text, token.expires_at, token.renew_at) == (INVITATION.token, 2_000, None)
    assert not any(secret in repr(access) for secret in (INVITATION.id, "sig="))


async def test_url_of_an_invitation_does_too():
    access = await find_access(guest(INVITATION.url()))
    assert (access.endpoint, access.path, access.ends_at, access.ca) == (GATEWAY, "a/hc", 2_000, None)


async def test_invitation_comes_from_wherever_a_connection_string_may(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("INVITATION", INVITATION.text())
    config = ConnectionConfig(
        credential=Credential(env="INVITATION"),
        direction=Direction.CONNECT,
        local=LocalAddress("127.0.0.1", 0),
    )
    assert (await find_access(config)).invitation == INVITATION


async def test_invitation_that_is_over_says_since_when():
    access = await find_access(guest(INVITATION.text()))
    with pytest.raises(UnusableInvitationError, match=r"^the invitation ended on 1970-01-01 at 00:33 UTC$"):
        access.token(now=2_000)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (INVITATION.text()[:-20], "cut short"),
        ("relaydesk://invitation/9#abc", "newer RelayDesk"),
        ("https://ns.example.net/", "not an invitation"),
    ],
)
async def test_invitation_that_cannot_be_read_is_an_error_of_the_credential(text: str, says: str):
    with pytest.raises(UnusableInvitationError, match=says):
        await find_access(guest(text))


async def test_invitation_is_no_key_to_listen_with():
    with pytest.raises(ConfigError, match="an invitation is for connecting"):
        await find_access(config(INVITATION.text()))


async def test_invitation_to_a_gateway_without_tls_is_for_this_computer():
    endpoint = Endpoint("gw.example.net", 8080, is_secure=False)
    token = sign_token(endpoint, "hc", rule_name="r", key=KEY, expires_at=2_000)
    text = Invitation(endpoint=endpoint, path="hc", name="x", token=token, id=INVITATION.id).text()
    with pytest.raises(ConfigError, match="speaks no TLS"):
        await find_access(guest(text))
    assert not (await find_access(guest(text, insecure=True))).endpoint.is_secure


async def test_access_without_an_invitation_shows_none():
    access = await find_access(config())
    assert (access.headers, access.ca, access.ends_at) == ((), None, None)
