"""What inputs become, and which are refused: through the plugin, as the engine asks, without any back end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pulumi.runtime.proto import provider_pb2

from local.providers import wire
from local.providers.wire import UNKNOWN, Properties, Secret
from tests.providers.plugin import Plugin

ROLE = "postgresql:index/role:Role"
DATABASE = "postgresql:index/database:Database"
GRANT = "postgresql:index/grant:Grant"
DEFAULTS = "postgresql:index/defaultPrivileges:DefaultPrivileges"
SCHEMA = "postgresql:index/schema:Schema"
VHOST = "rabbitmq:index/vHost:VHost"
POLICY = "rabbitmq:index/policy:Policy"
PERMISSIONS = "rabbitmq:index/permissions:Permissions"
PASSWORD = "random:index/randomPassword:RandomPassword"
INTEGER = "random:index/randomInteger:RandomInteger"


@pytest.fixture(scope="module")
def plugins() -> Iterator[dict[str, Plugin]]:
    """One plugin of each package; none is configured, so none could reach a back end."""
    running = {name: Plugin(name) for name in ("postgresql", "rabbitmq", "random")}
    yield running
    for plugin in running.values():
        plugin.close()


def check(plugins: dict[str, Plugin], token: str, inputs: Properties, **options: Any) -> tuple[Properties, dict[str, str]]:
    return plugins[token.split(":")[0]].check(token, inputs, **options)


def test_defaults_are_filled_in_and_noted(plugins: dict[str, Plugin]) -> None:
    checked, failures = check(plugins, ROLE, {"name": "app", "login": True})
    assert failures == {}
    assert (checked["login"], checked["connectionLimit"], checked["validUntil"], checked["inherit"]) == (True, -1, "infinity", True)
    assert "connectionLimit" in checked["__defaults"]
    assert "login" not in checked["__defaults"]


def test_values_arrive_in_their_own_type_whatever_they_were_sent_as(plugins: dict[str, Plugin]) -> None:
    checked, failures = check(plugins, ROLE, {"name": "app", "login": "true", "connectionLimit": "5"})
    assert failures == {}
    assert checked["login"] is True
    assert checked["connectionLimit"] == 5


def test_what_is_secret_by_nature_becomes_secret(plugins: dict[str, Plugin]) -> None:
    checked, _ = check(plugins, ROLE, {"name": Secret("app"), "password": "x"})
    assert checked["password"] == Secret("x")
    assert checked["name"] == Secret("app")


def test_unknown_inputs_stay_unknown(plugins: dict[str, Plugin]) -> None:
    checked, failures = check(plugins, GRANT, dict.fromkeys(("role", "database", "schema", "objectType", "privileges"), UNKNOWN))
    assert failures == {}
    assert checked["privileges"] is UNKNOWN


def test_a_missing_name_is_generated_from_the_seed_and_kept_afterwards(plugins: dict[str, Plugin]) -> None:
    first, _ = check(plugins, ROLE, {}, name="shop", seed=b"one")
    again, _ = check(plugins, ROLE, {}, name="shop", seed=b"one")
    other, _ = check(plugins, ROLE, {}, name="shop", seed=b"two")
    assert first["name"] == again["name"]
    assert first["name"] != other["name"]
    assert first["name"].startswith("shop-")
    assert len(first["name"]) == len("shop-") + 7
    kept, _ = check(plugins, ROLE, {}, name="shop", seed=b"two", old=first)
    assert kept["name"] == first["name"]
    given, _ = check(plugins, ROLE, {"name": "mine"}, old=first)
    assert given["name"] == "mine"
    regenerated, _ = check(plugins, ROLE, {}, name="shop", seed=b"two", old=given)
    assert regenerated["name"] == other["name"], "a name that was once given is not taken for a generated one"


def test_the_engines_own_naming_is_followed(plugins: dict[str, Plugin]) -> None:
    options = provider_pb2.CheckRequest.AutonamingOptions
    enforced = provider_pb2.CheckRequest(
        urn=f"urn:pulumi:t::p::{ROLE}::shop", autonaming=options(proposed_name="exactly", mode=options.ENFORCE)
    )
    assert wire.from_struct(plugins["postgresql"].call("Check", enforced).inputs)["name"] == "exactly"
    disabled = provider_pb2.CheckRequest(urn=f"urn:pulumi:t::p::{ROLE}::shop", autonaming=options(mode=options.DISABLE))
    failures = plugins["postgresql"].call("Check", disabled).failures
    assert [failure.property for failure in failures] == ["name"]


@pytest.mark.parametrize(
    ("token", "inputs", "path", "reason"),
    [
        (ROLE, {"name": "a", "logn": True}, "logn", "there is no such property; did you mean login?"),
        (ROLE, {"name": "a", "login": "perhaps"}, "login", "'perhaps' is neither true nor false"),
        (ROLE, {"name": "a", "connectionLimit": -2}, "connectionLimit", "-2 is too small, the least is -1"),
        (ROLE, {"name": "a", "connectionLimit": 1.5}, "connectionLimit", "1.5 is not a whole number"),
        (ROLE, {"name": "a", "roles": "b"}, "roles", "it must be a list"),
        (ROLE, {"name": {"a": 1}}, "name", "{'a': 1} must be a text"),
        (ROLE, {"name": "a", "password": "x", "passwordWo": "y", "passwordWoVersion": "1"}, "passwordWo", "it conflicts with password"),
        (ROLE, {"name": "a", "passwordWo": "y"}, "passwordWoVersion", "it is required with passwordWo"),
        (ROLE, {"name": "a", "searchPaths": ["a, b"]}, "searchPaths", "write two entries"),
        (GRANT, {"database": "d", "objectType": "database", "privileges": []}, "role", "it is required"),
        (GRANT, {"role": "r", "database": "d", "objectType": "tabel", "privileges": []}, "objectType", "'tabel' is not one of"),
        (GRANT, {"role": "r", "database": "d", "objectType": "table", "privileges": []}, "schema", "required for objectType table"),
        (
            GRANT,
            {"role": "r", "database": "d", "objectType": "database", "privileges": ["SELECT"]},
            "privileges[0]",
            "no privilege on a database",
        ),
        (
            GRANT,
            {"role": "r", "database": "d", "objectType": "database", "objects": ["x"], "privileges": []},
            "objects",
            "a database has none",
        ),
        (
            GRANT,
            {"role": "r", "database": "d", "schema": "s", "objectType": "table", "columns": ["x"], "privileges": []},
            "columns",
            "they go with objectType column only",
        ),
        (
            GRANT,
            {"role": "r", "database": "d", "schema": "s", "objectType": "column", "objects": ["t"], "privileges": ["SELECT"]},
            "columns",
            "needs at least one column",
        ),
        (
            DEFAULTS,
            {"role": "r", "database": "d", "owner": "o", "objectType": "view", "privileges": []},
            "objectType",
            "'view' is not one of",
        ),
        (
            DEFAULTS,
            {"role": "r", "database": "d", "owner": "o", "schema": "s", "objectType": "schema", "privileges": []},
            "schema",
            "cannot be given with objectType schema",
        ),
        (
            DEFAULTS,
            {"role": "public", "database": "d", "owner": "o", "objectType": "table", "privileges": [], "withGrantOption": True},
            "withGrantOption",
            "cannot be true for the role public",
        ),
        (DATABASE, {"name": "d", "encoding": "UTF-8"}, "encoding", "write 'UTF8'"),
        (DATABASE, {"name": "d", "encoding": "default"}, "encoding", "leave it out"),
        (DATABASE, {"name": "d", "lcCollate": "DEFAULT"}, "lcCollate", "would differ at every run: leave it out"),
        (SCHEMA, {"name": "s", "policies": [{"role": "r"}]}, "policies", "use a Grant with objectType schema"),
        (VHOST, {"name": "v", "maxQueues": "many"}, "maxQueues", "'many' is not a whole number"),
        (POLICY, {"name": "p", "vhost": "v"}, "policy", "it is required"),
        (
            POLICY,
            {"name": "p", "vhost": "v", "policy": {"pattern": "x", "priority": "high", "applyTo": "all", "definition": {}}},
            "policy.priority",
            "'high' is not a whole number",
        ),
        (PERMISSIONS, {"user": "u", "permissions": {"configure": "", "write": ""}}, "permissions.read", "it is required"),
        (
            PERMISSIONS,
            {"user": "u", "permissions": {"configure": "", "write": "", "read": "", "wirte": ""}},
            "permissions.wirte",
            "mean write?",
        ),
        (PASSWORD, {"length": 0}, "length", "0 is too small, the least is 1"),
        (PASSWORD, {"length": 3, "minUpper": 2, "minLower": 2}, "length", "3 is too small: the minimums add up to 4"),
        (
            PASSWORD,
            {"length": 3, "upper": False, "lower": False, "numeric": False, "special": False},
            "special",
            "the character set is empty",
        ),
        (PASSWORD, {"length": 3, "number": True, "numeric": False}, "number", "must not contradict it"),
        (INTEGER, {"min": 5, "max": 4}, "max", "4 is smaller than min, 5"),
    ],
)
def test_an_input_that_cannot_be_used_is_refused_with_its_path_and_reason(
    plugins: dict[str, Plugin], token: str, inputs: Properties, path: str, reason: str
) -> None:
    _, failures = check(plugins, token, inputs)
    assert reason in failures.get(path, f"not refused: {failures}")


def test_every_refused_input_is_told_at_once(plugins: dict[str, Plugin]) -> None:
    _, failures = check(plugins, GRANT, {"objectType": "tabel", "withGrantOption": "perhaps"})
    assert sorted(failures) == ["database", "objectType", "privileges", "role", "withGrantOption"]


def test_a_refused_secret_is_not_repeated(plugins: dict[str, Plugin]) -> None:
    _, failures = check(plugins, ROLE, {"name": "a", "password": Secret(["hunter2"])})
    assert failures == {"password": "it must be a text"}


def test_a_type_the_stand_in_lacks_names_the_official_plugin(plugins: dict[str, Plugin]) -> None:
    with pytest.raises(Exception, match=r"pulumi plugin install resource rabbitmq 3\.5\.3"):
        check(plugins, "rabbitmq:index/shovel:Shovel", {})


def test_configuration_is_checked_and_what_the_environment_holds_is_not_written_into_the_state(
    plugins: dict[str, Plugin], monkeypatch: pytest.MonkeyPatch
) -> None:
    def check_configuration(given: Properties) -> tuple[Properties, dict[str, str]]:
        request = provider_pb2.CheckRequest(urn="urn:pulumi:t::p::pulumi:providers:rabbitmq::x", news=wire.to_struct(given))
        answer = plugins["rabbitmq"].call("CheckConfig", request)
        return wire.from_struct(answer.inputs), {failure.property: failure.reason for failure in answer.failures}

    for variable in ("ENDPOINT", "USERNAME", "PASSWORD"):
        monkeypatch.delenv(f"RABBITMQ_{variable}", raising=False)
    _, failures = check_configuration({"endpoint": "https://x", "insecure": "perhaps"})
    assert sorted(failures) == ["insecure", "password", "username"]
    monkeypatch.setenv("RABBITMQ_USERNAME", "from the environment")
    inputs, failures = check_configuration({"endpoint": "https://x", "password": "hunter2"})
    assert failures == {}
    assert inputs == {"endpoint": "https://x", "password": Secret("hunter2")}


def test_a_missing_configuration_names_what_is_missing_and_where_it_can_come_from(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("ENDPOINT", "USERNAME", "PASSWORD"):
        monkeypatch.delenv(f"RABBITMQ_{variable}", raising=False)
    plugin = Plugin("rabbitmq")
    with pytest.raises(Exception, match=r"not configured: endpoint: it is required.*\n.*RABBITMQ_ENDPOINT"):
        plugin.call("Configure", provider_pb2.ConfigureRequest(args=wire.to_struct({})))
    plugin.close()


def test_a_changed_configuration_replaces_nothing(plugins: dict[str, Plugin]) -> None:
    request = provider_pb2.DiffRequest(olds=wire.to_struct({"host": "a", "port": "1"}), news=wire.to_struct({"host": "b", "port": "1"}))
    answer = plugins["postgresql"].call("DiffConfig", request)
    assert list(answer.diffs) == ["host"]
    assert list(answer.replaces) == []
