"""Releases on a real cluster, with the commands that a person types: deployed, broken, returned to. The tests run in this order."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pytest
import yaml

from ops.process import run
from tests.e2e.conftest import Person
from tests.e2e.outside import Outside
from tests.e2e.releases import Platform, visitors
from tests.e2e.test_environment import person_address
from tests.e2e.test_from_outside import send, stripe_event
from tests.e2e.test_growing import secrets_of
from tests.e2e.test_why import why

EXPAND = "CREATE TABLE order_note (id uuid PRIMARY KEY, body text NOT NULL);\n"
CONTRACT = "DROP TABLE order_note;\n"
ORDERS_NEWEST = "V900"
ENDS_AT_ONCE = "check tcp nowhere.invalid:1 --timeout 1s"
NEVER_ANSWERS = "check tcp 192.0.2.1:1 --timeout 600s"
"""An address that leads nowhere by RFC 5737: the program waits there and serves nobody."""
CRASH_SECONDS = 90
ASKED = 2
"""The rollback before which somebody is asked; the others are told with --yes."""
BEFORE_THE_NEW_NAME = 3
"""The release whose context `loyalty` is called `rewards` in the next."""
POINTS_ID = "6f2b7c1e-0000-4000-8000-000000000007"
CHANGED_SECRET = "whsec_changed_by_stripe"


@pytest.fixture(scope="module")
def platform(person: Person, outside: Outside) -> Iterator[Platform]:
    """Somebody who releases; afterwards the checkout and the environment are as they were."""
    found = Platform(person, outside.estate)
    first, secret = found.git("rev-parse", "HEAD"), webhook_secret().read_text()
    yield found
    webhook_secret().write_text(secret)
    found.git("reset", "--quiet", "--hard", first)
    for tag in found.git("tag", "--list", "kind/*").split():
        found.git("tag", "--delete", tag)
    person.types("./hs", "resume", "kind")
    person.types("./hs", "up", "kind")


def test_five_releases_each_by_a_tag_and_no_visitor_is_turned_away(platform: Platform, outside: Outside) -> None:
    with visitors(outside):
        for number, change in enumerate((as_it_is, a_new_image, a_new_table, a_new_context, a_name_less)):
            change(platform)
            platform.commit(change.__name__, f"kind/1.{number}.0")
            output = platform.person.types("./hs", "deploy", "--tag", f"kind/1.{number}.0")
            assert f"Release {number + 1} of kind (kind/1.{number}.0): verified" in output
    history = platform.history()
    assert [release["tag"] for release in history] == [f"kind/1.{number}.0" for number in reversed(range(5))]
    assert {release["outcome"] for release in history} == {"verified"}
    assert history[3]["differences"][0].startswith("orders-api: ")
    assert history[2]["databases"]["orders"] == "900"
    assert "loyalty-api: added" in history[1]["differences"]


def as_it_is(_platform: Platform) -> None:
    """What `./hs up` made, as a release."""


def a_new_image(platform: Platform) -> None:
    """A version of one service."""
    platform.push_image("highstreetly/orders-api:1.1.0", "one")
    platform.run_image("orders-api", "highstreetly/orders-api:1.1.0")


def a_new_table(platform: Platform) -> None:
    """An expand migration, and another setting."""
    platform.person.write(f"migrations/orders/{ORDERS_NEWEST}__add_note.sql", EXPAND)
    platform.change(replicas=1, services={**services(platform), "shops-api": {"replicas": 2}})


def a_new_context(platform: Platform) -> None:
    """A context with an API and a database of its own."""
    catalogue = platform.person.read_yaml("catalogue.yaml")
    catalogue["contexts"]["loyalty"] = {"api": {}}
    platform.person.write("catalogue.yaml", yaml.safe_dump(catalogue, sort_keys=False))
    platform.person.write(
        "migrations/loyalty/V1__create_points.sql", "CREATE TABLE points (id uuid PRIMARY KEY, points integer NOT NULL);\n"
    )


def a_name_less(platform: Platform) -> None:
    """A UI that is public no more, a context with another name, and a secret that Stripe has changed."""
    in_loyalty(platform, f"INSERT INTO points VALUES ('{POINTS_ID}', 7)")
    catalogue = platform.person.read_yaml("catalogue.yaml")
    del catalogue["uis"]["operator"]["ingress"]
    catalogue["contexts"]["rewards"] = catalogue["contexts"].pop("loyalty")
    migrations = platform.person.checkout / "migrations"
    (migrations / "loyalty").rename(migrations / "rewards")
    webhook_secret().write_text(CHANGED_SECRET)
    platform.person.write("catalogue.yaml", yaml.safe_dump(catalogue, sort_keys=False))


def in_loyalty(platform: Platform, statement: str) -> str:
    """Type a statement into psql in the database of the context that gets another name; returns what it answers."""
    words = ["docker", "exec", "--user", "postgres", platform.estate.container("postgres"), "psql", "--tuples-only", "--no-align"]
    return run([*words, "--dbname=kind_loyalty", f"--command={statement}"]).stdout.strip()


def webhook_secret() -> Path:
    """The file of the estate's secret that Stripe signs with."""
    return secrets_of() / "stripe_webhook_secret"


def services(platform: Platform) -> dict[str, object]:
    found: dict[str, object] = platform.person.read_yaml("Pulumi.kind.yaml")["config"]["highstreetly:environment"].get("services", {})
    return found


def test_back_to_each_of_them_databases_stay_and_no_visitor_is_turned_away(platform: Platform, outside: Outside) -> None:
    with visitors(outside):
        for number in (3, 2, 1, 0):
            words = ("./hs", "rollback", "kind", "--to", f"kind/1.{number}.0")
            output = platform.person.types(*words, input="y\n") if number == ASKED else platform.person.types(*words, "--yes")
            assert ("What it has otherwise than what runs" in output) == (number != ASKED)
            before, question, _ = output.partition("Return kind to release")
            assert bool(question) == (number == ASKED)
            assert "This changes" in before, "the engine says it before the question; without one the rollout has said what it did"
            assert "verified" in output
            as_released(platform, outside, number)
            if number == BEFORE_THE_NEW_NAME:
                assert in_loyalty(platform, "SELECT points FROM points") == "7"
                assert send(outside, "/webhooks/stripe", *stripe_event(CHANGED_SECRET)).status == httpx.codes.OK
    assert [(release["kind"], release["rolled_back_to"]) for release in platform.history()[:4]] == [("rollback", to) for to in (1, 2, 3, 4)]
    assert {"kind_loyalty", "kind_rewards"} <= names_of_databases(platform)
    newest, *_, first_back = platform.history()[:4]
    assert newest["databases"]["orders"] == "900"
    assert any(line.startswith("loyalty-api") for line in first_back["changes"])


def as_released(platform: Platform, outside: Outside, number: int) -> None:
    """The environment is what release ``kind/1.<number>.0`` made of it."""
    assert ("orders-api:1.1.0@sha256:" in platform.image_of("orders-api")) == (number >= 1)
    assert platform.deployment("shops-api")["replicas"] == (2 if number >= 2 else 1)
    assert ("loyalty-api" in platform.deployments()) == (number == BEFORE_THE_NEW_NAME)
    assert ("rewards-api" in platform.deployments()) == (number > BEFORE_THE_NEW_NAME)
    assert bool(outside.records("operator")) == (number < 4)


def test_a_held_environment_refuses_tags_until_it_is_resumed(platform: Platform) -> None:
    assert "is held" in platform.person.types("./hs", "deploy", "--tag", "kind/1.4.0", expect=2)
    platform.person.types("./hs", "resume", "kind")


def test_forward_again_to_the_newest_with_the_database_that_stayed(platform: Platform, outside: Outside) -> None:
    platform.person.types("./hs", "deploy", "--tag", "kind/1.4.0")
    as_released(platform, outside, 4)
    assert platform.history()[0]["databases"]["rewards"] == "1"


def test_a_second_tag_for_what_runs_deploys_nothing_and_is_another_name_of_its_release(platform: Platform) -> None:
    platform.git("tag", "--annotate", "--message", "the same once more", "kind/1.4.1")
    assert "nothing to do" in platform.person.types("./hs", "deploy", "--tag", "kind/1.4.1")
    assert (platform.history()[0]["tag"], platform.history()[0]["also"]) == ("kind/1.4.0", ["kind/1.4.1"])
    assert "No tag of kind is without its release" in platform.person.types("./hs", "reconcile", "kind")


def test_the_same_tag_twice_is_nothing_to_do_and_a_moved_or_malformed_one_is_refused(platform: Platform) -> None:
    before = platform.history()
    assert "nothing to do" in platform.person.types("./hs", "deploy", "--tag", "kind/1.4.0")
    platform.commit("something else")
    platform.git("tag", "--force", "kind/1.4.0")
    assert "was moved" in platform.person.types("./hs", "deploy", "--tag", "kind/1.4.0", expect=2)
    for malformed in ("kind", "kind/1.4", "kind/v1.4.0", "knid/1.4.0", "kind/1.4.0;id"):
        assert "is not the tag of a release" in platform.person.types("./hs", "deploy", "--tag", malformed, expect=2)
    platform.person.write("scratch", "not committed")
    assert "no commit holds" in platform.person.types("./hs", "deploy", "kind", expect=2)
    (platform.person.checkout / "scratch").unlink()
    assert platform.history() == before


def test_an_image_tag_that_is_pushed_again_changes_nothing_until_a_release_says_so(platform: Platform) -> None:
    before = platform.image_of("orders-api")
    digest = platform.push_image("highstreetly/orders-api:1.1.0", "another")
    assert digest not in before
    platform.person.kubectl("delete", "pods", "--namespace", "kind", "--selector", "app.kubernetes.io/name=orders-api")
    platform.person.kubectl("rollout", "status", "deployment/orders-api", "--namespace", "kind", "--timeout=60s")
    form = "jsonpath={.items[0].status.containerStatuses[0].imageID}"
    running = platform.person.kubectl(
        "get", "pods", "--namespace", "kind", "--selector", "app.kubernetes.io/name=orders-api", "--output", form
    )
    assert before.rpartition("@")[2] in running
    platform.git("tag", "kind/1.5.0")
    platform.person.types("./hs", "deploy", "--tag", "kind/1.5.0")
    assert platform.image_of("orders-api").endswith(digest)


def test_an_image_that_is_nowhere_is_refused_before_anything_is_touched(platform: Platform) -> None:
    before = platform.history()
    platform.run_image("shops-api", "highstreetly/shops-api:9.9.9")
    platform.commit("an image that nobody pushed", "kind/1.6.0")
    assert "highstreetly/shops-api:9.9.9" in platform.person.types("./hs", "deploy", "--tag", "kind/1.6.0", expect=2)
    platform.git("revert", "--no-edit", "HEAD")
    assert platform.history() == before


def test_a_rollback_stops_a_rollout_that_fails_and_no_visitor_is_turned_away(platform: Platform, outside: Outside) -> None:
    good = platform.image_of("orders-api")
    platform.push_image("highstreetly/orders-api:1.7.0", "broken", instead=ENDS_AT_ONCE)
    platform.run_image("orders-api", "highstreetly/orders-api:1.7.0")
    platform.commit("a service that ends at once", "kind/1.7.0")
    with visitors(outside):
        words = ["./hs", "deploy", "--tag", "kind/1.7.0"]
        with subprocess.Popen(words, cwd=platform.person.checkout, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as deploy:
            wait_for_a_crash(platform)
            causes = why(platform.person, "orders-api")["causes"]
            output = platform.person.types("./hs", "rollback", "kind", "--yes")
            said, _ = deploy.communicate(timeout=60)
        assert deploy.returncode == 1
        assert "stopped for a rollback" in said
        assert "verified" in output
    blamed = [cause["release"] for cause in causes if cause["subject"] == "orders-api"]
    assert any("(kind/1.7.0" in release and "changed orders-api" in release for release in blamed), causes
    assert platform.image_of("orders-api") == good
    newest, failed = platform.history()[:2]
    assert (newest["kind"], newest["outcome"]) == ("rollback", "verified")
    assert (failed["tag"], failed["outcome"]) == ("kind/1.7.0", "failed")
    platform.person.types("./hs", "resume", "kind")
    platform.git("revert", "--no-edit", "HEAD")


def test_a_release_that_never_gets_ready_fails_by_itself_and_the_old_version_serves_on(platform: Platform, outside: Outside) -> None:
    good = platform.image_of("orders-api")
    platform.person.types("./hs", "up", "kind")  # with its images unpinned the release updates all Deployments at once, as most do
    platform.push_image("highstreetly/orders-api:1.7.1", "silent", instead=NEVER_ANSWERS)
    platform.run_image("orders-api", "highstreetly/orders-api:1.7.1")
    platform.commit("a service that never answers", "kind/1.7.1")
    with visitors(outside):
        said = platform.person.types("./hs", "deploy", "--tag", "kind/1.7.1", expect=1)
        assert "orders-api" in said
        assert "; or ./hs rollback kind" in said
        assert (platform.history()[0]["tag"], platform.history()[0]["outcome"]) == ("kind/1.7.1", "failed")
        assert "verified" in platform.person.types("./hs", "rollback", "kind", "--yes")
    assert platform.image_of("orders-api") == good
    platform.person.types("./hs", "resume", "kind")
    platform.git("revert", "--no-edit", "HEAD")


def wait_for_a_crash(platform: Platform) -> None:
    """Wait until a pod of the broken release has ended."""
    deadline = time.monotonic() + CRASH_SECONDS
    form = "jsonpath={.items[*].status.containerStatuses[*].restartCount}"
    while time.monotonic() < deadline:
        words = ("get", "pods", "--namespace", "kind", "--selector", "app.kubernetes.io/name=orders-api", "--output", form)
        if any(int(count) for count in platform.person.kubectl(*words).split()):
            return
        time.sleep(1)
    pytest.fail("the broken service never ended")


def test_a_contract_step_lets_nobody_back_and_says_how_to_go_on(platform: Platform) -> None:
    platform.person.write("migrations/orders/V901__contract_drop_note.sql", CONTRACT)
    platform.commit("nobody reads notes any more", "kind/1.8.0")
    output = platform.person.types("./hs", "deploy", "--tag", "kind/1.8.0")
    assert "V901__contract_drop_note.sql" in output
    before = platform.history()
    refused = platform.person.types("./hs", "rollback", "kind", "--yes", expect=2)
    assert "orders/V901__contract_drop_note.sql" in refused
    assert "go forward" in refused
    assert platform.history() == before
    assert "is no longer held" not in platform.person.types("./hs", "resume", "kind")


def test_what_a_release_found_is_in_the_backups_where_its_dumps_are_gone(platform: Platform, tmp_path: Path) -> None:
    newest = platform.history()[0]
    assert newest["started_at"] < newest["databases_at"] < newest["finished_at"]
    words = ("./hs", "restore", "kind", "--from", str(newest["number"]), "--context", "orders", "--dry-run")
    assert "becomes the dump kind_orders.dump" in platform.person.types(*words)
    as_after_a_runner = platform.person.types(*words, env={**os.environ, "HS_DUMPS": str(tmp_path)})
    assert f"before it migrated, at {newest['databases_at']}" in " ".join(as_after_a_runner.split())
    assert "becomes its state of" in as_after_a_runner


def names_of_databases(platform: Platform) -> set[str]:
    password = (secrets_of() / "postgres_admin_password").read_text().strip()
    with psycopg.connect(
        host=person_address(platform.person, "postgres"), user="platform", password=password, dbname="postgres",
        sslmode="verify-full", sslrootcert=str(secrets_of() / "ca.crt"),
    ) as connection:  # fmt: skip
        return {str(row[0]) for row in connection.execute("SELECT datname FROM pg_database")}
