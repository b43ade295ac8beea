from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agent.errors import GatewayRejectedError, GatewayUntrustedError
from gateway.errors import DataFolderError
from relaydesk import __version__, check_report
from relaydesk.check_report import frame_loop, report
from relaydesk.cli import relays
from relaydesk.cli.program import app
from tests.support.processes import ROOT

SECRET = "c2VjcmV0IGtleSBvZiB0aGUgcnVsZSB0aGF0IGlzIGhlcmU="


@pytest.fixture
def runner(tmp_path: Path) -> CliRunner:
    return CliRunner(
        env={"XDG_DATA_HOME": str(tmp_path), "HOME": str(tmp_path), "RELAYDESK_CONNECTION_STRING": ""}
    )


def test_the_version_is_told(runner: CliRunner):
    ran = runner.invoke(app, ["--version"], prog_name="relaydesk")
    assert (ran.exit_code, ran.stdout) == (
        0,
        f"relaydesk {__version__}\nbuild: checkout\nframe loop: {frame_loop()}\n",
    )


@pytest.mark.parametrize(
    ("is_compiled", "said"), [(True, "compiled"), (False, "Python (the compiled one was not")]
)
def test_which_frame_loop_runs_is_told(monkeypatch: pytest.MonkeyPatch, is_compiled: bool, said: str):
    monkeypatch.setattr(check_report, "IS_COMPILED", is_compiled)
    assert frame_loop().startswith(said)
    assert report([], 0.0).splitlines()[2].startswith(f"frame loop: {said}")


def test_alone_it_says_that_the_desktop_is_elsewhere_and_helps(runner: CliRunner):
    ran = runner.invoke(app, [], prog_name="relaydesk")
    assert ran.exit_code == 0
    assert ran.stdout.startswith("The desktop is not part of this installation")
    assert "expose" in ran.stdout


@pytest.mark.parametrize("group", [["gateway"], ["gateway", "relay"]], ids=" ".join)
def test_a_group_without_a_verb_helps(runner: CliRunner, group: list[str]):
    ran = runner.invoke(app, group, prog_name="relaydesk")
    assert (ran.exit_code, ran.stderr) == (2, "")
    assert f"Usage: relaydesk {' '.join(group)}" in ran.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
@pytest.mark.parametrize("verb", [["--version"], ["expose", "--help"], ["gateway", "relay", "create", "x"]])
def test_a_full_disk_is_one_sentence(tmp_path: Path, verb: list[str]):
    with Path("/dev/full").open("wb") as full:
        ran = subprocess.run(
            [sys.executable, "-m", "relaydesk", *verb],
            stdout=full,
            stderr=subprocess.PIPE,
            cwd=ROOT,
            env={**os.environ, "XDG_DATA_HOME": str(tmp_path)},
            check=False,
        )
    assert (ran.returncode, ran.stderr) == (
        1,
        b"error: the answer cannot be written: no space left on device\n",
    )


def test_help_documents_the_exit_codes(runner: CliRunner):
    ran = runner.invoke(app, ["--help"], prog_name="relaydesk")
    words = " ".join(ran.stdout.split())
    for text in (
        "0 done",
        "1 failed",
        "2 wrong usage",
        "3 the gateway cannot be reached",
        "4 the gateway said no",
        "130 Ctrl-C",
    ):
        assert text in words


VERBS = [
    ["expose"],
    ["connect"],
    ["send"],
    ["demo"],
    ["list"],
    ["stop"],
    ["pause"],
    ["resume"],
    ["invite"],
    ["quit"],
    ["gateway", "serve"],
    ["gateway", "keys"],
    ["gateway", "relay", "create"],
    ["gateway", "relay", "list"],
    ["gateway", "relay", "delete"],
]


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_every_verb_takes_json(runner: CliRunner, verb: list[str]):
    ran = runner.invoke(app, [*verb, "--help"], prog_name="relaydesk")
    assert ran.exit_code == 0
    assert "--json" in ran.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["bogus"], "No such command 'bogus'; see: relaydesk --help"),
        (["expose"], "Missing argument 'TARGET'; see: relaydesk expose --help"),
        (["expose", "3000", "--colour"], "No such option: --colour"),
        (["expose", "99999"], "'99999' is not a port between 1 and 65535"),
        (["expose", "ftp://x"], "only http://HOST:PORT"),
        (["expose", "80", "--relay", "../up"], "a name is made of letters"),
        (["connect", "x"], "Missing option '--local'"),
        (["connect", "x", "--local", "nowhere"], "is not [HOST:]PORT"),
        (
            ["connect", "x", "--local", "80000"],
            "'80000' is not [HOST:]PORT; a port is a number from 0 to 65535",
        ),
        (["connect", "x", "--local", "0", "--data", ""], "a data folder without a name was given"),
        (["connect", "my db", "--local", "1"], "a name is made of letters"),
        (["connect", "x?y", "--local", "1"], "has no query"),
        (["connect", "http://127.0.0.1:1/../x", "--local", "1"], "a '.' or '..' segment"),
        (["connect", "http://relay.example/x", "--local", "1"], "speaks no TLS"),
        (["connect", "x", "--local", "1"], "no gateway of this user is running"),
        (["send", "http://relay.example/x"], "speaks no TLS"),
        (["send", "x", "-H", "no colon"], "is no header"),
        (["send", "x", "-H", "A: b\nC: d"], "is no header"),
        (
            ["send", "x", "-H", "Content-Length: 5", "-d", "abcdefgh"],
            "Content-Length: 5 does not fit the body",
        ),
        (["send", "x", "-H", "content-length: 5"], "Content-Length: 5 does not fit the body"),
        (["send", "x", "-H", "Content-Length: 5", "-d", "-"], "Content-Length: 5 does not fit the body"),
        (["send", "x", "-H", "Transfer-Encoding: chunked"], "says how a body is sent"),
        (["send", "x", "-X", "GET /"], "is no method"),
        (["send", "x", "-d", "@/nowhere/at/all"], "cannot read /nowhere/at/all"),
        (["send", "https://relay.example/x", "-o", "/nowhere/at/all"], "cannot write /nowhere/at/all"),
        (["send", "https://relay.example/x", "--ca", "/nowhere"], "cannot use /nowhere"),
        (["send", "x", "--connection-string-file", "/nowhere"], "cannot read /nowhere"),
        (["demo", "--port", "0"], "Invalid value for '--port'"),
        (["send", "x"], "say by --gateway-data DIR which gateway is meant"),
        (["gateway", "keys", "--rights", "fly"], "--rights"),
        (["gateway", "keys", "--rights", ""], "a right is listen, send or manage, not ''"),
        (["gateway", "keys", "../up"], "a name is made of letters"),
        (["gateway", "keys"], "there is no gateway's data in"),
        (["gateway", "relay", "list"], "there is no gateway's data in"),
        (["gateway", "relay", "delete", "x"], "there is no gateway's data in"),
        (["gateway", "relay", "delete", "a b"], "a name is made of letters"),
        (["gateway", "relay", "create", ""], "a name is made of letters"),
        (["gateway", "relay", "create", "x", "--data", ""], "a data folder without a name was given"),
        (["gateway", "relay", "create", "x", "--data", "/"], "has other things in it"),
        (["gateway", "relay", "list", "--data", "x" * 300], "File name too long"),
        (["expose", "80", "--data", "x" * 300], "File name too long"),
        (["connect", "x", "--local", "0", "--data", "x" * 300], "File name too long"),
        (["send", "x", "--gateway-data", "x" * 300], "File name too long"),
        (["gateway", "serve", "--bind", "x"], "--bind: 'x' is not HOST:PORT"),
        (["gateway", "serve", "--tls-cert", "x"], "--tls-key: needed together with --tls-cert"),
        (["gateway", "serve", "--tls-key", "x"], "--tls-cert: needed together with --tls-key"),
        (["gateway", "serve", "--trusted-proxy", "x"], "--trusted-proxy: 'x' is not a network"),
        (["gateway", "relay", "create", "x", "--data", "/dev/null/x"], "cannot be used"),
    ],
)
def test_wrong_usage_is_one_sentence_and_exit_code_2(runner: CliRunner, arguments: list[str], said: str):
    ran = runner.invoke(app, arguments, prog_name="relaydesk")
    assert (ran.exit_code, ran.stdout) == (2, ""), ran.stderr
    assert ran.stderr.startswith("error: ")
    assert said in ran.stderr
    assert ran.stderr.count("\n") == 1


def test_a_connection_string_for_something_else_is_refused_before_anything_is_bound(
    runner: CliRunner, tmp_path: Path
):
    file = tmp_path / "key"
    file.touch(mode=0o600)
    file.write_text(
        f"Endpoint=sb://localhost:1/;SharedAccessKeyName=k;SharedAccessKey={SECRET};EntityPath=db"
    )
    ran = runner.invoke(
        app, ["connect", "web", "--local", "0", "--connection-string-file", str(file)], prog_name="relaydesk"
    )
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert "the connection string is for the hybrid connection db, and not for web; give db" in ran.stderr


@pytest.mark.parametrize("verb", [["relay", "list"], ["keys"], ["relay", "create", "x"]], ids=" ".join)
def test_a_store_that_is_no_database_is_said_once(runner: CliRunner, tmp_path: Path, verb: list[str]):
    folder = tmp_path / "gw"
    folder.mkdir(mode=0o700)
    (folder / "gateway.db").touch(mode=0o600)
    (folder / "gateway.db").write_bytes(b"no database " * 100)
    ran = runner.invoke(app, ["gateway", *verb, "--data", str(folder)], prog_name="relaydesk")
    assert ran.exit_code == 2
    assert ran.stderr.count("not a database") == 1
    assert "; put the file back from a backup" in ran.stderr


@pytest.mark.slow
def test_a_gateway_that_does_not_start_says_why_once(
    runner: CliRunner, capfd: pytest.CaptureFixture[str], tmp_path: Path
):
    (tmp_path / "things").touch()
    ran = runner.invoke(app, ["expose", "80", "--data", str(tmp_path)], prog_name="relaydesk")
    assert ran.exit_code == 2
    assert "error: the bundled gateway did not start: the folder" in ran.stderr
    assert ran.stderr.count("has other things in it") == 1
    assert capfd.readouterr().err == "", "the child said nothing for itself"


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (DataFolderError("another gateway is using it"), 2, "error: another gateway is using it\n"),
        (
            GatewayRejectedError(401, "InvalidSignature"),
            4,
            (
                "error: the gateway answered 401: InvalidSignature; check the name, and the key of the connection"
                " string: it may be wrong or replaced, or lack the right\n"
            ),
        ),
        (
            GatewayUntrustedError("its certificate is not trusted (unable to get local issuer certificate)"),
            3,
            (
                "error: its certificate is not trusted (unable to get local issuer certificate); give its authority"
                " by --ca FILE (tls/ca.pem in the data folder of a gateway that made its own)\n"
            ),
        ),
        (
            GatewayUntrustedError("its certificate is not trusted (certificate has expired)"),
            3,
            (
                "error: its certificate is not trusted (certificate has expired); have the gateway's certificate"
                " renewed, or set this computer's clock\n"
            ),
        ),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_errors_have_their_exit_codes(
    runner: CliRunner, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, said: str
):
    def fail(_: Path | None) -> Path:
        raise error

    monkeypatch.setattr(relays, "data_folder", fail)
    ran = runner.invoke(app, ["gateway", "relay", "list"], prog_name="relaydesk")
    assert (ran.exit_code, ran.stdout, ran.stderr) == (code, "", said)


@pytest.mark.expect_log_warnings("relaydesk.cli.program: unexpected")
def test_an_unexpected_error_asks_to_be_reported_and_hides_secrets(
    runner: CliRunner, monkeypatch: pytest.MonkeyPatch
):
    def fail(_: Path | None) -> Path:
        raise LookupError(f"SharedAccessKey={SECRET}\nforged")

    monkeypatch.setattr(relays, "data_folder", fail)
    ran = runner.invoke(app, ["gateway", "relay", "list"], prog_name="relaydesk")
    assert (ran.exit_code, ran.stdout) == (1, "")
    assert ran.stderr.splitlines()[-1].startswith("error: unexpected LookupError: SharedAccessKey=…")
    assert "please report it" in ran.stderr
    assert SECRET not in ran.stderr
