"""The promises of the repository's layout, which no single package can keep alone."""

import importlib
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent
PACKAGES = ("hyco", "agent", "gateway", "relaydesk")


def tracked_files() -> list[Path]:
    """Every file under version control that is still there."""
    listing = subprocess.run(
        ["git", "-c", f"safe.directory={CHECKOUT}", "ls-files", "-z"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return [path for name in listing.split("\0") if name and (path := CHECKOUT / name).is_file()]


def python_modules(folder: str) -> list[Path]:
    """Every Python file below a folder of the checkout."""
    return sorted((CHECKOUT / folder).rglob("*.py"))


@pytest.mark.parametrize("package", PACKAGES)
def test_import_comes_from_this_checkout(package: str) -> None:
    """The names are common: another distribution's `agent` must not be the one that is tested."""
    assert importlib.import_module(package).__file__ == str(CHECKOUT / package / "__init__.py")


def test_every_folder_of_tests_is_a_package() -> None:
    """`tests/agent` without `__init__.py` above and in it becomes the package `agent` and hides the real one."""
    folders = {path.parent for path in python_modules("tests")}
    assert [folder for folder in folders if not (folder / "__init__.py").is_file()] == []


def test_wheel_lists_every_package() -> None:
    """The wheel names its packages one by one, so a new folder is easily forgotten."""
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))
    found = [
        ".".join(path.parent.relative_to(CHECKOUT).parts)
        for package in PACKAGES
        for path in python_modules(package)
        if path.name == "__init__.py"
    ]
    data = project["tool"]["setuptools"]["package-dir"]
    assert sorted(project["tool"]["setuptools"]["packages"]) == sorted([*found, *data])


def test_no_module_takes_a_name_of_the_standard_library() -> None:
    """Run as a script, or with its folder on the path, such a module would replace the library's own."""
    names = {path.stem for package in PACKAGES for path in python_modules(package)}
    assert names & sys.stdlib_module_names == set()


def test_no_module_is_a_dumping_ground() -> None:
    """A name that fits everything collects everything."""
    names = {
        path.stem for folder in (*PACKAGES, "tests", "benchmarks", "tools") for path in python_modules(folder)
    }
    assert names & {"utils", "util", "helpers", "helper", "common", "misc"} == set()


IMPORT_ALL = """
import importlib, pkgutil, sys
blocked = {blocked!r}
if {refuse}:
    sys.modules.update(dict.fromkeys(blocked))  # importing one of these is now an error
top = importlib.import_module({package!r})
for module in pkgutil.walk_packages(top.__path__, top.__name__ + "."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
print(*sorted(set(sys.modules) & blocked) if not {refuse} else ())
"""


def import_all(package: str, blocked: set[str], *, refuse: bool) -> str:
    """Import every module of a package in a new interpreter; what it loaded of the blocked ones."""
    code = IMPORT_ALL.format(package=package, blocked=blocked, refuse=refuse)
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()


@pytest.mark.parametrize("package", ["hyco", "agent", "gateway", "relaydesk.cli"])
@pytest.mark.slow
def test_servers_and_command_line_run_without_qt(package: str) -> None:
    """A server is installed without the extra `gui`; import-linter sees imports as written, this what really happens."""
    assert import_all(package, {"PySide6", "qasync", "keyring", "segno"}, refuse=True) == ""


@pytest.mark.slow
def test_hyco_loads_nothing_that_touches_the_world() -> None:
    """What hyco imports must not bring in by a back door what import-linter forbids at the front.

    `socket` is not asked for: `websockets` reads its own version, whose parser is the library's e-mail package.
    """
    assert import_all("hyco", {"asyncio", "ssl", "PySide6"}, refuse=False) == ""


# Split, so that this file does not hold what it looks for.
PRIVATE = re.compile(
    "|".join(
        [
            r"pypi\." + r"(org|io)",
            r"pythonhosted\." + "org",
            r"registry\." + r"npmjs",
            r"repo1?\." + r"maven",
            r"maven\." + r"org",
            "index-" + "url",
            '"resolved"' + ": *",
            r"(?<![\w.])/" + "(root|work|opt/wheels)/",
            re.escape(f"{CHECKOUT}/"),
        ]
    )
)


def test_no_tracked_file_names_a_package_index_or_a_path_of_one_machine() -> None:
    """Where packages come from is for whoever installs; a path of one machine is wrong on every other."""
    found = []
    for path in tracked_files():
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue  # a picture
        found += [
            f"{path.relative_to(CHECKOUT)}:{number}: {line[:120]}"
            for number, line in enumerate(lines, 1)
            if PRIVATE.search(line)
        ]
    assert found == []


def pins(name: str) -> dict[str, str]:
    """Package and version of each line of a requirements file that pins one."""
    text = (CHECKOUT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", text, flags=re.MULTILINE))


def test_all_requirement_files_pin_the_same_versions() -> None:
    """What was tested is what runs: each file is a part of the one the tests are installed from."""
    runtime, app, gateway, dev = (pins(name).items() for name in ("runtime", "app", "gateway", "dev"))
    assert runtime < app < dev
    assert runtime < gateway < dev


def test_every_dependency_is_pinned() -> None:
    """A dependency added to pyproject.toml without a new `tools/lock.py` would be missing on every other machine."""
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    for name, requirements in {
        "runtime": [*project["dependencies"], *extras["speed"], *extras["checkout"]],
        "app": extras["gui"],
        "gateway": extras["cluster"],
        "dev": [*extras["cluster"], *extras["dev"]],
    }.items():
        wanted = {re.split(r"[^\w-]", requirement)[0].lower() for requirement in requirements}
        assert wanted - pins(name).keys() == set()
