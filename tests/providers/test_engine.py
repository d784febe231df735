"""The real Pulumi engine with the stand-in plugins on real servers: what `pulumi up` does with them.

Needs `pulumi` and its Python language host: on PATH, or in the folder $HS_TEST_PULUMI_BIN.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.providers.wire import Properties
from tests.providers.labs import PostgresLab, RabbitLab
from tests.providers.stacks import Stack, new_stack

PROGRAM = """
import json, os
import pulumi, pulumi_postgresql as postgresql, pulumi_rabbitmq as rabbitmq, pulumi_random as random
settings = json.loads(os.environ["PROVIDERS_TEST"])
name, extra = settings["name"], settings.get("extra", [])
pg = pulumi.ResourceOptions(provider=postgresql.Provider("postgres", **settings["postgresql"]))
mq = pulumi.ResourceOptions(provider=rabbitmq.Provider("rabbit", **settings["rabbitmq"]))
words = random.RandomPassword("password", length=24, special=False)
pet = random.RandomPet("pet", keepers={"name": name})
owner = postgresql.Role("owner", name=f"{name}_owner", opts=pg)
app = postgresql.Role("app", name=f"{name}_app", login=settings.get("login", True), password=words.result, opts=pg)
member = postgresql.GrantRole(
    "member", role=settings["postgresql"]["username"], grant_role=owner.name,
    opts=pulumi.ResourceOptions.merge(pg, pulumi.ResourceOptions(ignore_changes=["withAdminOption"])),
)
database = postgresql.Database(
    "database", name=f"{name}_db", owner=owner.name, opts=pulumi.ResourceOptions.merge(pg, pulumi.ResourceOptions(depends_on=[member]))
)
last = database
for role, kind, schema, privileges in (
    ("public", "database", None, []), (app.name, "database", None, ["CONNECT"]), (app.name, "schema", "public", ["USAGE"]),
):
    last = postgresql.Grant(
        f"grant-{kind}-{len(privileges)}", database=database.name, role=role, object_type=kind, schema=schema, privileges=privileges,
        opts=pulumi.ResourceOptions.merge(pg, pulumi.ResourceOptions(depends_on=[last])),
    )
postgresql.DefaultPrivileges(
    "defaults", database=database.name, schema="public", owner=owner.name, role=app.name, object_type="table",
    privileges=["SELECT", "INSERT", "UPDATE", "DELETE"], opts=pulumi.ResourceOptions.merge(pg, pulumi.ResourceOptions(depends_on=[last])),
)
vhost = rabbitmq.VHost("vhost", name=name, default_queue_type="quorum", opts=mq)
user = rabbitmq.User("user", name=f"{name}_user", password=words.result, tags=["management"], opts=mq)
rabbitmq.Permissions(
    "permissions", user=user.name, vhost=vhost.name, opts=mq,
    permissions=rabbitmq.PermissionsPermissionsArgs(configure="^orders", write="^orders", read=".*"),
)
rabbitmq.Policy(
    "policy", vhost=vhost.name, opts=mq,
    policy=rabbitmq.PolicyPolicyArgs(pattern="^orders", priority=0, apply_to="queues", definition={"max-length": "1000"}),
)
if "import" in extra:
    theirs = f"{name}_theirs"
    postgresql.Role("imported", name=theirs, login=True, opts=pulumi.ResourceOptions.merge(pg, pulumi.ResourceOptions(import_=theirs)))
pulumi.export("pet", pet.id)
pulumi.export("password", words.result)
pulumi.export("policy", "generated")
"""


@pytest.fixture
def stack(
    tmp_path: Path,
    postgres: PostgresLab,
    rabbit: RabbitLab,
    postgresql_configuration: Properties,
    rabbitmq_configuration: Properties,
) -> Iterator[Stack]:
    """A new stack with the stand-in plugins installed; destroyed afterwards."""
    pg, mq = postgresql_configuration, rabbitmq_configuration
    settings: Properties = {
        "name": f"t{secrets.token_hex(3)}",
        "postgresql": {
            "host": pg["host"], "port": int(pg["port"]), "username": pg["username"], "password": pg["password"],
            "sslmode": pg["sslmode"], "sslrootcert": pg["sslrootcert"], "superuser": False,
        },
        "rabbitmq": {"cacert_file": mq["cacertFile"], **{key: value for key, value in mq.items() if key != "cacertFile"}},
    }  # fmt: skip
    postgres.name = rabbit.name = settings["name"]
    made = new_stack(tmp_path, PROGRAM, settings)
    yield made
    made.pulumi("destroy", "--yes", "--skip-preview")


def test_the_whole_life_of_a_stack(stack: Stack, postgres: PostgresLab, rabbit: RabbitLab) -> None:
    name = stack.settings["name"]

    stack.pulumi("preview")
    assert postgres.rows("SELECT 1 FROM pg_roles WHERE rolname LIKE %s", f"{name}%") == [], "a preview touches nothing"
    assert rabbit.api("GET", "vhosts", name) is None

    stack.pulumi("up", "--yes", "--skip-preview")
    resources = stack.resources()
    password = json.loads(resources["app"]["outputs"]["password"]["plaintext"])
    postgres.connect(f"{name}_db", f"{name}_app", password).close()
    assert rabbit.can_sign_in(f"{name}_user", password)
    assert resources["app"]["id"] == f"{name}_app"
    assert resources["permissions"]["id"] == f"{name}_user@{name}"
    assert resources["policy"]["id"].startswith("policy-"), "a policy without a name gets one"
    assert resources["password"]["id"] == "none"

    assert password not in stack.state_files(), "every secret is encrypted in the state"
    assert stack.settings["postgresql"]["password"] not in stack.state_files()
    assert stack.settings["rabbitmq"]["password"] not in stack.state_files()
    assert resources["password"]["outputs"]["bcryptHash"]["plaintext"].strip('"') not in stack.state_files()

    stack.pulumi("preview", "--expect-no-changes")
    stack.pulumi("up", "--yes", "--skip-preview", "--expect-no-changes")
    stack.pulumi("up", "--yes", "--skip-preview", "--expect-no-changes", "--refresh")

    changed = stack.pulumi("preview", "--diff", login=False)
    assert "~ login" in changed
    assert password not in changed
    stack.pulumi("up", "--yes", "--skip-preview", login=False)
    assert postgres.rows("SELECT rolcanlogin FROM pg_roles WHERE rolname = %s", f"{name}_app") == [(False,)]
    stack.pulumi("up", "--yes", "--skip-preview")

    rabbit.api("DELETE", "users", f"{name}_user")
    postgres.run(f"REVOKE CONNECT ON DATABASE {name}_db FROM {name}_app")
    seen = stack.pulumi("refresh", "--yes", "--skip-preview")
    assert "2 deleted" in seen, "the user and its permissions are gone"
    assert "1 updated" in seen, "the grant has changed"
    stack.pulumi("up", "--yes", "--skip-preview")
    assert rabbit.can_sign_in(f"{name}_user", password)
    postgres.connect(f"{name}_db", f"{name}_app", password).close()
    stack.pulumi("up", "--yes", "--skip-preview", "--expect-no-changes", "--refresh")

    stack.pulumi("destroy", "--yes", "--skip-preview")
    assert postgres.rows("SELECT rolname::text FROM pg_roles WHERE rolname LIKE %s", f"{name}%") == []
    assert postgres.rows("SELECT datname::text FROM pg_database WHERE datname LIKE %s", f"{name}%") == []
    assert rabbit.api("GET", "vhosts", name) is None
    assert rabbit.api("GET", "users", f"{name}_user") is None
    assert postgres.admins_memberships() == []


def test_an_existing_object_is_imported_by_the_program_and_by_hand(stack: Stack, postgres: PostgresLab, rabbit: RabbitLab) -> None:
    name = stack.settings["name"]
    postgres.run(f"CREATE ROLE {name}_theirs LOGIN")
    rabbit.api("PUT", "vhosts", f"{name}_byhand", body={})
    stack.pulumi("up", "--yes", "--skip-preview", extra=["import"])
    stack.pulumi("up", "--yes", "--skip-preview", "--expect-no-changes", extra=["import"])
    assert stack.resources()["imported"]["id"] == f"{name}_theirs"
    urn = next(resource["urn"] for key, resource in stack.resources().items() if key == "rabbit")
    thing = ["rabbitmq:index/vHost:VHost", "byhand", f"{name}_byhand"]
    stack.pulumi("import", *thing, "--provider", f"rabbit={urn}", "--yes", "--skip-preview", "--protect=false", "--generate-code=false")
    assert stack.resources()["byhand"]["outputs"]["name"] == f"{name}_byhand"
    stack.pulumi("destroy", "--yes", "--skip-preview")
    assert postgres.rows("SELECT 1 FROM pg_roles WHERE rolname = %s", f"{name}_theirs") == []
    assert rabbit.api("GET", "vhosts", f"{name}_byhand") is None


def test_a_wrong_password_is_told_once_and_clearly(stack: Stack) -> None:
    wrong = {**stack.settings["postgresql"], "password": "wrong-secret"}
    said = stack.pulumi("up", "--yes", "--skip-preview", fine=False, postgresql=wrong)
    assert f"refused the user {wrong['username']}: wrong user or password" in said
    assert "To mend it: check the provider's username and password" in said
    assert "wrong-secret" not in said
    assert "Traceback" not in said


def test_inputs_that_cannot_be_used_are_refused_before_anything_is_touched(stack: Stack, postgres: PostgresLab) -> None:
    broken = PROGRAM.replace('privileges=["SELECT", "INSERT", "UPDATE", "DELETE"]', 'privileges=["SELECT", "TRUNCAT"]')
    (stack.folder / "program" / "__main__.py").write_text(broken)
    said = stack.pulumi("preview", fine=False)
    assert "'TRUNCAT' is no privilege on a table" in said
    assert postgres.rows("SELECT 1 FROM pg_roles WHERE rolname LIKE %s", f"{stack.settings['name']}%") == []
