"""What a run changes, told from the engine's events."""

from __future__ import annotations

import json

import pytest
from pulumi.automation import EngineEvent

from ops.changes import as_json, collect, counts, in_words, markdown
from ops.preview import show
from tests.unit.ops.engine_events import SECRET, STACK, deployment, parent, planned

ORDERS_API = parent("Workload", "orders-api")
ORDERS = parent("Database", "orders")
MIGRATION = parent("Migration", "orders")
SHOP = parent("PublicHost", "shop-example-test")
IMAGE = "spec.template.spec.containers[0].image"
RECORD = {"domain": "example.test", "name": "shop", "type": "A", "value": "192.0.2.1", "ttl": 300}
V4, V5, V6 = (f"V{number}__x.sql.piece-0000" for number in (4, 5, 6))


def scripts(*names: str) -> dict[str, object]:
    return {"metadata": {"name": f"orders-migration-{len(names)}"}, "data": dict.fromkeys(names, "CREATE TABLE …")}


def words(*events: EngineEvent) -> list[str]:
    return in_words(collect(events))


def test_a_new_version_of_a_service_is_one_line_without_what_follows_from_it() -> None:
    old, new = deployment(VERSION="1.4.0"), deployment(image="highstreetly/orders-api:1.4.1", VERSION="1.4.1")
    label = 'metadata.labels["app.kubernetes.io/version"]'
    paths = (label, IMAGE, f"spec.template.{label}", "spec.template.spec.containers[0].env[0].value")
    event = planned("update", "Deployment", "orders-api-deployment", old=old, new=new, paths=paths, of=ORDERS_API)
    assert words(event) == ["orders-api: image 1.4.0 → 1.4.1"]


def test_the_same_version_pushed_again_is_told_by_its_digest() -> None:
    old, new = (deployment(image=f"highstreetly/orders-api:1.4.0@sha256:{letter * 64}") for letter in "ab")
    event = planned("update", "Deployment", "d", old=old, new=new, paths=(IMAGE,), of=ORDERS_API)
    assert words(event) == ["orders-api: image 1.4.0 (aaaaaaaa) → 1.4.0 (bbbbbbbb)"]


def test_an_image_of_another_repository_is_told_whole() -> None:
    old, new = deployment(image="one/api:1"), deployment(image="two/api:1")
    event = planned("update", "Deployment", "d", old=old, new=new, paths=(IMAGE,), of=ORDERS_API)
    assert words(event) == ["orders-api: image one/api:1 → two/api:1"]


def test_replicas_and_variables_are_told_with_their_values() -> None:
    old, new = deployment(PORT="80", CALLS="shops"), deployment(replicas=3, EARLY="1", PORT="8080")
    paths = ("spec.replicas", *(f"spec.template.spec.containers[0].env[{index}].name" for index in (0, 1)))
    event = planned("update", "Deployment", "d", old=old, new=new, paths=paths, of=ORDERS_API)
    assert words(event) == ["orders-api: replicas 2 → 3, env PORT 80 → 8080, env CALLS shops → nothing, env EARLY nothing → 1"]


def test_a_variable_before_others_leaves_the_others_unsaid() -> None:
    old, new = deployment(A="1", B="2"), deployment(NEW="0", A="1", B="2")
    paths = tuple(f"spec.template.spec.containers[0].env[{index}]" for index in range(3))
    event = planned("update", "Deployment", "d", old=old, new=new, paths=paths, of=ORDERS_API)
    assert words(event) == ["orders-api: env NEW nothing → 0"]


def test_a_service_comes_and_goes_with_all_that_belongs_to_it() -> None:
    services = [("create", "Deployment"), ("create", "Service"), ("create", "NetworkPolicy")]
    come = [planned(op, kind, kind, new=deployment(), of=ORDERS_API) for op, kind in services]
    go = [
        planned("delete", kind, kind, old=deployment("payments-receiver"), of=parent("Workload", "payments-receiver"))
        for kind in ("Deployment", "Service")
    ]
    assert words(*come, *go) == ["orders-api: is deployed", "payments-receiver: is removed"]


def test_a_new_database_is_one_line() -> None:
    database = planned("create", "Database", "orders-database", new={"name": "test_orders"}, of=ORDERS)
    others = [planned("create", kind, kind, new={"name": kind, "password": SECRET}, of=ORDERS) for kind in ("Role", "RandomPassword")]
    assert words(database, *others) == ["orders: database test_orders is created"]


def test_a_dns_record_is_told_by_its_full_name() -> None:
    created = planned("create", "DnsRecord", "r", new=RECORD, of=SHOP)
    apex = planned("create", "DnsRecord", "a", new={**RECORD, "name": "@"})
    moved = planned("update", "DnsRecord", "m", old=RECORD, new={**RECORD, "value": "192.0.2.2"}, paths=("value",), of=SHOP)
    assert words(created) == ["shop.example.test: DNS record is created"]
    assert words(apex) == ["example.test: DNS record is created"]
    assert words(moved) == ["shop.example.test: DNS record is changed (value 192.0.2.1 → 192.0.2.2)"]


def test_a_migration_names_its_new_scripts() -> None:
    old, new = scripts(V4), scripts(V4, V5, V6)
    pieces = planned("replace", "ConfigMap", "orders-scripts-0", old=old, new=new, paths=("metadata.name",), of=MIGRATION)
    job = planned("replace", "Job", "orders-job", old=old, new=new, paths=("metadata.name",), of=MIGRATION)
    assert words(pieces, job) == ["orders: database migrates with 2 new scripts (V5__x.sql, V6__x.sql)"]
    assert words(job) == ["orders: migrations run again, with no new script"]


def test_a_repeatable_script_that_was_edited_is_no_new_one() -> None:
    old, new = scripts("R__views.sql.piece-0000"), {"metadata": {"name": "other"}, "data": {"R__views.sql.piece-0000": "CREATE VIEW …"}}
    pieces = planned("replace", "ConfigMap", "orders-scripts-0", old=old, new=new, paths=("metadata.name",), of=MIGRATION)
    job = planned("replace", "Job", "orders-job", old=old, new=new, paths=("metadata.name",), of=MIGRATION)
    assert words(pieces, job) == ["orders: migrations run again, with no new script"]


def test_an_object_of_a_kind_that_nobody_knows_is_told_all_the_same() -> None:
    old, new = {"name": "x", "size": 1}, {"name": "x", "size": 2}
    assert words(planned("update", "Thing", "x", old=old, new=new, paths=("size",))) == ["x: Thing is changed (size 1 → 2)"]
    assert words(planned("delete", "Thing", "x", old=old)) == ["x: Thing is deleted"]


def test_a_network_policy_is_told_by_what_it_lets_through() -> None:
    def policy(*callers: str, **more: object) -> dict[str, object]:
        peers = [{"podSelector": {"matchLabels": {"app.kubernetes.io/name": caller}}} for caller in callers]
        rule = {"ports": [{"port": 8080, "protocol": "TCP"}], "from": peers}
        return {"metadata": {"name": "orders-api"}, "spec": {"ingress": [rule], **more}}

    old = policy("operator", "shop", egress=[{"to": [{"ipBlock": {"cidr": "192.0.2.0/24"}}]}])
    new = policy("loyalty-api", "operator", "shop", egress=[])
    paths = ("spec.ingress[0].from[0].podSelector.matchLabels", "spec.ingress[0].from[2]", "spec.egress")
    assert words(planned("update", "NetworkPolicy", "n", old=old, new=new, paths=paths, of=ORDERS_API)) == [
        "orders-api: NetworkPolicy is changed (from loyalty-api TCP 8080 refused → allowed; to 192.0.2.0/24 any port allowed → refused)"
    ]


def test_what_else_comes_and_goes_is_told_together() -> None:
    gone = [planned("delete", kind, kind, old={"metadata": {"name": "orders-api"}}, of=ORDERS_API) for kind in ("Service", "NetworkPolicy")]
    assert words(*gone) == ["orders-api: Service and NetworkPolicy are deleted"]


def test_what_changes_nothing_and_what_is_no_object_is_left_out() -> None:
    quiet = [planned(op, "Deployment", "d", old=deployment(), new=deployment()) for op in ("same", "refresh", "read")]
    groups = [planned("create", kind, "g", new={}) for kind in ("Workload", "Provider")]
    halves = [planned(op, "Job", "j", old=scripts(V4), new=scripts(V5)) for op in ("create-replacement", "delete-replaced")]
    assert collect([*quiet, *groups, *halves]) == []
    assert counts([]) == "nothing changes"


@pytest.mark.parametrize("secret", [SECRET, "[secret]", {"a": [SECRET]}])
def test_a_secret_is_never_shown(secret: object) -> None:
    old, new = {"name": "x", "part": "before"}, {"name": "x", "part": secret}
    found = collect([planned("update", "Thing", "x", old=old, new=new, paths=("part",))])
    assert in_words(found) == ["x: Thing is changed (part before → (secret))"]


def test_nothing_of_a_secret_s_data_and_of_a_password_is_shown_even_when_it_is_plain() -> None:
    old, new = {"stringData": {"URL": "postgres://a:geheim@b"}}, {"stringData": {"URL": "postgres://a:streng@b"}}
    secret = planned("update", "Secret", "s", old=old, new=new, paths=("stringData.URL",))
    role = planned("update", "Role", "r", old={"password": "geheim"}, new={"password": "streng"}, paths=("password",))
    found = collect([secret, role])
    told = json.dumps(as_json("test", found)) + markdown("test", found)
    assert "geheim" not in told
    assert "streng" not in told
    assert in_words(found) == ["r: database role is changed (password (a secret))", "s: Secret is changed (stringData.URL (a secret))"]


def test_json_holds_every_object() -> None:
    event = planned("update", "Deployment", "d", old=deployment(), new=deployment(replicas=3), paths=("spec.replicas",), of=ORDERS_API)
    field = {"path": "spec.replicas", "name": "replicas", "old": "2", "new": "3"}
    change = {"op": "update", "kind": "Deployment", "name": "orders-api", "owner": "orders-api", "fields": [field]}
    assert as_json("test", collect([event])) == {"environment": "test", "lines": ["orders-api: replicas 2 → 3"], "changes": [change]}


def test_a_comment_is_a_list_and_a_long_one_is_folded() -> None:
    def created(count: int) -> list[EngineEvent]:
        return [planned("create", "Thing", f"t{number}", new={"name": f"t{number}"}, of=STACK) for number in range(count)]

    assert markdown("test", []) == "**test**: nothing changes.\n"
    assert markdown("test", collect(created(1))) == "**test**: 1 created\n\n- t0: Thing is created\n"
    assert "<details>" in markdown("test", collect(created(13)))


def test_a_comment_is_never_longer_than_github_takes() -> None:
    long = [planned("create", "Thing", "t" * 70 + str(number), new={}) for number in range(2000)]
    text = markdown("test", collect(long))
    assert len(text) <= 60_000
    assert "more" in text.splitlines()[-3]
    assert text.endswith("</details>\n")


def test_a_comment_calls_nobody_and_holds_no_html() -> None:
    text = markdown("test", collect([planned("create", "Thing", "x", new={"name": "@all <img> `x`"})]))
    assert "@" not in text
    assert "<img>" not in text


def test_a_preview_says_how_much_changes_and_then_what(capsys: pytest.CaptureFixture[str]) -> None:
    show("test", collect([planned("create", "DnsRecord", "r", new=RECORD, of=SHOP)]))
    assert capsys.readouterr().out.splitlines() == [
        "A deploy of test would change: 1 created",
        "  shop.example.test: DNS record is created",
    ]
    show("test", [])
    assert capsys.readouterr().out == "A deploy of test would change nothing.\n"
