"""A PostgreSQL and a RabbitMQ of our own, as private processes on loopback with TLS, where the estate's are not at hand.

They are set up as the platform's machines are: an admin role that is no superuser, an administrator user, one CA.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ops.process import run

START_SECONDS = 60
STOP_SECONDS = 3  # nothing in these servers is worth a longer goodbye
POSTGRES_FOLDERS = ("/usr/lib/postgresql/18/bin", "/usr/lib/postgresql/16/bin", "/usr/lib/postgresql/15/bin")
RABBITMQ_SCRIPT = "/usr/lib/rabbitmq/bin/rabbitmq-server"
UNPRIVILEGED = "nobody"  # initdb refuses root
BUCKET, REGION = "state", "ams3"


@dataclass(frozen=True)
class Backend:
    """A server under test: where it is, its administrator, and the CA that signed its certificate."""

    host: str
    port: int
    user: str
    password: str
    ca: Path
    sslmode: str = "verify-full"
    log: Path | None = None
    log_command: tuple[str, ...] = ()
    """Prints the log of a server whose file cannot be read from here."""

    def read_log(self) -> str:
        """What the server has logged."""
        return self.log.read_text() if self.log else subprocess.run(self.log_command, check=True, capture_output=True, text=True).stdout


def postgres_folder() -> Path | None:
    """Where initdb and postgres are, if they are installed; $HS_TEST_POSTGRES_BIN names another place."""
    folders = [os.environ.get("HS_TEST_POSTGRES_BIN", ""), *POSTGRES_FOLDERS]
    return next((Path(folder) for folder in folders if folder and (Path(folder) / "initdb").exists()), None)


def rabbitmq_script() -> Path | None:
    """The start script of Debian's rabbitmq-server, if it is installed."""
    return Path(RABBITMQ_SCRIPT) if Path(RABBITMQ_SCRIPT).exists() else None


@contextmanager
def postgres(folder: Path, place: Path) -> Iterator[Backend]:
    """Run PostgreSQL in ``place`` until the end of the body."""
    data, port, password, admin = place / "data", _free_port(), secrets.token_urlsafe(12), "platform"
    certificates(place)
    _hand_over(place)
    user = UNPRIVILEGED if os.geteuid() == 0 else None
    clean = {"PATH": f"{folder}:/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
    subprocess.run(
        [folder / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "--no-sync"],
        check=True,
        user=user,
        env=clean,
        cwd=place,
        capture_output=True,
    )
    (data / "pg_hba.conf").write_text("local all postgres trust\nhost all all 127.0.0.1/32 scram-sha-256\n")
    tls = "ssl" in run([folder / "pg_config", "--configure"], check=False).stdout  # some builds for tests have none
    settings = {
        "listen_addresses": "127.0.0.1", "port": str(port), "unix_socket_directories": str(place), "fsync": "off",
        "ssl": "on" if tls else "off", "password_encryption": "scram-sha-256",
        "ssl_cert_file": str(place / "server.crt"), "ssl_key_file": str(place / "server.key"),
        "max_connections": "100", "log_statement": "all",
    }  # fmt: skip
    options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
    command: list[Path | str] = [folder / "postgres", "-D", data, *options]
    with _running(command, place / "postgres.log", user, clean):
        _await(
            lambda: run([folder / "psql", "-h", place, "-p", str(port), "-U", "postgres", "-c", "SELECT 1"], check=False).returncode == 0
        )
        statement = f"CREATE ROLE {admin} LOGIN CREATEDB CREATEROLE PASSWORD '{password}'"
        run([folder / "psql", "-h", place, "-p", str(port), "-U", "postgres", "-c", statement])
        sslmode = "verify-full" if tls else "disable"
        yield Backend("127.0.0.1", port, admin, password, place / "ca.crt", sslmode, place / "postgres.log")


@contextmanager
def rabbitmq(script: Path, place: Path) -> Iterator[Backend]:
    """Run RabbitMQ with its management API in ``place`` until the end of the body."""
    port, password, admin = _free_port(), secrets.token_urlsafe(12), "platform"
    certificates(place)
    (place / "rabbitmq.conf").write_text(f"""
listeners.tcp.1 = 127.0.0.1:{_free_port()}
default_user = {admin}
default_pass = {password}
default_user_tags.administrator = true
management.ssl.ip = 127.0.0.1
management.ssl.port = {port}
management.ssl.cacertfile = {place}/ca.crt
management.ssl.certfile = {place}/server.crt
management.ssl.keyfile = {place}/server.key
""")
    (place / "enabled_plugins").write_text("[rabbitmq_management].\n")
    _hand_over(place)
    user = UNPRIVILEGED if os.geteuid() == 0 else None
    names_port = str(_free_port())
    environment = {
        "PATH": "/usr/bin:/bin", "HOME": str(place), "LC_ALL": "C.UTF-8",
        "RABBITMQ_NODENAME": f"providers{port}@localhost", "RABBITMQ_CONFIG_FILE": str(place / "rabbitmq"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(place / "enabled_plugins"), "RABBITMQ_MNESIA_BASE": str(place / "mnesia"),
        "RABBITMQ_LOG_BASE": str(place / "log"), "RABBITMQ_DIST_PORT": str(_free_port()), "ERL_EPMD_PORT": names_port,
        "ERL_EPMD_ADDRESS": "127.0.0.1", "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
    }  # fmt: skip
    names = ["epmd", "-port", names_port, "-address", "127.0.0.1"]  # Erlang would start one of its own and leave it behind
    with _running(names, place / "epmd.log", user, environment), _running([script], place / "rabbitmq.log", user, environment):
        _await(lambda: _answers(port, admin, password, place / "ca.crt"))
        yield Backend("127.0.0.1", port, admin, password, place / "ca.crt")


@contextmanager
def object_storage(folder: Path, place: Path) -> Iterator[Backend]:
    """Run versitygw, an S3 server, with an empty bucket in ``place`` until the end of the body; without TLS."""
    (place / "data" / BUCKET).mkdir(parents=True)
    port, key, secret = _free_port(), secrets.token_hex(8), secrets.token_urlsafe(24)
    command: list[Path | str] = [
        folder / "versitygw",
        "--port",
        f"127.0.0.1:{port}",
        "--region",
        REGION,
        "--health",
        "/health",
        "posix",
        place / "data",
    ]
    environment = {"PATH": "/usr/bin:/bin", "ROOT_ACCESS_KEY_ID": key, "ROOT_SECRET_ACCESS_KEY": secret}
    with _running(command, place / "versitygw.log", None, environment):
        _await(lambda: run(["curl", "--silent", "--fail", f"http://127.0.0.1:{port}/health"], check=False).returncode == 0)
        yield Backend("127.0.0.1", port, key, secret, place)


def _answers(port: int, user: str, password: str, ca: Path) -> bool:
    import ssl

    import httpx

    try:
        context = ssl.create_default_context(cafile=str(ca))
        return httpx.get(f"https://127.0.0.1:{port}/api/overview", auth=(user, password), verify=context, timeout=5).status_code == 200
    except httpx.TransportError:
        return False


@contextmanager
def _running(command: Sequence[Path | str], log: Path, user: str | None, environment: dict[str, str]) -> Iterator[None]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
            user=user,
            env=environment,
            cwd=log.parent,
            start_new_session=True,
        )
        try:
            yield
        except TimeoutError as late:
            raise TimeoutError(f"{late}\n{log.read_text()[-2000:]}") from late
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _await(ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError(f"the server did not answer within {START_SECONDS} s")
        time.sleep(0.2)


def certificates(place: Path) -> None:
    """Make a CA and a server certificate for 127.0.0.1 in ``place``."""
    place.mkdir(parents=True, exist_ok=True)
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    ca: list[Path | str] = ["-addext", "basicConstraints=critical,CA:TRUE", "-keyout", place / "ca.key", "-out", place / "ca.crt"]
    run(["openssl", "req", "-x509", *key, "-subj", "/CN=test CA", *ca])
    signer: list[Path | str] = ["-CA", place / "ca.crt", "-CAkey", place / "ca.key", "-addext", "subjectAltName=IP:127.0.0.1"]
    leaf: list[Path | str] = ["-keyout", place / "server.key", "-out", place / "server.crt"]
    run(["openssl", "req", "-x509", *key, "-subj", "/CN=127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE", *signer, *leaf])
    (place / "server.key").chmod(0o600)


def _hand_over(place: Path) -> None:
    if os.geteuid() == 0:
        for path in (place, *place.rglob("*")):
            shutil.chown(path, UNPRIVILEGED)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
