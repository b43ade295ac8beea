"""The samples of packaging/ that no test here can run whole: their command lines are read, and what they name is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import gateway.__main__ as program
from gateway.config import GatewayConfig

PACKAGING = Path(__file__).parents[2] / "packaging"
KUBERNETES = sorted((PACKAGING / "kubernetes").glob("*.yaml"))
_FIELDS = {"$(POD_IP)": "10.1.2.3", "$(POD_NAME)": "relaydesk-gateway-6c9f7d-x2z4q"}


def _read(arguments: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> GatewayConfig:
    """What a gateway with this command line would run with."""
    seen: list[GatewayConfig] = []
    monkeypatch.setattr(program, "run", lambda config, on_ready: seen.append(config))
    monkeypatch.setattr("sys.argv", ["gateway", "--data", str(tmp_path), *arguments])
    assert program.main() == 0, arguments
    return seen[0]


def _compose() -> dict[str, Any]:
    found = yaml.safe_load((PACKAGING / "compose.yaml.sample").read_text())
    assert isinstance(found, dict)
    return found


def _objects() -> Iterator[dict[str, Any]]:
    for file in KUBERNETES:
        yield from yaml.safe_load_all(file.read_text())


def _of_kind(kind: str) -> dict[str, Any]:
    [found] = [each for each in _objects() if each["kind"] == kind]
    return found


def test_gateways_of_the_compose_file_have_settings_that_can_be_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    services = _compose()["services"]
    gateways = {
        name: service for name, service in services.items() if service["image"] == "relaydesk-gateway"
    }
    assert set(gateways) == {"g1", "g2", "g3"}
    for name, service in gateways.items():
        config = _read(service["command"], monkeypatch, tmp_path)
        assert config.node_name == name
        assert config.peer_url is not None
        assert config.peer_url.host == name
        assert [str(network) for network in config.trusted_proxies] == ["172.30.0.10/32"]


def test_the_compose_file_names_nothing_that_it_does_not_define() -> None:
    document = _compose()
    services, volumes, networks = document["services"], set(document["volumes"]), set(document["networks"])
    for name, service in services.items():
        assert set(service.get("depends_on", ())) <= set(services), name
        assert set(service["networks"]) <= networks, name
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            assert source.startswith("./") or source in volumes, (name, volume)
    balancer = services["balancer"]["networks"]["inner"]["ipv4_address"]
    assert f"--trusted-proxy={balancer}/32" in services["g2"]["command"]


def test_gateways_on_kubernetes_have_settings_that_can_be_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    [container] = _of_kind("Deployment")["spec"]["template"]["spec"]["containers"]
    arguments = container["args"]
    for field, value in _FIELDS.items():
        arguments = [argument.replace(field, value) for argument in arguments]
    config = _read(arguments, monkeypatch, tmp_path)
    assert config.node_name == _FIELDS["$(POD_NAME)"]
    assert config.fabric
    named = {variable["name"] for variable in container["env"]}
    assert set(re.findall(r"\$\((\w+)\)", " ".join(container["args"]))) <= named


def test_kubernetes_objects_fit_each_other() -> None:
    deployment, service = _of_kind("Deployment"), _of_kind("Service")
    template = deployment["spec"]["template"]
    labels = template["metadata"]["labels"]
    [container] = template["spec"]["containers"]
    ports = {port["name"] for port in container["ports"]}
    assert deployment["spec"]["selector"]["matchLabels"] == labels
    assert service["spec"]["selector"] == labels
    assert _of_kind("PodDisruptionBudget")["spec"]["selector"]["matchLabels"] == labels
    assert _of_kind("NetworkPolicy")["spec"]["podSelector"]["matchLabels"] == labels
    assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports
    for probe in ("readinessProbe", "livenessProbe"):
        assert container[probe]["httpGet"]["port"] in ports
    volumes = {volume["name"] for volume in template["spec"]["volumes"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == volumes
    backend = _of_kind("Ingress")["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]
    assert backend["name"] == service["metadata"]["name"]
    assert backend["port"]["name"] in {port["name"] for port in service["spec"]["ports"]}


def test_a_pod_has_the_time_to_stop_in_order() -> None:
    config = GatewayConfig(data_folder=Path())
    needed_s = config.notice_s + config.drain_s
    assert _of_kind("Deployment")["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] > needed_s
    assert int(_compose()["services"]["g1"]["stop_grace_period"].removesuffix("s")) > needed_s


def test_what_the_image_is_made_from_is_there() -> None:
    text = (PACKAGING / "Containerfile").read_text()
    root = PACKAGING.parent
    for line in re.findall(r"^COPY (?!--from)(.+)$", text, re.MULTILINE):
        for source in line.split()[:-1]:
            assert (root / source).exists(), source
    assert "USER 10001" in text
    pinned = (root / "requirements" / "gateway.txt").read_text()
    assert "asyncpg==" in pinned
    assert "nats-py==" in pinned
    assert "pyside6" not in pinned.lower()
