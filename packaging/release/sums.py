"""The SHA-256 of every file of a folder, as `sha256sum --check SHA256SUMS` reads it.

python packaging/release/sums.py FOLDER            writes FOLDER/SHA256SUMS
python packaging/release/sums.py FOLDER --check    0: the folder holds these files and no others
"""

import argparse
import hashlib
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from facts import PackagingError

FILE_NAME = "SHA256SUMS"


def main(arguments: list[str] | None = None) -> int:
    """Write the sums, or compare them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    asked = parser.parse_args(arguments)
    try:
        if asked.check:
            wrong = differences(asked.folder)
            print("\n".join(wrong) or f"{asked.folder}: as {FILE_NAME} says")
            return 1 if wrong else 0
        file = write(asked.folder)
    except PackagingError as error:
        print(error, file=sys.stderr)
        return 2
    print(file)
    return 0


def write(folder: Path) -> Path:
    """Write the sums of all that is in *folder* beside it; the file."""
    sums = measure(folder)
    if not sums:
        raise PackagingError(f"{folder} holds no files")
    file = folder / FILE_NAME
    file.write_text(as_text(sums), encoding="utf-8", newline="\n")
    return file


def measure(folder: Path) -> dict[str, str]:
    """The sum of each file, by its path below *folder*, but for the sums themselves."""
    if not folder.is_dir():
        raise PackagingError(f"{folder} is no folder")
    found = {}
    for file in sorted(folder.rglob("*")):
        name = file.relative_to(folder).as_posix()
        if not file.is_file() or name == FILE_NAME:
            continue
        if re.search(r"[\\\n\r]", name):
            # sha256sum would write these in another way
            raise PackagingError(f"{name!r} is no name for a file that others download")
        with file.open("rb") as content:
            found[name] = hashlib.file_digest(content, "sha256").hexdigest()
    return found


def as_text(sums: dict[str, str]) -> str:
    """The lines: sum, two spaces, name."""
    return "".join(f"{each}  {name}\n" for name, each in sorted(sums.items()))


def read(file: Path) -> dict[str, str]:
    """Read them back.

    Raises:
        PackagingError: There is no such file, or it holds something else.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise PackagingError(f"cannot read {file}: {error.strerror}") from error
    found = {}
    for number, line in enumerate(lines, start=1):
        parts = re.fullmatch(r"([0-9a-f]{64}) [ *](.+)", line)
        if parts is None:
            raise PackagingError(f"{file}, line {number}: no sum and name of a file")
        found[parts.group(2)] = parts.group(1)
    return found


def differences(folder: Path) -> list[str]:
    """What is not as the sums say, one line each."""
    expected, found = read(folder / FILE_NAME), measure(folder)
    return [
        *(f"{name}: missing" for name in sorted(expected.keys() - found.keys())),
        *(f"{name}: not in {FILE_NAME}" for name in sorted(found.keys() - expected.keys())),
        *(
            f"{name}: changed"
            for name in sorted(expected.keys() & found.keys())
            if expected[name] != found[name]
        ),
    ]


if __name__ == "__main__":
    sys.exit(main())
