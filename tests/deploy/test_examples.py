"""The examples in deploy/ say what is so: settings, commands, paths and times that Twofold has."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec.yaml
import pytest

from tests.harness.contexts import KEYS, app_for
from twofold.cli import main
from twofold.commands.show_settings import names_of_settings
from twofold.kit import spans
from twofold.kit.crypto.tokens import new_token
from twofold.operations import server, worker
from twofold.setting_values import METRICS_LISTEN, Listen
from twofold.settings import Settings, load

DEPLOY = Path(__file__).parents[2] / "deploy"
CONTAINERFILE = (DEPLOY / "Containerfile").read_text()
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
PORT, METRICS_PORT = 8000, 9464

# Requests that run, the work behind the pages, and the last spans: each is waited for in turn when a process ends.
LONGEST_END = server.GRACE + worker.STOPS_WITHIN + spans.LAST_SPANS


def manifests() -> dict[str, dict[str, Any]]:
    """Return what the Kubernetes example makes, by kind."""
    parts = (DEPLOY / "kubernetes" / "twofold.yaml").read_text().split("\n---\n")
    return {made["kind"]: made for made in map(msgspec.yaml.decode, parts)}


def pod() -> dict[str, Any]:
    spec: dict[str, Any] = manifests()["Deployment"]["spec"]["template"]["spec"]
    return spec


def containers() -> list[dict[str, Any]]:
    return [*pod()["initContainers"], *pod()["containers"]]


def understood(arguments: list[str]) -> dict[str, Any]:
    """Let the command line read the arguments of a command, without carrying it out."""
    command = main.commands[arguments[0]]
    context: click.Context = command.make_context(arguments[0], arguments[1:])
    return context.params


def paths(settings: Settings) -> set[str]:
    return {route.path for route in app_for(settings).litestar.routes}


@pytest.fixture
def kubernetes_settings() -> Settings:
    said: dict[str, str] = manifests()["Secret"]["stringData"] | manifests()["ConfigMap"]["data"]
    assert said.keys() <= set(names_of_settings({}))
    return load(said | {"TWOFOLD_KEYS": KEYS})


# --- Kubernetes


def test_the_settings_of_kubernetes_are_settings(kubernetes_settings: Settings) -> None:
    assert not kubernetes_settings.on_sqlite
    assert kubernetes_settings.secure
    assert kubernetes_settings.trusted_proxies
    assert all(network.prefixlen >= 24 for network in kubernetes_settings.trusted_proxies), "every pod could forge"


def test_every_container_runs_a_command_that_there_is() -> None:
    migrate, serve = (understood(container["args"]) for container in containers())
    assert migrate["revision"] == "head"
    assert (serve["host"], serve["port"]) == ("0.0.0.0", PORT)  # noqa: S104 - inside of a pod
    ports = {port["name"]: port["containerPort"] for port in pod()["containers"][0]["ports"]}
    assert ports == {"http": PORT, "metrics": METRICS_PORT}
    assert manifests()["Service"]["spec"]["ports"][0]["targetPort"] == PORT


def test_probes_ask_what_there_is(kubernetes_settings: Settings) -> None:
    (container,) = pod()["containers"]
    asked = {name: container[name]["httpGet"] for name in container if name.endswith("Probe")}
    assert {name: probe["path"] for name, probe in asked.items()} == {
        "startupProbe": "/readyz", "readinessProbe": "/healthz", "livenessProbe": "/healthz",
    }  # fmt: skip
    assert {probe["path"] for probe in asked.values()} <= paths(kubernetes_settings)
    assert {probe["port"] for probe in asked.values()} == {PORT}


def test_the_metrics_are_collected_from_their_own_port_and_are_not_for_everybody(kubernetes_settings: Settings) -> None:
    annotations = manifests()["Deployment"]["spec"]["template"]["metadata"]["annotations"]
    assert annotations["prometheus.io/port"] == str(METRICS_PORT)
    assert kubernetes_settings.metrics_listen == Listen("0.0.0.0", METRICS_PORT)  # noqa: S104 - inside of a pod
    assert {port["targetPort"] for port in manifests()["Service"]["spec"]["ports"]} == {PORT}
    policy = manifests()["NetworkPolicy"]["spec"]
    assert policy["policyTypes"] == ["Ingress"]
    for rule in policy["ingress"]:
        (port,) = rule["ports"]
        assert port["port"] == PORT or rule["from"], "the metrics are for everybody"
    assert {port["port"] for rule in policy["ingress"] for port in rule["ports"]} == {PORT, METRICS_PORT}


def test_a_pod_may_do_nothing_that_it_need_not() -> None:
    assert pod()["automountServiceAccountToken"] is False
    assert pod()["securityContext"]["runAsNonRoot"] is True
    assert pod()["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in containers():
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
        }  # fmt: skip


def test_a_pod_that_serves_has_a_place_for_what_its_processes_count() -> None:
    (container,) = pod()["containers"]
    (mount,) = container["volumeMounts"]
    (volume,) = pod()["volumes"]
    assert mount == {"name": volume["name"], "mountPath": "/tmp"}  # noqa: S108 - where Python looks for such a place
    assert volume["emptyDir"]["medium"] == "Memory"


def test_nodes_are_replaced_one_by_one_and_may_finish_what_runs() -> None:
    spec = manifests()["Deployment"]["spec"]
    assert spec["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    assert spec["replicas"] > manifests()["PodDisruptionBudget"]["spec"]["minAvailable"] >= 1
    assert pod()["terminationGracePeriodSeconds"] > LONGEST_END


def test_what_belongs_together_has_the_same_labels() -> None:
    labels = manifests()["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert manifests()["Deployment"]["spec"]["selector"]["matchLabels"] == labels
    assert manifests()["Service"]["spec"]["selector"] == labels
    assert manifests()["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    assert manifests()["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"] == labels
    named = {"secretRef": manifests()["Secret"], "configMapRef": manifests()["ConfigMap"]}
    for container in containers():
        for source in container["envFrom"]:
            ((kind, reference),) = source.items()
            assert reference["name"] == named[kind]["metadata"]["name"]


# --- the container


def test_the_container_is_the_one_that_kubernetes_runs(kubernetes_settings: Settings) -> None:
    (user,) = re.findall(r"^USER (\d+)$", CONTAINERFILE, re.MULTILINE)
    assert int(user) == pod()["securityContext"]["runAsUser"] == pod()["securityContext"]["fsGroup"]
    assert f"EXPOSE {PORT}" in CONTAINERFILE
    (arguments,) = re.findall(r"^CMD (\[.+\])$", CONTAINERFILE, re.MULTILINE)
    assert understood(msgspec.json.decode(arguments))["port"] == PORT
    (path,) = re.findall(rf"127\.0\.0\.1:{PORT}(/\w+)", CONTAINERFILE)
    assert path in paths(kubernetes_settings)
    assert set(re.findall(r"TWOFOLD_[A-Z_]+", CONTAINERFILE)) <= set(names_of_settings({}))


def test_the_container_installs_what_is_locked() -> None:
    for lock in re.findall(r"requirements/\w+\.txt", CONTAINERFILE):
        assert (DEPLOY.parent / lock).exists()
    for line in CONTAINERFILE.splitlines():
        if "pip install" in line:
            assert "--require-hashes" in line or "--no-index --no-build-isolation" in line


def test_the_container_installs_the_fast_hash_as_the_readme_says() -> None:
    installed = re.findall(r"--no-index --no-build-isolation (\S+)$", CONTAINERFILE, re.MULTILINE)
    assert installed == ["./packages/argon2-interleaved", "'.[fast]'"]
    assert f"--no-build-isolation {' '.join(installed)}" in (DEPLOY.parent / "README.md").read_text()


# --- systemd


def lines(unit: Path, name: str) -> Iterator[str]:
    """Yield what a unit says by a name."""
    yield from re.findall(rf"^{name}=(.*)$", unit.read_text(), re.MULTILINE)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_units_run_commands_that_there_are_and_give_them_time_to_end(unit: Path) -> None:
    for name in ("ExecStart", "ExecStartPre"):
        for line in lines(unit, name):
            program, *arguments = shlex.split(line.removeprefix("-"))
            assert Path(program).name == "twofold"
            understood(arguments)
    assert list(lines(unit, "ExecStart"))
    assert all(line.startswith("-") for line in lines(unit, "ExecStartPre")), "a finding would keep the server down"
    (seconds,) = lines(unit, "TimeoutStopSec")
    assert int(seconds) > LONGEST_END


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_units_shut_the_system_out(unit: Path) -> None:
    text = unit.read_text()
    for line in (
        "NoNewPrivileges=yes", "ProtectSystem=strict", "ProtectHome=yes", "PrivateTmp=yes", "CapabilityBoundingSet=",
        "UMask=0077", "StateDirectoryMode=0700", "User=twofold", "SystemCallErrorNumber=EPERM", "LimitCORE=0",
        "MemorySwapMax=0",
    ):  # fmt: skip
        assert re.search(rf"^{line}$", text, re.MULTILINE), line


def test_a_server_and_a_worker_on_one_machine_have_metrics_of_their_own() -> None:
    (worker,) = [unit for unit in UNITS if unit.stem == "twofold-worker"]
    said = dict(line.split("=", 1) for line in lines(worker, "Environment"))
    listen = load(said).metrics_listen
    assert listen is not None
    assert (listen.host, listen.port) == (METRICS_LISTEN.host, METRICS_LISTEN.port + 1)
    for unit in UNITS:  # systemd.exec(5): what the file says goes over it, wherever it stands
        assert list(lines(unit, "EnvironmentFile"))


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_systemd_understands_every_line_of_the_units(unit: Path, tmp_path: Path) -> None:
    """Stops: a directive that is misspelt, which systemd ignores, and with it what it was to hold."""
    text = unit.read_text()
    for program in set(re.findall(r"^Exec\w+=-?(/\S+)", text, re.MULTILINE)):
        text = text.replace(program, sys.executable)
    copy = tmp_path / unit.name
    copy.write_text(re.sub(r"^Documentation=.*$", "", text, flags=re.MULTILINE))
    for line, ok in (("", True), ("LimitKERN=0", False)):
        copy.write_text(copy.read_text().replace("LimitCORE=0", f"LimitCORE=0\n{line}"))
        done = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", str(copy)], capture_output=True, text=True, check=False
        )
        assert (unit.name not in done.stderr and done.returncode == 0) is ok, done.stderr


# --- proxies


@pytest.mark.parametrize("example", ["nginx/twofold.conf", "caddy/Caddyfile", "haproxy/haproxy.cfg"])
def test_proxies_keep_what_they_must(example: str, kubernetes_settings: Settings) -> None:
    text = (DEPLOY / example).read_text()
    assert re.search(r"X-Forwarded-For (\$remote_addr;|\{remote_host\}|%\[src\])", text)
    assert re.search(r"X-Request-ID (\$request_id;|\{http\.request\.uuid\}|%\[unique-id\])", text)
    assert set(re.findall(r"TWOFOLD_[A-Z_]+", text)) <= set(names_of_settings({}))
    links = [path for path in paths(kubernetes_settings) if path.endswith("{token:str}")]
    assert len(links) == 4
    assert "tf_[a-z]+_" in text, "secrets are known by their prefix, whatever the path: production/test_link_logs.py"
    assert new_token("reset").startswith("tf_reset_")
