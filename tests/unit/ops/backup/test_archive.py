"""The archive of certificates, accounts and state: opened, compared, and of use."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ops.backup.archive import ACCOUNTS, CERTIFICATES, as_list, hashes, pack, problems, unpack
from ops.backup.gather import NEEDED, accounts, backends, certificates, states
from ops.errors import PlatformError
from ops.state import State, open_state
from tests.unit.ops.conftest import Authority

STATE = "state/highstreetly/kind.json"


def secret(name: str, kind: str, namespace: str = "kind", **data: str) -> dict[str, Any]:
    """A Secret as the cluster has it."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": kind,
        "metadata": {"name": name, "namespace": namespace, "uid": "1", "resourceVersion": "7", "labels": {"a": "b"}},
        "data": {key.replace("_", "."): base64.b64encode(value.encode()).decode() for key, value in data.items()},
    }


@pytest.fixture(scope="module")
def pair() -> tuple[str, str]:
    """A certificate and its key."""
    return Authority().issue("shop.example.test", begins=datetime.now(UTC))


@pytest.fixture
def files(pair: tuple[str, str]) -> dict[str, bytes]:
    """What an archive holds."""
    certificate, key = pair
    return {
        CERTIFICATES: as_list([secret("shop-tls", "kubernetes.io/tls", tls_crt=certificate, tls_key=key)]),
        ACCOUNTS: as_list([secret("letsencrypt-account", "Opaque", "cert-manager", tls_key=key)]),
        STATE: json.dumps({"version": 3, "checkpoint": {"latest": {}}}).encode(),
    }


def test_an_archive_is_opened_again_as_it_was_made(files: dict[str, bytes]) -> None:
    assert unpack(pack(files)) == files
    assert pack(files) == pack(dict(reversed(files.items())))
    assert problems(pack(files), hashes(files), "kind") == []


@pytest.mark.parametrize("content", [b"", b"not an archive", b"\x1f\x8b\x08\x00garbage"])
def test_what_is_no_archive_cannot_be_opened(content: bytes, files: dict[str, bytes]) -> None:
    [problem] = problems(content, hashes(files), "kind")
    assert problem.startswith("the archive cannot be opened")


def test_an_archive_that_lost_its_end_or_a_bit_is_found(files: dict[str, bytes]) -> None:
    whole = pack(files)
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 0x10
    for damaged in (whole[:-20], whole[: len(whole) // 2], bytes(flipped)):
        assert problems(damaged, hashes(files), "kind") != []


def test_every_file_is_compared_with_what_was_stored(files: dict[str, bytes]) -> None:
    other = json.dumps({"checkpoint": {"latest": {"resources": []}}}).encode()
    assert problems(pack({**files, STATE: other}), hashes(files), "kind") == [f"{STATE} is not what was stored"]
    assert problems(pack({name: files[name] for name in (CERTIFICATES, ACCOUNTS)}), hashes(files), "kind") == [
        f"{STATE} is missing from the archive"
    ]
    more = {**files, "state/highstreetly/live.json": other}
    assert problems(pack(more), hashes(files), "kind") == ["state/highstreetly/live.json was not in the archive when it was taken"]


def test_a_certificate_without_its_key_and_an_account_without_one_are_of_no_use(pair: tuple[str, str], files: dict[str, bytes]) -> None:
    certificate, key = pair
    _, other = Authority().issue("shop.example.test", begins=datetime.now(UTC))
    spoiled = {
        **files,
        CERTIFICATES: as_list(
            [
                secret("a-good", "kubernetes.io/tls", tls_crt=certificate, tls_key=key),
                secret("b-foreign", "kubernetes.io/tls", tls_crt=certificate, tls_key=other),
                secret("c-none", "kubernetes.io/tls", tls_crt=certificate),
            ]
        ),
        ACCOUNTS: as_list([secret("account", "Opaque", tls_key="garbage")]),
        STATE: b"{}",
    }
    assert problems(pack(spoiled), hashes(spoiled), "kind") == [
        "accounts.json: account holds no key",
        "certificates.json: b-foreign has the key of another certificate",
        "certificates.json: c-none holds no certificate with its key",
        f"{STATE} holds no checkpoint",
    ]


def test_secrets_are_kept_as_kubectl_applies_them_without_what_belongs_to_their_cluster(files: dict[str, bytes]) -> None:
    [item] = json.loads(files[CERTIFICATES])["items"]
    assert item["metadata"] == {"name": "shop-tls", "namespace": "kind", "labels": {"a": "b"}}
    assert (item["kind"], item["type"]) == ("Secret", "kubernetes.io/tls")


def test_certificates_are_taken_and_other_secrets_are_not() -> None:
    issuing = secret("issuing", "kubernetes.io/tls")
    found = certificates([secret("shop-tls", "kubernetes.io/tls", tls_crt="x"), issuing, secret("orders-database", "Opaque", a="b")])
    assert [one["metadata"]["name"] for one in found] == ["shop-tls"]


def test_the_accounts_of_acme_issuers_are_taken() -> None:
    issuers: list[dict[str, Any]] = [
        {"spec": {"acme": {"privateKeySecretRef": {"name": "letsencrypt-account"}}}},
        {"spec": {"acme": {"privateKeySecretRef": {"name": "not-registered-yet"}}}},
        {"spec": {"selfSigned": {}}},
    ]
    kept = [secret("letsencrypt-account", "Opaque", tls_key="k"), secret("digitalocean-token", "Opaque", token="t")]
    assert [one["metadata"]["name"] for one in accounts(issuers, kept)] == ["letsencrypt-account"]


def keep_states(folder: Path, *names: str) -> State:
    """A backend with these files of the engine's."""
    for name in names:
        path = folder / ".pulumi" / "stacks" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return open_state(f"file://{folder}")


def test_the_state_of_every_stack_is_taken_of_all_projects_and_not_the_engine_s_own_copies(tmp_path: Path) -> None:
    copies = ("highstreetly/kind.json.bak", "highstreetly/kind.json.attrs")
    here = keep_states(tmp_path / "a", "highstreetly/kind.json", "highstreetly-alerts/live.json", *copies)
    there = keep_states(tmp_path / "b", "highstreetly-esxi/datacenter.json")
    names = ("highstreetly/kind.json", "highstreetly-alerts/live.json", "highstreetly-esxi/datacenter.json")
    assert states([here, there], NEEDED["datacenter"]) == {f"state/{name}": name.encode() for name in names}


def test_a_backup_without_the_state_of_a_project_that_it_needs_is_none(tmp_path: Path) -> None:
    state = keep_states(tmp_path, "highstreetly/live.json")
    assert list(states([state], NEEDED["local"])) == ["state/highstreetly/live.json"]
    with pytest.raises(PlatformError, match="no state of any stack of highstreetly-esxi") as failed:
        states([state], NEEDED["datacenter"])
    assert "HS_ESXI_BACKEND_URL" in failed.value.remedy


def test_the_machines_state_is_looked_for_where_it_lies_and_never_by_the_local_estate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = keep_states(tmp_path, "highstreetly/live.json")
    monkeypatch.setenv("HS_ESXI_BACKEND_URL", f"file://{tmp_path}/b")
    assert len(backends(state, "live")) == 2
    assert backends(state, "kind") == [state]
    monkeypatch.delenv("HS_ESXI_BACKEND_URL")
    assert backends(state, "live") == [state]
