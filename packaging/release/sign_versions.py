"""The signed list of versions, by which a copy of RelayDesk learns of a new one.

python packaging/release/sign_versions.py FOLDER       writes FOLDER/versions.json and FOLDER/versions.json.sig
python packaging/release/sign_versions.py --new-key FILE    makes a key, and prints its public half: RELAYDESK_UPDATE_KEY of builds

The private key is PEM: in RELAYDESK_UPDATE_PRIVATE_KEY, or in the file that --key names. RELAYDESK_RELEASE_URL is where the files of
FOLDER can be fetched, RELAYDESK_NOTES_URL where the version is described. A private key that is not that of RELAYDESK_UPDATE_KEY, where that is given, is refused: no copy would believe what it signs.
"""

import argparse
import base64
import datetime as dt
import hashlib
import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from facts import PackagingError, read_facts

#: A copy does not believe a list for longer: then somebody may be holding back a newer one. Releases come more often.
VALID = dt.timedelta(days=400)

#: Which files a copy may fetch: those that nobody else brings up to date.
KINDS = {
    r"-setup\.exe$": ("setup", "win32-amd64"),
    r"-windows-x64\.zip$": ("portable", "win32-amd64"),
    r"-linux-x86_64\.tar\.gz$": ("portable", "linux-x86_64"),
    r"-x86_64\.AppImage$": ("appimage", "linux-x86_64"),
    r"-arm64\.dmg$": ("dmg", "darwin-arm64"),
    r"-x86_64\.dmg$": ("dmg", "darwin-x86_64"),
}


def main() -> int:
    """Sign, or make a key."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--key", type=Path, help="the private key, PEM")
    parser.add_argument("--new-key", type=Path, metavar="FILE", help="make a key")
    asked = parser.parse_args()
    try:
        if asked.new_key is not None:
            print(new_key(asked.new_key))
            return 0
        if asked.folder is None:
            parser.error("FOLDER is missing")
        print(write(asked.folder, read_key(asked.key)))
    except PackagingError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def new_key(file: Path) -> str:
    """Make a key for its owner alone; its public half."""
    key = Ed25519PrivateKey.generate()
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise PackagingError(f"{file} cannot be made: {error.strerror}") from error
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return public_half(key)


def read_key(file: Path | None) -> Ed25519PrivateKey:
    """The private key."""
    try:
        pem = file.read_bytes() if file is not None else os.environ["RELAYDESK_UPDATE_PRIVATE_KEY"].encode()
        key = load_pem_private_key(pem, None)
    except KeyError:
        raise PackagingError(
            "the private key is missing: RELAYDESK_UPDATE_PRIVATE_KEY, or --key FILE"
        ) from None
    except (OSError, ValueError, TypeError):
        raise PackagingError("the private key cannot be read; it is PEM, without a password") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise PackagingError("the private key is of another kind than Ed25519")
    return key


def public_half(key: Ed25519PrivateKey) -> str:
    """What builds have as RELAYDESK_UPDATE_KEY."""
    return base64.b64encode(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()


def write(folder: Path, key: Ed25519PrivateKey) -> Path:
    """Write the list of what is in *folder*, and its signature; the list."""
    pinned = os.environ.get("RELAYDESK_UPDATE_KEY")
    if pinned and pinned != public_half(key):
        raise PackagingError(
            "the private key is not that of RELAYDESK_UPDATE_KEY: no copy would believe what it signs"
        )
    facts = read_facts()
    released = dt.datetime.fromtimestamp(facts.moment, dt.UTC)
    content = {
        "format": 1,
        "released": released.isoformat(),
        "expires": (released + VALID).isoformat(),
        "version": facts.version,
        "notes": _url("RELAYDESK_NOTES_URL"),
        "files": list(_files(folder, _url("RELAYDESK_RELEASE_URL"))),
    }
    if not content["files"]:
        raise PackagingError(f"{folder} holds no package that a copy could fetch")
    file = folder / "versions.json"
    file.write_bytes((json.dumps(content, indent=1) + "\n").encode())
    signature = base64.b64encode(key.sign(file.read_bytes()))
    file.with_name(f"{file.name}.sig").write_bytes(signature + b"\n")
    return file


def _files(folder: Path, base: str) -> Iterator[dict[str, object]]:
    for file in sorted(folder.iterdir()):
        for pattern, (package, machine) in KINDS.items():
            if re.search(pattern, file.name):
                content = file.read_bytes()
                yield {
                    "package": package,
                    "machine": machine,
                    "url": f"{base.rstrip('/')}/{quote(file.name)}",
                    "sha256": hashlib.sha256(content).hexdigest(),
                    "bytes": len(content),
                }


def _url(name: str) -> str:
    url = os.environ.get(name, "")
    if not url.startswith("https://"):
        raise PackagingError(f"{name} is missing, or no https:// address")
    return url


if __name__ == "__main__":
    sys.exit(main())
