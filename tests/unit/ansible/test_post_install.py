"""post_install.yml, run for real: a control plane's files lie below a folder; kubectl, etcdctl, systemctl and the API have stand-ins."""

from __future__ import annotations

import base64
import json
import re
import shutil
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.ansible.conftest import ANSIBLE, Play
from tests.unit.sonicwall.conftest import self_signed

PLANE = "control-plane1"
"""The one that is played; the two others are the same, and only counted."""
KUBECONFIG = """apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://127.0.0.1:6443", certificate-authority-data: CA}}]
users: [{name: admin, user: {client-key-data: the-key-of-the-administrator}}]
"""
PROGRAM = """#!/bin/sh
# One program under several names: it notes what it is asked, and answers from files, which a test may change.
name="${0##*/}"; cd FOLDER
echo "$name $*" | tr '\n' ' ' | sed 's/ --kubeconfig [^ ]*//; s/ --endpoints=[^ ]*//; s/ jsonpath=.*//; s/ *$//' >> calls; echo >> calls
case "$name $*" in
  *'get nodes'*) cat nodes ;;
  *'get secret '*) cat canary ;;
  *'create secret '*) echo secret/platform-at-rest > canary ;;
  *'endpoint health'*) cat members ;;
  *'get /registry/secrets/'*) cat secrets ;;
  'systemctl show '*) test -e "started-$2" && echo ActiveState=active || echo ActiveState=inactive; echo LoadState=loaded ;;
  'systemctl is-enabled '*) test -e "enabled-$2" && echo enabled || { echo disabled; exit 1; } ;;
  'systemctl enable '*) touch "enabled-$2" ;;
  'systemctl start etcd-snapshot.timer') touch "started-$2" ;;
esac
"""
HS = """#!/bin/sh
cd FOLDER
[ "$1" = inventory ] && exec cat checkout/inventory.json
echo "hs $* KUBECONFIG=${KUBECONFIG##*/}" >> calls
[ -e deployed ] && exit 0
touch deployed; echo '12 created' >&2
"""


def stored(name: str, value: str) -> dict[str, str]:
    """A Secret as etcdctl shows it."""
    return {"key": base64.b64encode(f"/registry/secrets/{name}".encode()).decode(), "value": base64.b64encode(value.encode()).decode()}


ENCRYPTED = json.dumps({"kvs": [stored("live/database", "k8s:enc:secretbox:v1:key1:…")]})
IN_PLAIN = json.dumps({"kvs": [stored("live/broker", "k8s:enc:secretbox:v1:key1:…"), stored("live/database", "a password")]})
ONE_ILL = json.dumps([{"health": True}, {"health": True}, {"health": False}])


class Cluster:
    """A folder that stands for the datacenter: what its programs answer, and what they were asked."""

    def __init__(self, folder: Path, described: dict[str, Any]) -> None:
        self.folder = folder
        self.api: list[str] = []
        machines = described["_meta"]["hostvars"]
        places = {
            name: machines[name]["node_labels"]["topology.kubernetes.io/zone"] for name in machines if "node_labels" in machines[name]
        }
        self.answer("nodes", "".join(f"{name} {zone} True\n" for name, zone in places.items()))
        self.answer("members", json.dumps([{"health": True}] * 3))
        self.answer("secrets", ENCRYPTED)
        self.answer("canary", "")
        self.answer("calls", "")

    def answer(self, name: str, text: str) -> None:
        """Have the programs answer so."""
        (self.folder / name).write_text(text)

    def calls(self) -> list[str]:
        """What was asked since the last time."""
        asked = (self.folder / "calls").read_text().splitlines()
        self.answer("calls", "")
        return asked

    def file(self, path: str) -> Path:
        """A file of the control plane."""
        return self.folder / PLANE / path


def placed(value: Any, folder: str) -> Any:
    """A part of a playbook with all absolute paths below ``folder``, nobody's files, and no time between two tries."""
    if isinstance(value, dict):
        kept = {key: placed(item, folder) for key, item in value.items() if key not in ("owner", "group")}
        return kept | ({"retries": 2, "delay": 0} if "retries" in kept else {})
    if isinstance(value, list):
        return [placed(item, folder) for item in value]
    if isinstance(value, str):
        return re.sub(r"(?<![\w.}/])/(etc|usr/local|var)/", rf"{folder}/{{{{ inventory_hostname }}}}/\1/", value)
    return value


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, int, list[str]]]:
    """An API server that is ready: its certificate, its port, and the paths that it was asked for."""
    folder, asked = self_signed(tmp_path_factory.mktemp("api")), []

    class Api(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *words: Any) -> None:
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "firewall.crt", folder / "firewall.key")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield folder / "firewall.crt", server.server_port, asked
    server.shutdown()
    server.server_close()


@pytest.fixture
def cluster(tmp_path: Path, checkout: Path, described: dict[str, Any], served: tuple[Path, int, list[str]]) -> Cluster:
    """A finished cluster that post_install.yml has not seen yet."""
    certificate, port, asked = served
    found = Cluster(tmp_path, described)
    shutil.copytree(checkout, tmp_path / "checkout", symlinks=True, ignore=shutil.ignore_patterns("home", "roles"))
    (tmp_path / "checkout" / "ansible" / "roles").mkdir()
    playbook = placed(yaml.safe_load((ANSIBLE / "post_install.yml").read_text()), str(tmp_path))
    text = yaml.safe_dump(playbook, sort_keys=False, width=1000).replace(":6443", f":{port}")
    (tmp_path / "checkout" / "ansible" / "post_install.yml").write_text(text)
    programs = [tmp_path / "bin" / "systemctl"]
    for folder in ("etc/kubernetes/ssl", "etc/platform", "etc/systemd/system", "usr/local/bin", "usr/local/sbin"):
        found.file(folder).mkdir(parents=True)
    authority = base64.b64encode(certificate.read_bytes()).decode()
    found.file("etc/kubernetes/admin.conf").write_text(KUBECONFIG.replace("CA}", f"{authority}}}"))
    shutil.copy(certificate, found.file("etc/kubernetes/ssl/ca.crt"))
    programs += [found.file(f"usr/local/bin/{program}") for program in ("kubectl", "etcdctl.sh")]
    for program in [*programs, tmp_path / "checkout" / "hs"]:
        program.parent.mkdir(exist_ok=True)
        program.write_text((HS if program.name == "hs" else PROGRAM).replace("FOLDER", str(tmp_path)))
        program.chmod(0o755)
    asked.clear()
    found.api = asked
    return found


@pytest.fixture
def post_install(ansible: Play, cluster: Cluster) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Plays it on this computer, which stands for the control plane."""
    folder = cluster.folder
    everywhere = {"ansible_connection": "local", "ansible_become": False, "ip": "127.0.0.1", "kube_vip_address": "127.0.0.1"}
    everywhere["ansible_python_interpreter"] = "{{ ansible_playbook_python }}"

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        checkout = folder / "checkout" / "ansible"
        given = ("--inventory", checkout / "inventory" / "estate", "--limit", f"{PLANE},localhost", "--extra-vars", json.dumps(everywhere))
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PATH", f"{folder / 'bin'}", prepend=":")
            return ansible("ansible-playbook", checkout / "post_install.yml", *given, *words, XDG_DATA_HOME=str(folder / "home"))

    return run


def changed(run: subprocess.CompletedProcess[str]) -> int:
    """How many tasks changed something; the run must have come to its end."""
    assert run.returncode == 0, run.stdout + run.stderr
    return sum(int(count) for count in re.findall(r"changed=(\d+)", run.stdout))


LOOKED = [
    "etcdctl.sh endpoint health --cluster --write-out=json",
    "kubectl get nodes --output",
    "kubectl get secret platform-at-rest --namespace=kube-system --ignore-not-found --output=name",
]
READ = "etcdctl.sh get /registry/secrets/ --prefix --write-out=json"


def without_questions(calls: list[str]) -> list[str]:
    """Calls but for systemctl's that only ask."""
    return [call for call in calls if not call.startswith(("systemctl show", "systemctl is-", "systemctl list"))]


def test_a_new_cluster_is_looked_at_then_prepared_then_deployed_to_and_a_second_run_changes_nothing(
    cluster: Cluster, post_install: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    first = post_install()
    assert changed(first) > 0
    made = without_questions(cluster.calls())
    assert made[:5] == [*LOOKED, "kubectl create secret generic platform-at-rest --namespace=kube-system --from-literal=secret=no", READ]
    wanted = ["daemon-reload", "enable etcd-snapshot.timer", "start etcd-snapshot.timer", "start etcd-snapshot.service"]
    assert made[5:] == [*(f"systemctl {call}" for call in wanted), "hs up cluster KUBECONFIG=kubeconfig"]
    assert cluster.api == ["/readyz", "/readyz"]  # the control plane's own, and through the virtual address

    assert changed(post_install()) == 0
    assert without_questions(cluster.calls()) == [*LOOKED, READ, "hs up cluster KUBECONFIG=kubeconfig"]
    left_behind(cluster, first.stdout)


def left_behind(cluster: Cluster, said: str) -> None:
    """What a run leaves: the mark of a finished cluster, the nightly snapshot, and a kubeconfig that is its owner's alone."""
    assert cluster.file("etc/platform/cluster").is_file()
    snapshot = cluster.file("usr/local/sbin/etcd-snapshot")
    assert snapshot.stat().st_mode & 0o777 == 0o755
    assert subprocess.run(["sh", "-n", snapshot], check=False).returncode == 0
    assert "OnCalendar=*-*-* 02:00:00" in cluster.file("etc/systemd/system/etcd-snapshot.timer").read_text()
    kubeconfig = cluster.folder / "home" / "highstreetly" / "datacenter" / "kubeconfig"
    assert kubeconfig.stat().st_mode & 0o777 == 0o600
    assert "the-key-of-the-administrator" in kubeconfig.read_text()
    assert "the-key-of-the-administrator" not in said


@pytest.mark.parametrize(
    ("gate", "name", "answer", "said"),
    [
        ("Ask every member of etcd how it is", "members", ONE_ILL, "etcd should have 3 healthy members"),
        (
            "Ask for the nodes until all are ready and bear the label of their host",
            "nodes",
            "worker0 esxi1 True\n",
            "not wanted: ['worker0 esxi1",
        ),
        ("Look for Secrets that etcd holds in plain", "secrets", IN_PLAIN, "etcd holds Secrets in plain: /registry/secrets/live/database"),
    ],
    ids=["etcd", "nodes", "secrets"],
)
def test_a_cluster_that_is_not_what_was_promised_stops_the_run_before_anything_stands_on_it(
    cluster: Cluster, post_install: Callable[..., subprocess.CompletedProcess[str]], gate: str, name: str, answer: str, said: str
) -> None:
    cluster.answer(name, answer)
    run = post_install("--start-at-task", gate)  # the earlier ones are passed; a start is a second each
    assert run.returncode != 0
    assert said in run.stdout
    assert "a password" not in run.stdout
    assert [call for call in cluster.calls() if call.startswith(("hs", "systemctl"))] == []
    assert not cluster.file("etc/platform/cluster").exists()
