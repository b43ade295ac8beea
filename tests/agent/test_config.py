from __future__ import annotations

import contextlib
import dataclasses
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.config import AgentConfig, Credential, Direction, Invited, LocalAddress, parse_local_address
from agent.config_file import MAX_CONFIG_BYTES, load_config, parse_config
from agent.errors import ConfigError
from agent.targets import parse_target

GOOD = """
[[connections]]
path = "web"
target = 3000
credential = { file = "web.key" }
rendezvous_hosts = ["gw-1.example.net", "[::1]"]

[[connections]]
name = "the database"
direction = "connect"
path = "db"
local = 5432
credential = { env = "DB" }

[network]
ca_file = "ca.pem"
proxy = "socks5h://proxy.lan:1080"

[deadlines]
target_dial_s = 3
"""


INVITING = '[[connections]]\ntarget = "1"\ncredential = { env = "A" }\ninvited = ['


def problems(text: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as raised:
        parse_config(text, base=Path("/base"))
    return raised.value.problems


def test_settings_are_read_with_files_beside_them():
    config = parse_config(GOOD, base=Path("/base"))
    web, db = config.connections
    assert web.target == parse_target("3000")
    assert web.credential == Credential(file=Path("/base/web.key"))
    assert web.rendezvous_hosts == ("gw-1.example.net", "[::1]")
    assert (web.label, web.leads_to, web.strip_prefix) == ("web", "localhost:3000", True)
    assert db.direction is Direction.CONNECT
    assert (db.label, db.leads_to) == ("the database", "127.0.0.1:5432")
    assert config.network.ca_file == Path("/base/ca.pem")
    assert config.deadlines.target_dial_s == 3


def one(setting: str) -> str:
    return f"""
[[connections]]
path = "web"
target = 3000
credential = {{ env = "KEY" }}
{setting}
"""


def test_a_share_may_be_paused_and_end_at_a_moment():
    config = parse_config(one("paused = true\nuntil = 2026-12-31T18:00:00+01:00"), base=Path("/base"))
    (web,) = config.connections
    assert web.paused
    assert web.until == datetime(2026, 12, 31, 17, tzinfo=UTC)


@pytest.mark.parametrize(
    ("setting", "problem"),
    [
        ("until = 2026-12-31T18:00:00", "connections[0].until: give the offset from UTC as well"),
        ("until = 2026-12-31", "connections[0].until: "),
        ("until = 1_800_000_000", "connections[0].until: "),
        ('until = "2026-12-31T18:00:00Z"', "connections[0].until: "),
        ("paused = 1", "connections[0].paused: "),
    ],
)
def test_moment_without_an_offset_is_refused(setting: str, problem: str):
    (told,) = problems(one(setting))
    assert told.startswith(problem)


def test_policy_is_no_part_of_what_is_served():
    config = parse_config(GOOD, base=Path("/base")).connections[1]
    policy = dataclasses.replace(config, name="other", paused=True, until=datetime(2026, 1, 1, tzinfo=UTC))
    assert policy != config
    assert policy.served == config.served
    assert dataclasses.replace(config, max_connections=1).served != config.served
    web = parse_config(GOOD, base=Path("/base")).connections[0]
    assert dataclasses.replace(web, invited=()).served == web.served


def test_who_is_invited_is_read():
    text = f"""{INVITING}
    {{ name = "Ann", sha256 = "{"0a" * 32}", until = 2026-11-26T08:00:00Z }},
    {{ name = "Ben", sha256 = "{"ff" * 32}" }},
]"""
    [connection] = parse_config(text, base=Path("/base")).connections
    assert connection.invited == (
        Invited(name="Ann", sha256="0a" * 32, until=datetime(2026, 11, 26, 8, tzinfo=UTC)),
        Invited(name="Ben", sha256="ff" * 32),
    )


def test_nobody_invited_is_not_the_same_as_everybody():
    [nobody] = parse_config(f"{INVITING}]", base=Path("/base")).connections
    [everybody] = parse_config(INVITING.partition("invited")[0], base=Path("/base")).connections
    assert (nobody.invited, everybody.invited) == ((), None)


def test_every_problem_is_told_at_once_with_its_path():
    text = """
colour = "red"
[[connections]]
path = "web"
target = "a b"
credential = { file = "a", env = "b" }
max_requests = 0
strip_prefix = "yes"
verify = true
[[connections]]
path = "x"
local = "5432"
credential = { gateway = "sb://gw" }
[network]
proxy = "ftp://x"
[deadlines]
accept_s = -1
"""
    found = problems(text)
    assert {problem.partition(":")[0] for problem in found} == {
        "colour",
        "connections[0].target",
        "connections[0].credential",
        "connections[0].max_requests",
        "connections[0].strip_prefix",
        "connections[0].verify",
        "connections[1].target",
        "connections[1].local",
        "connections[1].credential",
        "network.proxy",
        "deadlines.accept_s",
    }
    assert "connections[0].verify: unknown key" in found


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("x = ", "not TOML"),
        ('[[connections]]\ntarget = "1"', "connections[0].credential"),
        ('[[connections]]\ndirection = "send"', "give 'listen' or 'connect'"),
        ('[[connections]]\ncredential = {env = "A"}', "a listener needs one"),
        ('[[connections]]\ndirection = "connect"\ncredential = {env = "A"}', "needs [HOST:]PORT"),
        (
            '[[connections]]\ndirection = "connect"\nlocal = "1"\ntarget = "1"\ncredential = {env = "A"}',
            "only for direction 'listen'",
        ),
        (
            '[[connections]]\ndirection = "connect"\nlocal = "1"\ncredential = {gateway = "sb://gw"}',
            "needed where no connection string names it",
        ),
        ('[[connections]]\ntarget = 1.5\ncredential = {env = "A"}', "connections[0].target"),
        ('[[connections]]\ntarget = "1"\ncredential = {}', "exactly one"),
        (
            '[[connections]]\ntarget = "1"\nrendezvous_hosts = ["a/b"]\ncredential = {env = "A"}',
            "rendezvous_hosts",
        ),
        ('[network]\nproxy = "http://user:pw@proxy:1"', "a password does not belong"),
        (f"{INVITING}{{ name = 'Ann', sha256 = '{'A' * 64}' }}]", "invited[0].sha256: give the SHA-256"),
        (f"{INVITING}{{ name = 'Ann', sha256 = 5 }}]", "connections[0].invited[0].sha256: "),
        (f"{INVITING}{{ name = '', sha256 = '{'a' * 64}' }}]", "connections[0].invited[0].name: "),
        (
            f"{INVITING}{{ name = 'Ann', sha256 = '{'a' * 64}', until = 2026-11-26T08:00:00 }}]",
            "invited[0].until: a time zone is missing",
        ),
        (
            f"{INVITING}{{ name = 'Ann', sha256 = '{'a' * 64}', until = '2026-11-26T08:00:00Z' }}]",
            "connections[0].invited[0].until: ",
        ),
        (f"{INVITING}{{ name = 'Ann', sha256 = '{'a' * 64}', id = 'x' }}]", "invited[0].id: unknown key"),
        (
            '[[connections]]\ndirection = "connect"\nlocal = "1"\ncredential = {env = "A"}\ninvited = []',
            "connections[0].invited: only for direction 'listen'",
        ),
    ],
)
def test_each_kind_of_mistake_has_its_words(text: str, problem: str):
    assert problem in "\n".join(problems(text))


def test_secret_in_the_settings_is_refused_and_not_repeated():
    secret = "SharedAccessKey=c2VjcmV0"
    found = "\n".join(problems(f'[[connections]]\ntarget = "1"\ncredential = {{ text = "{secret}" }}'))
    assert "does not belong in the settings" in found
    assert "c2VjcmV0" not in found


def test_secret_is_not_in_the_repr():
    assert "c2VjcmV0" not in repr(Credential(text="SharedAccessKey=c2VjcmV0"))


@given(st.text())
def test_any_text_gives_settings_or_a_config_error(text: str):
    with contextlib.suppress(ConfigError):
        assert isinstance(parse_config(text, base=Path("/base")), AgentConfig)


def test_file_that_cannot_be_read_is_named(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"cannot read .*absent.toml: No such file"):
        load_config(tmp_path / "absent.toml")
    (tmp_path / "latin").write_bytes(b"# \xe4")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load_config(tmp_path / "latin")
    (tmp_path / "large").write_bytes(b"#" * (MAX_CONFIG_BYTES + 1))
    with pytest.raises(ConfigError, match="larger than"):
        load_config(tmp_path / "large")


def test_settings_come_from_a_file(tmp_path: Path):
    (tmp_path / "agent.toml").write_text(GOOD)
    assert load_config(tmp_path / "agent.toml").connections[0].credential.file == tmp_path / "web.key"


@pytest.mark.parametrize(
    ("text", "address", "shown"),
    [
        ("0", LocalAddress("127.0.0.1", 0), "127.0.0.1:0"),
        ("5432", LocalAddress("127.0.0.1", 5432), "127.0.0.1:5432"),
        ("0.0.0.0:80", LocalAddress("0.0.0.0", 80), "0.0.0.0:80"),
        ("[::1]:80", LocalAddress("::1", 80), "[::1]:80"),
        ("localhost:80", LocalAddress("localhost", 80), "localhost:80"),
    ],
)
def test_local_addresses_are_read(text: str, address: LocalAddress, shown: str):
    assert parse_local_address(text) == address
    assert str(address) == shown


@pytest.mark.parametrize("text", ["", "a", "65536", ":80", "a:", "::1:80", "a b:1", "1\n", "٣"])
def test_what_is_no_local_address_is_refused(text: str):
    with pytest.raises(ConfigError):
        parse_local_address(text)
