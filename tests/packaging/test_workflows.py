"""The workflows of .github/ run elsewhere: here they are read, and their shell is looked at."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from tests.support.packaging_scripts import CHECKOUT

FOLDER = CHECKOUT / ".github" / "workflows"
NAMES = ("check.yml", "release.yml")

#: What every run has.
_OF_RUNNER = {"RUNNER_TEMP", "GITHUB_REPOSITORY", "GITHUB_SERVER_URL"}


@dataclass(frozen=True)
class Step:
    """One step of a job."""

    workflow: str
    job_name: str
    job: dict[str, Any]
    step: dict[str, Any]

    @property
    def label(self) -> str:
        return f"{self.workflow}, {self.job_name}: {self.step.get('name') or self.step.get('run') or self.step['uses']}"

    @property
    def run(self) -> str:
        return str(self.step.get("run", ""))


def _workflow(name: str) -> dict[Any, Any]:
    found = yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def _jobs() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for name in NAMES:
        for job_name, job in _workflow(name)["jobs"].items():
            yield name, job_name, job


def _steps() -> list[Step]:
    return [Step(name, job_name, job, step) for name, job_name, job in _jobs() for step in job["steps"]]


RUNS = [step for step in _steps() if step.run]
each_run = pytest.mark.parametrize("step", RUNS, ids=lambda step: step.label[:60])


def test_these_are_all_workflows() -> None:
    assert sorted(file.name for file in FOLDER.iterdir()) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_runs_with_secrets_on_what_strangers_send(name: str) -> None:
    triggers = set(_workflow(name)[True])  # YAML 1.1 takes `on` for a truth
    assert triggers <= {"push", "pull_request", "workflow_dispatch"}
    if "pull_request" in triggers:
        assert "secrets." not in (FOLDER / name).read_text(encoding="utf-8")


def test_a_job_may_do_what_it_says_and_ends_in_time() -> None:
    for name in NAMES:
        assert _workflow(name)["permissions"] == {}
        assert _workflow(name)["concurrency"]["group"]
    for name, job_name, job in _jobs():
        assert 0 < job["timeout-minutes"] <= 120, (name, job_name)
        expected = {"contents": "read"}
        if (name, job_name) == ("release.yml", "release"):
            expected = {"contents": "write", "id-token": "write", "attestations": "write"}
        assert job["permissions"] == expected, (name, job_name)


def test_runners_are_those_that_there_are() -> None:
    """GitHub retired macos-13 in December 2025 and macos-14 in November 2026."""
    known = {"ubuntu-22.04", "ubuntu-24.04", "windows-2022", "macos-15", "macos-15-intel"}
    for name, job_name, job in _jobs():
        matrix = job.get("strategy", {}).get("matrix", {})
        runners = {
            "${{ matrix.runner }}": {
                *matrix.get("runner", ()),
                *(each["runner"] for each in matrix.get("include", ())),
            },
        }.get(job["runs-on"], {job["runs-on"]})
        assert runners, (name, job_name)
        assert runners <= known, (name, job_name)


def test_jobs_wait_for_jobs_that_there_are() -> None:
    for name, job_name, job in _jobs():
        needs = job.get("needs", [])
        others = set(_workflow(name)["jobs"])
        assert set([needs] if isinstance(needs, str) else needs) <= others - {job_name}, (name, job_name)


def test_actions_are_named_by_commit_with_their_version_beside() -> None:
    for name in NAMES:
        lines = (FOLDER / name).read_text(encoding="utf-8").splitlines()
        used = [line.strip().removeprefix("- ") for line in lines if "uses:" in line]
        assert used
        for line in used:
            assert re.fullmatch(r"uses: actions/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line
        commits = {line.split("@")[0]: line for line in used}
        assert set(commits.values()) == set(used)  # each in one version


def test_no_step_after_the_checkout_finds_a_token_in_it() -> None:
    for step in _steps():
        if step.step.get("uses", "").startswith("actions/checkout@"):
            assert step.step["with"] == {"persist-credentials": False}, step.label


@each_run
def test_nothing_is_pasted_into_shell(step: Step) -> None:
    """Neither secrets, which a trace would show, nor names that a stranger chose: both come as variables."""
    assert "${{" not in step.run


def test_secrets_are_given_to_the_step_that_uses_them() -> None:
    for name, job_name, job in _jobs():
        for variable, value in job.get("env", {}).items():
            if "secrets." in str(value):
                assert re.fullmatch(r"\$\{\{ secrets\.\w+ != ''( && secrets\.\w+ != '')* \}\}", value), (
                    variable
                )
        for step in job["steps"]:
            assert "secrets." not in str({key: value for key, value in step.items() if key != "env"}), (
                name,
                job_name,
            )
            for variable, value in step.get("env", {}).items():
                if "secrets." in str(value):
                    assert re.fullmatch(r"\$\{\{ secrets\.\w+ \}\}", value), variable
                    assert not re.search(rf"\becho\b.*\${variable}\b|set -x", step["run"])
                    assert job["environment"] == "release"


def test_every_secret_and_variable_is_named_at_the_head_of_the_workflow() -> None:
    text = (FOLDER / "release.yml").read_text(encoding="utf-8")
    head = text.partition("\nname:")[0]
    used = set(re.findall(r"\b(?:secrets|vars)\.(\w+)", text))
    assert used
    assert used <= set(re.findall(r"\b[A-Z_]+\b", head))


@each_run
def test_variables_of_shell_are_given(step: Step) -> None:
    used = set(re.findall(r"\$\{?([A-Z][A-Z_]+)\b", step.run))
    given = {*step.job.get("env", {}), *step.step.get("env", {})}
    assert used <= given | _OF_RUNNER


@each_run
def test_scripts_and_verbs_of_steps_are_there(step: Step) -> None:
    for path in re.findall(
        r"(?<![\w/$])(?:(?:packaging|tools)/[\w./-]+\.\w+|\.ci/\w+|build\.spec)", step.run
    ):
        assert (CHECKOUT / path).is_file(), path
    verbs = re.findall(r"^([a-z-]+):", (CHECKOUT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    for line in step.run.splitlines():
        if line.startswith("make "):
            asked = [word for word in line.split()[1:] if "=" not in word]
            assert asked
            assert set(asked) <= set(verbs), line


def test_packages_of_a_matrix_are_made_by_scripts_that_are_there() -> None:
    for name, job_name, job in _jobs():
        for each in job.get("strategy", {}).get("matrix", {}).get("include", ()):
            if "package" in each:
                assert (CHECKOUT / "packaging" / each["package"]).is_file(), (name, job_name)


@each_run
def test_shell_of_steps_is_shell(step: Step) -> None:
    _look_at_shell("set -eo pipefail\n" + step.run)


def test_shell_of_the_image_is_shell() -> None:
    _look_at_shell((CHECKOUT / "packaging" / "release" / "image.sh").read_text(encoding="utf-8"))


def test_what_is_downloaded_was_uploaded() -> None:
    for name in NAMES:
        jobs = _workflow(name)["jobs"]
        given = {
            step["with"]["name"].replace("${{ matrix.runner }}", runner)
            for job in jobs.values()
            for step in job["steps"]
            for runner in job.get("strategy", {}).get("matrix", {}).get("runner", [""])
            if step.get("uses", "").startswith("actions/upload-artifact@")
        }
        for job in jobs.values():
            for step in job["steps"]:
                if step.get("uses", "").startswith("actions/download-artifact@"):
                    asked = step["with"].get("name") or step["with"]["pattern"].removesuffix("*")
                    assert any(each.startswith(asked) for each in given), asked


def test_a_release_is_a_draft_of_a_tag_that_is_there() -> None:
    jobs = _workflow("release.yml")["jobs"]
    assert jobs["release"]["if"] == "github.ref_type == 'tag'"
    assert set(jobs["release"]["needs"]) == {"linux", "windows", "macos", "image"}
    [draft] = [step["run"] for step in jobs["release"]["steps"] if "gh release" in step.get("run", "")]
    assert "--draft --verify-tag" in draft


def test_a_keychain_and_a_certificate_go_whatever_happens() -> None:
    jobs = _workflow("release.yml")["jobs"]
    for job, makes, removes in (
        ("macos", "security create-keychain", "security delete-keychain"),
        ("windows", "certificate.p12", "rm -f"),
    ):
        runs = [step for step in jobs[job]["steps"] if "run" in step]
        [made] = [at for at, step in enumerate(runs) if makes in step["run"] and "base64" in step["run"]]
        [removed] = [
            at for at, step in enumerate(runs) if removes in step["run"] and "always()" in str(step.get("if"))
        ]
        assert made < removed


def test_every_frozen_program_is_started_before_it_is_released() -> None:
    jobs = _workflow("release.yml")["jobs"]
    for job in ("linux", "windows-freeze", "macos"):
        assert any("--smoke" in step.get("run", "") for step in jobs[job]["steps"]), job


def _look_at_shell(text: str) -> None:
    done = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    if shutil.which("shellcheck"):
        done = subprocess.run(
            ["shellcheck", "--shell=bash", "-"], input=text, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout
