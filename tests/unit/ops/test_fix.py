"""What is restored, from which files, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import psycopg
import pytest

from ops.changes import Subject
from ops.drift import Drift
from ops.errors import InputError
from ops.fix import RELEASE_MESSAGE, deployed, require_no_lost_data
from ops.rights import Right, revocation
from ops.state import open_state
from tests.unit.ops.releases.makers import release


def right(kind: str, name: str, *privileges: str, role: str = "test_shops_app") -> Right:
    return Right("orders", role, kind, name, privileges)


@pytest.mark.parametrize(
    ("given", "statement"),
    [
        (right("table", "orders", "SELECT"), 'REVOKE SELECT ON TABLE "orders" FROM "test_shops_app"'),
        (right("view", "open", "INSERT", "SELECT"), 'REVOKE INSERT, SELECT ON TABLE "open" FROM "test_shops_app"'),
        (right("column", "orders.total", "SELECT", role="bob"), 'REVOKE SELECT ("total") ON TABLE "orders" FROM "bob"'),
        (right("schema", "public", "CREATE", role="bob"), 'REVOKE CREATE ON SCHEMA "public" FROM "bob"'),
        (right("table", 'o"rders', "SELECT", role="public"), 'REVOKE SELECT ON TABLE "o""rders" FROM PUBLIC'),
    ],
)  # fmt: skip
def test_a_right_is_taken_away_by_one_statement(given: Right, statement: str) -> None:
    assert revocation(given).as_string(None) == statement


def test_a_membership_is_left_to_whoever_gave_it() -> None:
    with pytest.raises(psycopg.NotSupportedError, match="only who gave a right on a role"):
        revocation(right("role", "test_orders_owner", "MEMBER"))


@pytest.mark.parametrize("kind", ["Database", "VHost"])
def test_what_held_data_is_never_made_anew_empty(kind: str) -> None:
    with pytest.raises(InputError) as refused:
        require_no_lost_data("test", [Drift(Subject(kind, "test_orders", "orders"), "urn")])
    assert "rebuild-database-machine.md" in refused.value.remedy
    require_no_lost_data("test", [Drift(Subject("NetworkPolicy", "orders-api", "orders-api"), "urn")])


@pytest.mark.parametrize(("message", "number"), [(release(12).message, "12"), ("up test", None), ("prerelease 1 x", None)])
def test_a_release_is_told_from_the_engine_s_message(message: str, number: str | None) -> None:
    found = RELEASE_MESSAGE.match(message)
    assert (found.group(1) if found else None) == number


def test_what_no_release_made_comes_from_this_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    history = tmp_path / ".pulumi" / "history" / "highstreetly" / "test"
    history.mkdir(parents=True)
    (history / "test-1.history.json").write_text(json.dumps({"message": "up test", "result": "succeeded"}))
    monkeypatch.setattr("ops.fix.validated", lambda stack, root, *_: (stack, root))
    with deployed("test", open_state(f"file://{tmp_path}"), tmp_path) as last:
        assert (last.folder, last.message, dict(last.images.pins)) == (tmp_path, "up test", {})
