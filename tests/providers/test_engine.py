"""The real Pulumi engine with the stand-in plugins on real servers: what `pulumi up` does with them.

Needs `pulumi` and its Python language host: on PATH, or in the folder $HS_TEST_PULUMI_BIN.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.providers.install import install
from local.providers.packages import MODULES, load
from local.providers.wire import Properties
from tests.providers.labs import PostgresLab, RabbitLab

PASSPHRASE = "a passphrase for the test"
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
database = postgresql.Database("database", name=f"{name}_db", owner=owner.name, opts=pg)
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


class Stack:
    """A stack on a file backend of its own."""

    def __init__(self, folder: Path, pulumi: str, settings: Properties) -> None:
        self.folder = folder
        self.settings = settings
        self._pulumi = pulumi
        self._environment = {
            **os.environ,
            "PATH": f"{sys.prefix}/bin:{Path(pulumi).parent}:{os.environ['PATH']}",  # the older language host knows no virtualenv option
            "PULUMI_HOME": str(folder / "home"),
            "PULUMI_BACKEND_URL": f"file://{folder}/state",
            "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        }

    def pulumi(self, *words: str, fine: bool = True, **changed: Any) -> str:
        """Run pulumi; everything it says."""
        environment = {**self._environment, "PROVIDERS_TEST": json.dumps({**self.settings, **changed})}
        finished = subprocess.run(
            [self._pulumi, *words, "--non-interactive", "--color=never"],
            cwd=self.folder / "program", env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, timeout=300, check=False,
        )  # fmt: skip
        assert (finished.returncode == 0) == fine, finished.stdout
        return finished.stdout

    def state_files(self) -> str:
        """Everything the backend holds, as text."""
        return "\n".join(path.read_text() for path in (self.folder / "state").rglob("*.json*") if path.is_file())

    def resources(self) -> dict[str, dict[str, Any]]:
        """The resources of the state by name, secrets decrypted."""
        exported = json.loads(self.pulumi("stack", "export", "--show-secrets"))
        return {resource["urn"].rpartition("::")[2]: resource for resource in exported["deployment"].get("resources", [])}


@pytest.fixture
def pulumi() -> str:
    """The pulumi command."""
    folder = os.environ.get("HS_TEST_PULUMI_BIN")
    found = shutil.which("pulumi", path=folder) if folder else shutil.which("pulumi")
    if not found or not shutil.which("pulumi-language-python", path=str(Path(found).parent)):
        pytest.fail("no pulumi with its Python language host: put them on PATH or name their folder in HS_TEST_PULUMI_BIN")
    return found


@pytest.fixture
def stack(
    tmp_path: Path,
    pulumi: str,
    postgres: PostgresLab,
    rabbit: RabbitLab,
    postgresql_configuration: Properties,
    rabbitmq_configuration: Properties,
) -> Iterator[Stack]:
    """A new stack with the stand-in plugins installed; destroyed afterwards."""
    (tmp_path / "state").mkdir()
    (tmp_path / "program").mkdir()
    for name in MODULES:
        assert install(tmp_path / "home", name, load(name).version, cache=tmp_path / "cache") == "stand-in"
    _unused_plugin(tmp_path / "home", "kubernetes")
    (tmp_path / "program" / ".venv").symlink_to(sys.prefix)
    (tmp_path / "program" / "Pulumi.yaml").write_text("name: providers\nruntime: {name: python, options: {virtualenv: .venv}}\n")
    (tmp_path / "program" / "__main__.py").write_text(PROGRAM)
    pg, mq = postgresql_configuration, rabbitmq_configuration
    settings: Properties = {
        "name": f"t{secrets.token_hex(3)}",
        "postgresql": {
            "host": pg["host"], "port": int(pg["port"]), "username": pg["username"], "password": pg["password"],
            "sslmode": pg["sslmode"], "sslrootcert": pg["sslrootcert"], "superuser": False,
        },
        "rabbitmq": {"cacert_file": mq["cacertFile"], **{key: value for key, value in mq.items() if key != "cacertFile"}},
    }  # fmt: skip
    made = Stack(tmp_path, pulumi, settings)
    postgres.name = rabbit.name = settings["name"]
    made.pulumi("stack", "init", "test")
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
    postgres.run(f"REVOKE CONNECT ON DATABASE {name}_db FROM {name}_app", owner=f"{name}_owner")
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


def _unused_plugin(home: Path, name: str) -> None:
    """The language host asks for the plugin of every SDK in the virtual environment, used or not."""
    from importlib.metadata import version

    folder = home / "plugins" / f"resource-{name}-v{version(f'pulumi-{name}')}"
    folder.mkdir(parents=True)
    (folder / f"pulumi-resource-{name}").write_text("#!/bin/sh\nexit 1\n")
    (folder / f"pulumi-resource-{name}").chmod(0o755)
