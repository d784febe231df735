"""`./hs verify`: an environment as the world sees it, from the name server's answer to an order on the dashboard."""

from __future__ import annotations

import ssl
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx
import tenacity

from ops import console, names, probes
from ops.certificates import read_certificates
from ops.errors import PlatformError
from ops.probes import Check
from ops.urls import require_hosts
from settings.catalogue import Catalogue
from settings.load import ROOT, Settings
from settings.public import Public, PublicHost

PAUSE_SECONDS = 2.0
"""Between two looks at a name that is not there yet."""
JOURNEY_SECONDS = 20
JOURNEY_PAUSE_SECONDS = 0.5
SHOP, DASHBOARD, CONTEXT = "shop", "dashboard", "orders"
"""The UI in which the journey begins, the one in which it ends, and the context that takes the order."""
CUSTOMER = "platform-verify"


@dataclass(frozen=True)
class Looked:
    """One public name after the wait: its checks, and where it answers with a certificate that holds; empty where it does not."""

    checks: tuple[Check, ...]
    address: str = ""


def verify(settings: Settings, *, wait_seconds: float = 90) -> list[Check]:
    """Look at every public name and send one order through; raises InputError for an environment that is not public.

    Names and certificates that are not there yet are looked at again until ``wait_seconds`` have passed.
    """
    hosts = require_hosts(settings)
    assert settings.environment is not None
    assert settings.environment.public is not None
    public = settings.environment.public
    context = probes.trust(public.trusted_roots_file, ROOT)
    with console.step(f"Checking {settings.stack} from outside") as step, ThreadPoolExecutor(max_workers=16) as pool:
        reached: list[str] = []

        def arrived(host: PublicHost) -> None:
            reached.append(host.host)
            step.note(f"{len(reached)} of {len(hosts)} names answer with their certificate")

        step.note(f"{len(hosts)} names")
        deadline = time.monotonic() + wait_seconds
        looked = list(pool.map(lambda host: _wait_for(host, public, context, deadline, arrived), hosts))
        answered = list(pool.map(lambda host, one: _ask(host, one, public, context, settings.catalogue), hosts, looked))
        step.note("an order from the shop to the dashboard")
        journey = _journey(settings.catalogue, {host.host: one for host, one in zip(hosts, looked, strict=True)}, hosts, context)
        checks = [check for one, more in zip(looked, answered, strict=True) for check in (*one.checks, *more)] + [journey]
        step.note(summary(checks))
    return with_reasons(checks, _reasons(settings.stack, hosts, public.nameserver) if failed_certificates(checks) else {})


def _wait_for(host: PublicHost, public: Public, context: ssl.SSLContext, deadline: float, arrived: Callable[[PublicHost], None]) -> Looked:
    while True:
        looked = _look(host, public, context)
        if looked.address:
            arrived(host)
            return looked
        if time.monotonic() + PAUSE_SECONDS > deadline:
            return looked
        time.sleep(PAUSE_SECONDS)


def _look(host: PublicHost, public: Public, context: ssl.SSLContext) -> Looked:
    """A name's record and, at the address that it gives, its certificate."""
    answer = names.ask(public.nameserver, host.host, "A")
    problem = names.address_problem(answer, host.host, public.address)
    record = Check(host.host, "DNS", not problem, problem or f"leads to {answer.records[0]}", "./hs up the environment" if problem else "")
    if not answer.records:
        return Looked((record, Check(host.host, "certificate", False, "not looked at: the name leads nowhere")))
    address = answer.records[0]
    seen = probes.shake_hands(address, public.https_port, host.host, context)
    certificate = probes.judge_certificate(host.host, seen, datetime.now(UTC), "./hs status")
    old = probes.old_version_taken(address, public.https_port, host.host) if seen.version else None
    checks = (record, certificate, probes.judge_versions(host.host, seen, old))
    return Looked(checks, address if all(check.ok for check in checks) else "")


def _ask(host: PublicHost, looked: Looked, public: Public, context: ssl.SSLContext, catalogue: Catalogue) -> list[Check]:
    """What a name answers over HTTP and HTTPS."""
    if not looked.address:
        return [Check(host.host, "HTTPS", False, "not looked at: what comes before it failed")]
    path = host.routes[0].path
    checks = [_redirect(host, f"{path.rstrip('/')}/verify?a=1", looked.address, public, context)]
    for number, route in enumerate(host.routes):
        try:
            answer = probes.request("GET", host.url.rstrip("/") + route.path, looked.address, context)
        except httpx.HTTPError as failed:
            checks.append(Check(host.host, f"HTTPS {route.path}", False, f"no answer: {failed}", "./hs status"))
            continue
        checks.append(probes.judge_answer(host.host, route.path, answer, is_ui=route.workload in catalogue.uis))
        if number == 0:
            checks.append(probes.judge_headers(host.host, answer, hsts=public.hsts))
    return checks


def _redirect(host: PublicHost, path: str, address: str, public: Public, context: ssl.SSLContext) -> Check:
    port = "" if public.http_port == 80 else f":{public.http_port}"
    try:
        answer = probes.request("GET", f"http://{host.host}{port}{path}", address, context)
    except httpx.HTTPError as failed:
        return Check(host.host, "HTTP", False, f"no answer at {address}:{public.http_port}: {failed}", "./hs status")
    return probes.judge_redirect(host.host, host.url.rstrip("/") + path, answer)


def _journey(catalogue: Catalogue, looked: Mapping[str, Looked], hosts: Sequence[PublicHost], context: ssl.SSLContext) -> Check:
    """An order placed in the shop and seen on the dashboard: through API, database, broker and receiver."""
    name = f"an order from {SHOP} to {DASHBOARD}"
    doors = {route.workload: host for host in hosts for route in host.routes if not route.webhook}
    shown = shown_contexts(catalogue)
    if SHOP not in doors or DASHBOARD not in doors or not shown:
        return Check("", name, False, f"{SHOP} and {DASHBOARD} are not both public, or no receiver hears of {CONTEXT}", "catalogue.yaml")
    shop, dashboard = doors[SHOP], doors[DASHBOARD]
    addresses = [looked[door.host].address for door in (shop, dashboard)]
    if not all(addresses):
        return Check("", name, False, "not tried: the shop or the dashboard does not answer with its certificate")
    started = time.monotonic()
    try:
        placed = probes.request("POST", f"{shop.url}api/{CONTEXT}/commands", addresses[0], context, json=order(str(uuid.uuid4())))
        if placed.status_code != httpx.codes.ACCEPTED:
            return Check("", name, False, f"the shop did not take it: {placed.status_code} {placed.text[:200]}", "./hs status")
        event = str(placed.json()["event_id"])
        models = [f"{dashboard.url}api/{one}/read-model" for one in shown]
        missing = _wait_for_event(event, models, addresses[1], context)
    except (httpx.HTTPError, ValueError, KeyError) as failed:
        return Check("", name, False, f"{type(failed).__name__}: {failed}", "./hs status")
    if missing:
        seen = f"placed as {event}, but not on the dashboard after {JOURNEY_SECONDS} s: {', '.join(missing)} lack it"
        return Check("", name, False, seen, f"./hs logs {shown[0]}-receiver")
    return Check("", name, True, f"order {event[:8]} known to {', '.join(shown)} after {time.monotonic() - started:.1f} s")


def shown_contexts(catalogue: Catalogue) -> list[str]:
    """The contexts that hear of orders and whose knowledge the dashboard shows."""
    dashboard = catalogue.uis.get(DASHBOARD)
    return [
        name
        for name, context in catalogue.contexts.items()
        if dashboard and name in dashboard.calls and context.receiver and CONTEXT in context.receiver.subscribes_to
    ]


def order(event_id: str) -> dict[str, object]:
    """An order that is recognisably a check, of nothing and for no money."""
    customer = {"name": CUSTOMER, "email": f"{CUSTOMER}@highstreet.ly"}
    return {"id": event_id, "type": "PlaceOrder", "data": {"customer": customer, "lines": [], "total_cents": 0}}


def _wait_for_event(event: str, models: Sequence[str], address: str, context: ssl.SSLContext) -> list[str]:
    """The read models in which an event does not appear in time."""

    def lacking() -> list[str]:
        return [url for url in models if not knows(probes.request("GET", url, address, context), event)]

    retry = tenacity.Retrying(
        retry=tenacity.retry_if_result(bool) | tenacity.retry_if_exception_type(httpx.HTTPError),
        stop=tenacity.stop_after_delay(JOURNEY_SECONDS),
        wait=tenacity.wait_fixed(JOURNEY_PAUSE_SECONDS),
        retry_error_callback=lambda state: state.outcome.result() if state.outcome else list(models),
    )
    return retry(lacking)


def knows(answer: httpx.Response, event: str) -> bool:
    """Whether a read model holds an event."""
    try:
        rows = answer.json()
    except ValueError:
        return False
    return answer.is_success and isinstance(rows, list) and any(isinstance(row, dict) and row.get("id") == event for row in rows)


def failed_certificates(checks: Sequence[Check]) -> list[str]:
    """The hosts whose certificate does not hold."""
    return [check.host for check in checks if check.name == "certificate" and not check.ok]


def _reasons(namespace: str, hosts: Sequence[PublicHost], nameserver: str) -> dict[str, str]:
    """What the cluster says of certificates that are not good; empty where it cannot be asked."""
    try:
        states = read_certificates(namespace, hosts, nameserver)
    except PlatformError:
        return {}
    return {state.host: f"{state.reason} {state.remedy}".strip() for state in states if state.reason}


def with_reasons(checks: Sequence[Check], reasons: Mapping[str, str]) -> list[Check]:
    """The checks, those of certificates that do not hold with the cluster's reason as what to mend."""
    failed = {host: reasons[host] for host in failed_certificates(checks) if host in reasons}
    return [
        Check(check.host, check.name, check.ok, check.seen, failed[check.host])
        if check.name == "certificate" and check.host in failed
        else check
        for check in checks
    ]


def summary(checks: Sequence[Check]) -> str:
    """How many checks failed, in words."""
    failed = sum(not check.ok for check in checks)
    return f"{failed} of {len(checks)} checks failed" if failed else f"all {len(checks)} checks passed"


def as_document(environment: str, checks: Sequence[Check]) -> dict[str, object]:
    """What `./hs verify --json` prints: environment, ok, and checks: [{host, check, ok, seen, remedy}]."""
    return {"environment": environment, "ok": all(check.ok for check in checks), "checks": [check.as_json() for check in checks]}


def show_checks(environment: str, checks: Sequence[Check]) -> None:
    """Print a line for each check, under its host, and what mends those that failed; then the summary."""
    host = None
    for check in checks:
        if check.host != host:
            host = check.host
            console.out.print(host or environment, style="bold", markup=False)
        console.out.print("  [green]✓[/green]" if check.ok else "  [red]✗[/red]", end=" ")
        console.out.print(f"{check.name}: {check.seen}", markup=False, soft_wrap=True)
        if check.remedy and not check.ok:
            console.out.print(f"      to mend it: {check.remedy}", markup=False, soft_wrap=True)
    console.out.print(f"{environment}: {summary(checks)}", markup=False)


__all__ = ["as_document", "show_checks", "verify"]
