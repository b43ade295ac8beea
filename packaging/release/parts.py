"""The list of what is frozen into this system's program, for who has to know which versions are inside: CycloneDX 1.6.

    python packaging/release/parts.py [--out FILE]

It is made where the program is frozen, with the Python that is frozen: `make package-linux` and its like freeze what
requirements/app.txt pins and nothing else. Pins of other systems are left out, and what is installed must be what is pinned. A pin
that nothing imports, like the one with cffi's parser of C, is listed all the same: too much rather than too little.
The same commit, frozen with the same Python, gives the same list: no date but the commit's, no number by chance.
"""

import argparse
import json
import platform
import re
import sqlite3
import ssl
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from facts import CHECKOUT, DIST, NAME, SUMMARY, Facts, PackagingError, read_facts
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PINS = CHECKOUT / "requirements" / "app.txt"

#: The extra `checkout` of pyproject.toml: they build the program, and build.spec keeps them out of it.
BUILDS_ONLY = frozenset({"setuptools", "cython"})

SYSTEMS = {"linux": "linux", "win32": "windows", "darwin": "macos"}


@dataclass(frozen=True)
class Pin:
    """One pinned package.

    Attributes:
        hashes: Of each file that may be installed, in SHA-256: one of them was.
    """

    name: str
    version: str
    hashes: tuple[str, ...]


def main(arguments: list[str] | None = None) -> int:
    """Write the list."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, help="the file (default: in dist/, named by version and system)")
    asked = parser.parse_args(arguments)
    try:
        facts = read_facts()
        text = as_text(parts(facts, pins(PINS.read_text(encoding="utf-8"))))
        check(text)
    except PackagingError as error:
        print(error, file=sys.stderr)
        return 2
    file = asked.out or DIST / file_name(facts)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8", newline="\n")
    print(file)
    return 0


def file_name(facts: Facts) -> str:
    """As the packages are named: by version, system and processor."""
    return f"relaydesk-{facts.version}-{_system()}-{platform.machine().lower()}.cdx.json"


def pins(text: str) -> list[Pin]:
    """What a file of requirements/ pins for this system and this Python, but for what only builds."""
    found = []
    for line in text.replace("\\\n", " ").splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        wanted, *hashes = line.split("--hash=sha256:")
        requirement = Requirement(wanted)
        [specifier] = requirement.specifier
        assert specifier.operator == "==", f"{line} pins no version"
        name = canonicalize_name(requirement.name)
        if name in BUILDS_ONLY or (requirement.marker and not requirement.marker.evaluate()):
            continue
        found.append(Pin(name, specifier.version, tuple(sorted(each.strip() for each in hashes))))
    return sorted(found, key=lambda pin: pin.name)


def parts(facts: Facts, pinned: list[Pin]) -> dict[str, Any]:
    """The list."""
    program = {
        **_component("application", NAME, facts.version, f"pkg:generic/relaydesk@{facts.version}"),
        "description": SUMMARY,
        "licenses": [{"license": {"id": "Apache-2.0"}}],
        "properties": [{"name": "relaydesk:commit", "value": facts.commit}],
    }
    packages = [_package(pin) for pin in pinned]
    libraries = {"pyside6-essentials": _qt(pinned), "python": [_openssl(), _sqlite()]}
    components = [_python(), *packages, *(each for held in libraries.values() for each in held)]
    holds = {_reference(program): [_reference(each) for each in (_python(), *packages)]}
    for each in components:
        holds[_reference(each)] = [_reference(held) for held in libraries.get(each["name"].lower(), ())]
    said = f"{NAME}/{facts.version}/{facts.commit}/{file_name(facts)}/{platform.python_version()}"
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, said)}",
        "version": 1,
        "metadata": {
            "timestamp": facts.built,
            "lifecycles": [{"phase": "build"}],
            "component": program,
            "properties": [
                {"name": "relaydesk:system", "value": _system()},
                {"name": "relaydesk:machine", "value": platform.machine().lower()},
            ],
        },
        "components": sorted(components, key=_reference),
        "dependencies": [
            {"ref": reference, "dependsOn": sorted(held)} for reference, held in sorted(holds.items())
        ],
    }


def as_text(document: dict[str, Any]) -> str:
    """The list as it is written."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def check(text: str) -> None:
    """Hold a list against CycloneDX' own schema.

    Raises:
        PackagingError: It does not fit.
    """
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if problem is not None:
        raise PackagingError(f"the list of parts does not fit CycloneDX 1.6: {problem}")


def _component(kind: str, name: str, version: str, purl: str) -> dict[str, Any]:
    return {"type": kind, "bom-ref": purl, "name": name, "version": version, "purl": purl}


def _reference(component: dict[str, Any]) -> str:
    return str(component["bom-ref"])


def _package(pin: Pin) -> dict[str, Any]:
    purl = f"pkg:pypi/{pin.name}@{pin.version}"
    said = _component("library", pin.name, pin.version, purl)
    licence = _licence(pin)
    if licence:
        said["licenses"] = [{"expression": licence}]
    if pin.hashes:
        said["externalReferences"] = [
            {
                "type": "distribution",
                "url": purl,
                "comment": "one of the files with these hashes was installed",
                "hashes": [{"alg": "SHA-256", "content": each} for each in pin.hashes],
            }
        ]
    return said


def _licence(pin: Pin) -> str:
    """What the package says of its licence, where it does so in SPDX' words (PEP 639)."""
    try:
        installed = metadata.distribution(pin.name)
    except metadata.PackageNotFoundError:
        raise PackagingError(
            f"{pin.name} is not installed, and so it was not frozen: python3 tools/environment.py package"
        ) from None
    if installed.version != pin.version:
        raise PackagingError(
            f"{pin.name} {installed.version} is installed, where {PINS.name} pins {pin.version}: "
            "python3 tools/environment.py package"
        )
    return installed.metadata.get("License-Expression") or ""


def _python() -> dict[str, Any]:
    version = platform.python_version()
    return {
        **_component("platform", "Python", version, f"pkg:generic/python@{version}"),
        "cpe": f"cpe:2.3:a:python:python:{version}:*:*:*:*:*:*:*",
    }


def _qt(pinned: list[Pin]) -> Iterator[dict[str, Any]] | list[dict[str, Any]]:
    """The wheels of PySide6 bring the Qt of their own version."""
    return [
        {
            **_component("library", "Qt", pin.version, f"pkg:generic/qt@{pin.version}"),
            "cpe": f"cpe:2.3:a:qt:qt:{pin.version}:*:*:*:*:*:*:*",
        }
        for pin in pinned
        if pin.name == "pyside6-essentials"
    ]


def _openssl() -> dict[str, Any]:
    """The one of Python; cryptography's is part of its wheel."""
    found = re.match(r"(\w+) (\S+)", ssl.OPENSSL_VERSION)
    assert found, ssl.OPENSSL_VERSION
    name, version = found.groups()
    return {
        **_component("library", name, version, f"pkg:generic/{name.lower()}@{version}"),
        "cpe": f"cpe:2.3:a:{name.lower()}:{name.lower()}:{version}:*:*:*:*:*:*:*",
    }


def _sqlite() -> dict[str, Any]:
    version = sqlite3.sqlite_version
    return {
        **_component("library", "SQLite", version, f"pkg:generic/sqlite@{version}"),
        "cpe": f"cpe:2.3:a:sqlite:sqlite:{version}:*:*:*:*:*:*:*",
    }


def _system() -> str:
    return SYSTEMS.get(sys.platform, sys.platform)


if __name__ == "__main__":
    sys.exit(main())
