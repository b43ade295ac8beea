"""What was built from what, where, by which run: an in-toto statement with SLSA's provenance for the files of SHA256SUMS.

    python packaging/release/provenance.py FOLDER      writes FOLDER/provenance.json

Only a run of the workflow can say it, and only of itself: elsewhere this refuses. The file is not signed; the same facts are
signed by the workflow's attestation, which `gh attestation verify FILE --repo OWNER/NAME` looks at.

Sources: https://in-toto.io/Statement/v1, https://slsa.dev/spec/v1.0/provenance,
https://actions.github.io/buildtypes/workflow/v1 (which parameters a run of a workflow has).
"""

import argparse
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import sums
from facts import PackagingError

FILE_NAME = "provenance.json"

#: What is read of the run; all of it is there in each of them.
NEEDED = (
    "GITHUB_EVENT_NAME",
    "GITHUB_REF",
    "GITHUB_REPOSITORY",
    "GITHUB_REPOSITORY_ID",
    "GITHUB_REPOSITORY_OWNER_ID",
    "GITHUB_RUN_ATTEMPT",
    "GITHUB_RUN_ID",
    "GITHUB_SERVER_URL",
    "GITHUB_SHA",
    "GITHUB_WORKFLOW_REF",
    "RUNNER_ENVIRONMENT",
)


def main(arguments: list[str] | None = None) -> int:
    """Write the statement."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args(arguments).folder
    try:
        said = statement(sums.read(folder / sums.FILE_NAME), os.environ)
    except PackagingError as error:
        print(error, file=sys.stderr)
        return 2
    file = folder / FILE_NAME
    file.write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8", newline="\n")
    print(file)
    return 0


def statement(digests: Mapping[str, str], run: Mapping[str, str]) -> dict[str, Any]:
    """The statement about the files with these SHA-256 sums.

    Args:
        digests: The sums, by the names of the files.
        run: The environment of the run that built them.
    """
    missing = [name for name in NEEDED if not run.get(name)]
    if missing:
        raise PackagingError(
            f"this is no run of the workflow, whose provenance could be told: no {', '.join(missing)}"
        )
    repository = f"{run['GITHUB_SERVER_URL']}/{run['GITHUB_REPOSITORY']}"
    # OWNER/NAME/.github/workflows/release.yml@refs/tags/v1
    workflow = run["GITHUB_WORKFLOW_REF"].removeprefix(f"{run['GITHUB_REPOSITORY']}/").partition("@")[0]
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": name, "digest": {"sha256": digest}} for name, digest in sorted(digests.items())],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "https://actions.github.io/buildtypes/workflow/v1",
                "externalParameters": {
                    "workflow": {"ref": run["GITHUB_REF"], "repository": repository, "path": workflow}
                },
                "internalParameters": {
                    "github": {
                        "event_name": run["GITHUB_EVENT_NAME"],
                        "repository_id": run["GITHUB_REPOSITORY_ID"],
                        "repository_owner_id": run["GITHUB_REPOSITORY_OWNER_ID"],
                        "runner_environment": run["RUNNER_ENVIRONMENT"],
                    }
                },
                "resolvedDependencies": [
                    {
                        "uri": f"git+{repository}@{run['GITHUB_REF']}",
                        "digest": {"gitCommit": run["GITHUB_SHA"]},
                    }
                ],
            },
            "runDetails": {
                "builder": {"id": f"https://github.com/actions/runner/{run['RUNNER_ENVIRONMENT']}"},
                "metadata": {
                    "invocationId": f"{repository}/actions/runs/{run['GITHUB_RUN_ID']}"
                    f"/attempts/{run['GITHUB_RUN_ATTEMPT']}"
                },
            },
        },
    }


if __name__ == "__main__":
    sys.exit(main())
