"""deploy/ and the Dockerfile: valid by their consumers' schemas, and consistent with the server."""

from __future__ import annotations

import configparser
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from prometheus_client import generate_latest
from reverie_server.process.metrics import COUNTED, Metrics
from reverie_server.process.settings import table

ROOT = Path(__file__).parents[3]
MANIFESTS = sorted((ROOT / "deploy" / "kubernetes").glob("*.yaml"))
UNIT = ROOT / "deploy" / "systemd" / "reverie.service"
DOCKERFILE = ROOT / "server" / "Dockerfile"


def manifest(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "kubernetes" / f"{name}.yaml").read_text())
    return loaded


def container() -> dict[str, Any]:
    only: dict[str, Any]
    (only,) = manifest("deployment")["spec"]["template"]["spec"]["containers"]
    return only


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.stem)
def test_a_manifest_is_valid_by_kubernetes_own_schema(path: Path) -> None:
    kubernetes_validate.validate(yaml.safe_load(path.read_text()), "1.33", strict=True)


def test_an_invalid_manifest_would_be_found() -> None:
    wrong = manifest("deployment")
    wrong["spec"]["replica"] = 3
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, "1.33", strict=True)


def test_the_manifests_refer_to_each_other() -> None:
    labels = manifest("deployment")["spec"]["template"]["metadata"]["labels"]
    assert manifest("deployment")["spec"]["selector"]["matchLabels"] == labels
    assert manifest("service")["spec"]["selector"] == labels
    assert manifest("disruption")["spec"]["selector"]["matchLabels"] == labels
    assert manifest("autoscaler")["spec"]["scaleTargetRef"]["name"] == manifest("deployment")["metadata"]["name"]
    metric = manifest("autoscaler")["spec"]["metrics"][0]["pods"]["metric"]["name"]
    assert metric in {name for _, name, *_ in COUNTED}


def test_a_pod_has_more_time_than_its_renders() -> None:
    grace = next(float(each["value"]) for each in container()["env"] if each["name"] == "REVERIE_GRACE")
    assert manifest("deployment")["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] > grace


def test_variables_of_the_image_and_the_pod_are_settings() -> None:
    known = {setting.variable for setting in table()}
    named = {each["name"] for each in container()["env"]} - {"ORT_DISABLE_TELEMETRY"}
    named |= set(re.findall(r"(REVERIE_[A-Z_]+)=", DOCKERFILE.read_text()))
    assert len(named) > 5
    assert named - known == set()


@pytest.mark.parametrize("target", ["cpu", "cuda"])
def test_the_image_has_both_targets_not_root_and_a_health_check(target: str) -> None:
    text = DOCKERFILE.read_text()
    assert f"FROM base AS {target}\n" in text
    base = text[text.index("AS base\n") : text.index("FROM base AS")]
    assert "USER 10001" in base
    assert 'HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["reverie", "health"' in base


@pytest.mark.parametrize("folder", ["XDG_CACHE_HOME", "XDG_DATA_HOME"])
def test_the_server_writes_only_to_volumes_of_a_read_only_image(folder: str) -> None:
    assert f"{folder}=/tmp " in DOCKERFILE.read_text()


def test_the_store_of_a_pod_is_smaller_than_the_volume_it_is_in() -> None:
    limit_mib = next(int(entry["value"]) for entry in container()["env"] if entry["name"] == "REVERIE_STORE_LIMIT")
    volumes = manifest("deployment")["spec"]["template"]["spec"]["volumes"]
    size = next(volume["emptyDir"]["sizeLimit"] for volume in volumes if volume["name"] == "tmp")
    assert size.endswith("Gi")
    assert 2 * limit_mib > int(size[:-2]) * 1024 > limit_mib


def test_the_dockerfile_has_no_lint() -> None:
    hadolint = Path(sys.executable).parent / "hadolint"
    found = str(hadolint) if hadolint.exists() else shutil.which("hadolint")
    if found is None:
        pytest.skip("there is no hadolint for this machine")
    linted = subprocess.run([found, str(DOCKERFILE)], capture_output=True, text=True, timeout=60, check=False)
    assert (linted.returncode, linted.stdout) == (0, "")


def unit() -> configparser.SectionProxy:
    """The section of the unit about the service; of a name that stands there twice, the last value."""
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(UNIT)
    return parser["Service"]


def environment_of_the_unit() -> list[str]:
    return re.findall(r"^Environment=(.*)$", UNIT.read_text(), re.MULTILINE)


def test_the_unit_starts_the_server_and_waits_for_its_renders() -> None:
    service = unit()
    assert service["ExecStart"].endswith("reverie serve --config /etc/reverie/reverie.toml")
    grace = next(setting.default for setting in table() if setting.name == "grace")
    assert float(service["TimeoutStopSec"]) > grace


def test_onnx_runtime_reports_nothing_from_any_deployment() -> None:
    assert {"name": "ORT_DISABLE_TELEMETRY", "value": "1"} in container()["env"]
    assert " ORT_DISABLE_TELEMETRY=1 " in DOCKERFILE.read_text()
    assert "ORT_DISABLE_TELEMETRY=1" in environment_of_the_unit()


@pytest.mark.parametrize(("variable", "directory"), [("XDG_CACHE_HOME", "Cache"), ("XDG_DATA_HOME", "State")])
def test_the_unit_writes_to_directories_that_systemd_makes(variable: str, directory: str) -> None:
    """A dynamic user has no home: without these the jobs and the pictures would have no place."""
    parent = {"Cache": "/var/cache", "State": "/var/lib"}[directory]
    assert f"{variable}={parent}/{unit()[directory + 'Directory']}" in environment_of_the_unit()


def test_every_metric_of_the_dashboard_exists() -> None:
    metrics = Metrics()
    metrics.rendered("converged", 1)
    metrics.called("/a/b", "RESOURCE_EXHAUSTED", 1)
    metrics.calling("/a/b", 1)
    there = set(re.findall(r"^([a-z_]+)[ {]", generate_latest(metrics.registry).decode(), re.MULTILINE))
    there |= {name + "_total" * grows for _, name, grows, _ in COUNTED}
    dashboard = json.loads((ROOT / "deploy" / "grafana" / "reverie.json").read_text())
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    wanted = {name for expr in asked for name in re.findall(r"\b(?:reverie|process)_[a-z_]+", expr)}
    assert len(wanted) > 15
    assert wanted - there == set()


def test_every_metric_of_the_documentation_exists() -> None:
    page = (ROOT / "docs" / "production.md").read_text()
    source = (ROOT / "server" / "reverie_server" / "process" / "metrics.py").read_text()
    named = {name.removesuffix("_total") for name in re.findall(r"`(reverie_[a-z_]+?)(?:\{[a-z,]+\})?`", page)}
    assert len(named) > 10
    assert [name for name in named if f'"{name}"' not in source] == []
