from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme

from agent.roots import verifying_context


@pytest.fixture
def no_roots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A system on which OpenSSL finds nothing where it looks."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A file with one authority."""
    file = tmp_path / "elsewhere.pem"
    trustme.CA().cert_pem.write_to_path(file)
    return file


def count(context: ssl.SSLContext) -> int:
    return context.cert_store_stats()["x509_ca"]


@pytest.mark.usefixtures("no_roots")
def test_roots_are_looked_for_where_other_systems_keep_them(tmp_path: Path, elsewhere: Path):
    broken = tmp_path / "broken.pem"
    broken.write_text("no certificates")
    context = verifying_context((tmp_path / "missing.pem", broken, elsewhere))
    assert count(context) == 1
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


@pytest.mark.usefixtures("no_roots")
def test_without_any_it_trusts_nobody(tmp_path: Path):
    context = verifying_context((tmp_path / "missing.pem",))
    assert count(context) == 0
    assert context.verify_mode is ssl.CERT_REQUIRED


def test_the_systems_own_are_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, elsewhere: Path):
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(other)
    monkeypatch.setenv("SSL_CERT_FILE", str(elsewhere))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))
    before = count(verifying_context(()))
    assert count(verifying_context((other,))) == before > 0


def test_a_folder_of_the_systems_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, elsewhere: Path):
    folder = tmp_path / "certs"
    folder.mkdir()
    (folder / "0a1b2c3d.0").write_bytes(elsewhere.read_bytes())
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(folder))
    assert count(verifying_context((elsewhere,))) == 0  # read when somebody's certificate is looked up


def test_an_empty_folder_of_the_systems_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, elsewhere: Path
):
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    (tmp_path / "none").mkdir()
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))
    assert count(verifying_context((elsewhere,))) == 1


def test_a_folder_that_may_not_be_read_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, elsewhere: Path
):
    def denied(self: Path) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    (tmp_path / "none").mkdir()
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))
    monkeypatch.setattr(Path, "iterdir", denied)
    assert count(verifying_context((elsewhere,))) == 1
