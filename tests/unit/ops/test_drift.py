"""What differs from what was deployed, told from the events of a refresh."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from pulumi.automation import EngineEvent

from ops.drift import as_document, find, given, show_drift
from ops.rights import foreign
from tests.unit.ops.engine_events import SECRET, deployment, looked_at, parent

ORDERS_API = parent("Workload", "orders-api")
OWN = "pulumi-kubernetes-0a1b2c3d"
CONTAINER = 'k:{"name":"api"}'


def writer(manager: str, fields: dict[str, Any], **more: str) -> dict[str, Any]:
    return {"manager": manager, "operation": "Update", "time": "2026-07-01T12:00:00Z", "fieldsV1": fields, **more}


def spec(inner: dict[str, Any]) -> dict[str, Any]:
    return {"f:spec": inner}


def in_container(inner: dict[str, Any]) -> dict[str, Any]:
    return spec({"f:template": {"f:spec": {"f:containers": {CONTAINER: inner}}}})


def live(inputs: dict[str, Any], *managers: dict[str, Any]) -> dict[str, Any]:
    found = copy.deepcopy(inputs)
    found["__fieldManager"] = OWN
    found["status"] = {"replicas": 2}
    own = writer(OWN, spec({"f:replicas": {}}))
    status = writer("kube-controller-manager", {"f:status": {"f:replicas": {}}}, subresource="status")
    found["metadata"]["managedFields"] = [own, status, *managers]
    return found


def lines(*events: EngineEvent) -> list[str]:
    return [str(one) for one in find(events)]


def looked_at_deployment(op: str, now: dict[str, Any], *managers: dict[str, Any], paths: tuple[str, ...] = ()) -> EngineEvent:
    deployed = deployment(PORT="80")
    declared = now if paths else deployed
    return looked_at(op, "Deployment", "d", old=deployed, new=declared, live=live(now, *managers), paths=paths, of=ORDERS_API)


def test_an_untouched_object_has_no_drift() -> None:
    assert lines(looked_at_deployment("same", deployment(PORT="80"))) == []


def test_replicas_that_somebody_scaled_are_told_with_who() -> None:
    scaled = looked_at_deployment(
        "update",
        deployment(replicas=5, PORT="80"),
        writer("kubectl", spec({"f:replicas": {}}), subresource="scale"),
        paths=("spec.replicas",),
    )
    assert lines(scaled) == ["orders-api: replicas 5 instead of 2 (by kubectl at 2026-07-01T12:00:00Z)"]


def test_an_edited_image_and_variable_are_told_by_name() -> None:
    now = deployment(image="other:1", PORT="81")
    fields: dict[str, Any] = {"f:image": {}, "f:env": {'k:{"name":"PORT"}': {"f:value": {}}}}
    paths = ("spec.template.spec.containers[0].image", "spec.template.spec.containers[0].env[0].value")
    [line] = lines(looked_at_deployment("update", now, writer("kubectl-edit", in_container(fields)), paths=paths))
    assert "image other:1 instead of highstreetly/orders-api:1.4.0 (by kubectl-edit at 2026-07-01T12:00:00Z)" in line
    assert "env PORT 81 instead of 80 (by kubectl-edit at 2026-07-01T12:00:00Z)" in line


def test_a_variable_that_somebody_added_is_drift_although_the_engine_sees_none() -> None:
    added: dict[str, Any] = {"f:env": {'k:{"name":"DEBUG"}': {".": {}, "f:name": {}, "f:value": {}}}}
    event = looked_at_deployment("same", deployment(PORT="80", DEBUG="1"), writer("kubectl-set", in_container(added)))
    assert lines(event) == ["orders-api: env DEBUG 1 added (by kubectl-set at 2026-07-01T12:00:00Z)"]


@pytest.mark.parametrize(
    ("where", "told"),
    [
        (("spec", "hostNetwork"), "hostNetwork yes added"),
        (("metadata", "labels", "team"), "label team yes added"),
        (("metadata", "annotations", "team"), "annotation team yes added"),
    ],
)
def test_what_somebody_added_anywhere_else_is_told_too(where: tuple[str, ...], told: str) -> None:
    now: dict[str, Any] = deployment(PORT="80")
    fields: dict[str, Any] = {}
    inner = now
    for step in where[:-1]:
        inner = inner.setdefault(step, {})
    inner[where[-1]] = True
    for step in reversed(where):
        fields = {f"f:{step}": fields}
    [line] = lines(looked_at_deployment("same", now, writer("kubectl-patch", fields)))
    assert told in line


def test_a_restart_by_hand_and_what_controllers_note_is_no_drift() -> None:
    now = deployment(PORT="80")
    now["spec"]["template"]["metadata"]["annotations"] = {"kubectl.kubernetes.io/restartedAt": "2026-07-01"}
    now["metadata"]["finalizers"] = ["somebody/waits"]
    now["metadata"]["annotations"] = {"deployment.kubernetes.io/revision": "2"}
    noted: dict[str, Any] = {"f:metadata": {"f:annotations": {"f:deployment.kubernetes.io/revision": {}}}}
    revision = writer("kube-controller-manager", noted, subresource="status")
    restarted: dict[str, Any] = {"f:template": {"f:metadata": {"f:annotations": {".": {}, "f:kubectl.kubernetes.io/restartedAt": {}}}}}
    finalizer = writer("a-controller", {"f:metadata": {"f:finalizers": {".": {}, 'v:"somebody/waits"': {}}}})
    assert lines(looked_at_deployment("same", now, writer("kubectl-rollout", spec(restarted)), finalizer, revision)) == []


def test_a_value_that_somebody_set_and_set_back_is_no_drift() -> None:
    back = writer("kubectl", spec({"f:replicas": {}}), subresource="scale")
    assert lines(looked_at_deployment("same", deployment(PORT="80"), back)) == []


def test_a_port_whose_protocol_is_not_declared_is_still_the_declared_one() -> None:
    deployed = deployment()
    deployed["spec"]["ports"] = [{"port": 80}]
    now = copy.deepcopy(deployed)
    now["spec"]["ports"] = [{"port": 80, "protocol": "TCP"}]
    touched = writer("kubectl-edit", spec({"f:ports": {'k:{"port":80,"protocol":"TCP"}': {"f:port": {}}}}))
    assert lines(looked_at("same", "Service", "s", old=deployed, new=deployed, live=live(now, touched))) == []


def test_an_object_that_is_gone_is_missing() -> None:
    gone = looked_at("delete", "NetworkPolicy", "n", old={"metadata": {"name": "orders-api"}}, of=ORDERS_API)
    assert lines(gone) == ["orders-api: NetworkPolicy is missing"]


def test_a_record_a_grant_and_a_permission_are_told_with_old_and_new() -> None:
    record = {"domain": "example.test", "name": "shop", "type": "A", "value": "192.0.2.1"}
    grant = {"role": "test_orders_app", "objectType": "schema", "schema": "public", "database": "test_orders", "privileges": ["USAGE"]}
    permission = {"user": "test_orders", "vhost": "test", "permissions": {"write": "^orders"}}
    found = lines(
        looked_at("update", "DnsRecord", "r", old=record, new={**record, "value": "192.0.2.9"}, paths=("value",)),
        looked_at("update", "Grant", "g", old=grant, new={**grant, "privileges": ["CREATE", "USAGE"]}, paths=("privileges",)),
        looked_at("update", "Grant", "h", old=grant, new={**grant, "privileges": []}, paths=("privileges",)),
        looked_at(
            "update", "Permissions", "p", old=permission, new={**permission, "permissions": {"write": ".*"}}, paths=("permissions.write",)
        ),
    )
    assert found == [
        "of test_orders in test: broker permission: permissions.write .* instead of ^orders",
        "of test_orders_app on schema public of test_orders: grant: privileges CREATE, USAGE instead of USAGE",
        "of test_orders_app on schema public of test_orders: grant: privileges none instead of USAGE",
        "shop.example.test: DNS record: value 192.0.2.9 instead of 192.0.2.1",
    ]


def test_what_the_official_plugins_inputs_leave_out_is_told_by_what_is_there() -> None:
    grant = {"role": "test_orders_app", "objectType": "schema", "schema": "public", "database": "test_orders", "privileges": ["USAGE"]}
    found = lines(
        looked_at(
            "update", "Grant", "g", old=grant, new={**grant, "privileges": ["CREATE"]},
            live={**grant, "privileges": ["CREATE", "USAGE"]}, paths=("privileges[0]",),
        ),
        looked_at("update", "User", "u", old={"name": "test_shops", "tags": []}, new={"name": "test_shops", "tags": []},
                  live={"name": "test_shops", "tags": ["administrator"]}, paths=("tags",)),
    )  # fmt: skip
    assert found == [
        "of test_orders_app on schema public of test_orders: grant: privileges CREATE, USAGE instead of USAGE",
        "test_shops: broker user: tags administrator instead of none",
    ]


def test_two_elements_of_a_set_of_privileges_are_told_as_one_field() -> None:
    grant = {"role": "test_orders_app", "objectType": "table", "schema": "public", "database": "d", "privileges": ["SELECT", "INSERT"]}
    now = {**grant, "privileges": ["SELECT", "UPDATE", "DELETE"]}
    [found] = find([looked_at("update", "Grant", "g", old=grant, new=now, live=now, paths=("privileges[0]", "privileges[1]"))])
    [field] = as_document("test", [found])["drift"][0]["fields"]
    assert (field["path"], field["old"], field["new"]) == ("privileges", "INSERT, SELECT", "DELETE, SELECT, UPDATE")


def test_a_membership_that_is_gone_is_told_with_who_is_no_member_of_what() -> None:
    gone = looked_at("delete", "GrantRole", "orders-admin", old={"role": "platform", "grantRole": "test_orders_owner"})
    assert lines(gone) == ["of platform in test_orders_owner: membership is missing"]


def test_no_value_of_a_secret_is_told() -> None:
    deployed = {"metadata": {"name": "orders-database"}, "stringData": SECRET}
    now = {"metadata": {"name": "orders-database"}, "stringData": SECRET, "data": {"EXTRA": "Z2VoZWlt"}}
    added = writer("kubectl-edit", {"f:data": {"f:EXTRA": {}}})
    found = find([looked_at("update", "Secret", "s", old=deployed, new=deployed, live=live(now, added), paths=("stringData",))])
    assert "Z2VoZWlt" not in str(as_document("test", found))
    assert "(secret)" in str(found[0])


ENV = "spec.template.spec.containers[0].env"


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("STRIPE_API_KEY", "geheim", "env STRIPE_API_KEY (secret) added"),
        ("DB_PASSWORD", "geheim", "env DB_PASSWORD (secret) added"),
        ("NOTE", "use sk_live_geheim1234", "env NOTE use *** added"),
        ("ADDRESS", "postgres://orders:geheim@10.0.0.1/x", "env ADDRESS postgres://orders:***@10.0.0.1/x added"),
    ],
)
def test_a_secret_that_somebody_typed_into_a_variable_is_told_without_its_value(name: str, value: str, told: str) -> None:
    added: dict[str, Any] = {"f:env": {f'k:{{"name":"{name}"}}': {".": {}, "f:name": {}, "f:value": {}}}}
    now = deployment(PORT="80")
    now["spec"]["template"]["spec"]["containers"][0]["env"].append({"name": name, "value": value})
    event = looked_at_deployment("same", now, writer("kubectl-set", in_container(added)))
    assert told in lines(event)[0]
    assert "geheim" not in str(as_document("test", find([event])))


def test_a_secret_that_somebody_typed_over_a_variable_or_beside_one_is_told_without_its_value() -> None:
    old, new = deployment(TOKEN="geheim", PORT="80"), deployment(TOKEN="streng", PORT="81")
    new["spec"]["template"]["spec"]["containers"].append({"name": "by-hand", "env": [{"name": "API_KEY", "value": "geheim"}]})
    paths = (f"{ENV}[0].value", f"{ENV}[1].value", "spec.template.spec.containers[1]")
    found = find([looked_at("update", "Deployment", "d", old=old, new=new, live=live(new), paths=paths, of=ORDERS_API)])
    assert "env TOKEN is another, and not shown" in str(found[0])
    assert "env PORT 81 instead of 80" in str(found[0])
    assert "API_KEY" in str(found[0])
    assert not any(word in str(as_document("test", found)) for word in ("geheim", "streng"))


def test_what_was_added_is_told_although_its_name_begins_like_another_s_that_differs() -> None:
    deployed = {"metadata": {"name": "orders-api", "labels": {"team": "orders"}}, "spec": {"replicas": 1}}
    now = {"metadata": {"name": "orders-api", "labels": {"team": "shops", "team2": "payments"}}, "spec": {"replicas": 1}}
    by_hand = writer("kubectl-label", {"f:metadata": {"f:labels": {"f:team": {}, "f:team2": {}}}})
    event = looked_at("update", "Service", "s", old=deployed, new=now, live=live(now, by_hand), paths=("metadata.labels.team",))
    [one] = find([event])
    assert [difference.field.name for difference in one.differences] == ["label team", "label team2"]
    assert one.removal is not None, "what was added is taken away"


def test_components_and_providers_have_no_drift() -> None:
    assert lines(looked_at("delete", "Workload", "orders-api", old={}), looked_at("update", "Provider", "p", old={}, new={})) == []


def test_the_document_says_whether_anything_differs() -> None:
    gone = looked_at("delete", "NetworkPolicy", "n", old={"metadata": {"name": "orders-api"}}, of=ORDERS_API)
    drift = {"kind": "NetworkPolicy", "name": "orders-api", "owner": "orders-api", "drift": "missing", "fields": []}
    assert as_document("test", find([gone])) == {"environment": "test", "drifted": True, "drift": [drift]}
    assert as_document("test", []) == {"environment": "test", "drifted": False, "drift": []}


def test_the_remedy_restores_what_no_deploy_would(capsys: pytest.CaptureFixture[str]) -> None:
    added: dict[str, Any] = {"f:env": {'k:{"name":"DEBUG"}': {"f:value": {}}}}
    event = looked_at_deployment("same", deployment(PORT="80", DEBUG="1"), writer("kubectl-set", in_container(added)))
    [one] = found = find([event])
    show_drift("test", found)
    assert "./hs drift test --fix" in capsys.readouterr().out
    assert not one.is_seen_by_engine
    assert one.removal is not None
    path = "/spec/template/spec/containers/0/env/1"
    assert [operation["path"] for operation in one.removal.operations] == [path, path]


def test_what_differs_and_what_was_added_are_restored_each_in_its_way() -> None:
    added: dict[str, Any] = {"f:env": {'k:{"name":"DEBUG"}': {"f:value": {}}}}
    scaled = looked_at_deployment(
        "update",
        deployment(replicas=5, PORT="80", DEBUG="1"),
        writer("kubectl-set", in_container(added)),
        paths=("spec.replicas",),
    )
    [one] = find([scaled])
    assert one.is_seen_by_engine
    assert one.removal is not None
    assert [operation["op"] for operation in one.removal.operations] == ["test", "remove"]
    [gone] = find([looked_at("delete", "NetworkPolicy", "n", old={"metadata": {"name": "n"}}, of=ORDERS_API)])
    assert gone.is_seen_by_engine
    assert gone.removal is None


def test_a_right_that_another_context_s_role_was_given_is_drift() -> None:
    rows = [
        ("table", "orders", "test_orders_app", ["INSERT", "SELECT"]),
        ("table", "orders", "test_orders_owner", ["SELECT"]),
        ("schema", "public", "public", ["USAGE"]),
        ("table", "orders", "test_shops_app", ["SELECT"]),
        ("table", "orders", "public", ["SELECT"]),
        ("role", "test_orders_owner", "test_shops_app", ["MEMBER"]),
    ]
    assert [str(given(right)) for right in foreign("orders", "test_orders_owner", rows)] == [
        "orders: right of public on table orders: privileges SELECT added",
        "orders: right of test_shops_app on role test_orders_owner: privileges MEMBER added",
        "orders: right of test_shops_app on table orders: privileges SELECT added",
    ]


def test_a_peer_that_somebody_let_in_is_told_although_the_engine_sees_none() -> None:
    def policy(*callers: str) -> dict[str, Any]:
        peers = [{"podSelector": {"matchLabels": {"app.kubernetes.io/name": caller}}} for caller in callers]
        return {"metadata": {"name": "orders-api"}, "spec": {"ingress": [{"ports": [{"port": 8080}], "from": peers}]}}

    patched = writer("kubectl-patch", spec({"f:ingress": {}}))
    now = live(policy("shop", "intruder"), patched)
    event = looked_at("same", "NetworkPolicy", "n", old=policy("shop"), new=policy("shop"), live=now, of=ORDERS_API)
    told = "from intruder TCP 8080 allowed instead of refused (by kubectl-patch at 2026-07-01T12:00:00Z)"
    assert lines(event) == [f"orders-api: NetworkPolicy: {told}"]
    assert find([event])[0].differences[0].added


def test_an_entry_that_somebody_added_to_a_list_written_as_a_whole_is_told() -> None:
    deployed = {"metadata": {"name": "shop"}, "spec": {"rules": [{"host": "a"}, {"host": "b"}]}}
    now = {"metadata": {"name": "shop"}, "spec": {"rules": [{"host": "a", "pathType": "Prefix"}, {"host": "x"}, {"host": "b"}]}}
    event = looked_at(
        "same", "Ingress", "i", old=deployed, new=deployed, live=live(now, writer("kubectl-edit", spec({"f:rules": {}}))), of=ORDERS_API
    )
    [line] = lines(event)
    assert 'rules[1] {"host": "x"} added (by kubectl-edit' in line
    defaulted = {"metadata": {"name": "shop"}, "spec": {"rules": [{"host": "a", "pathType": "Prefix"}, {"host": "b"}]}}
    same = live(defaulted, writer("kubectl-edit", spec({"f:rules": {}})))
    assert lines(looked_at("same", "Ingress", "i", old=deployed, new=deployed, live=same)) == []


def test_a_field_that_was_never_declared_is_told_from_what_is_there() -> None:
    role = {"name": "test_shops_app"}
    event = looked_at("update", "Role", "r", old=role, new=role, live={**role, "roles": ["test_orders_owner"]}, paths=("roles",))
    assert lines(event) == ["test_shops_app: database role: roles test_orders_owner added"]


def test_what_is_missing_is_told_once_although_the_program_still_declares_it() -> None:
    declared = {"metadata": {"name": "orders"}, "spec": {"podSelector": {}, "ingress": [{"ports": [{"port": 8080}]}]}}
    gone = looked_at("delete", "NetworkPolicy", "orders", old=declared, of=ORDERS_API)
    declared_again = looked_at("same", "NetworkPolicy", "orders", old=declared, new=declared, live={}, of=ORDERS_API)
    assert len(find([gone, declared_again])) == 1
    assert find([gone, declared_again])[0].as_json()["drift"] == "missing"
