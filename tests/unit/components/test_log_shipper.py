"""The log shipper: what the collector is told, and what it may do."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from components.log_shipper import BATCH_BYTES_MAX, MASKED, MEBIBYTE, configuration
from local.addons.images import IMAGES
from local.toolchain.pins import read_pins
from settings.log_shipping import ENDPOINTS, LogShipping
from tests.unit.components.recorder import Recorder

MEGABYTE = 1_000_000
SETTINGS = LogShipping(region="eu", namespaces=("live", "test"))


@pytest.fixture(scope="module")
def cluster(run_stack: Callable[..., Recorder]) -> Recorder:
    return run_stack("cluster")


def test_only_the_environments_lines_are_read() -> None:
    assert configuration(SETTINGS)["receivers"]["file_log"]["include"] == ["/var/log/pods/live_*/*/*.log", "/var/log/pods/test_*/*/*.log"]


@pytest.mark.parametrize(("region", "host"), [("eu", "otlp.eu01.nr-data.net"), ("us", "otlp.nr-data.net")])
def test_the_region_decides_the_endpoint(region: str, host: str) -> None:
    settings = LogShipping.model_validate({"region": region, "namespaces": ["live"]})
    assert configuration(settings)["exporters"]["otlp_http/newrelic"]["endpoint"] == f"https://{host}" == ENDPOINTS[region]
    assert settings.port == 443


def test_what_waits_waits_on_disk_and_is_tried_for_ever_in_requests_that_new_relic_takes() -> None:
    exporter = configuration(SETTINGS)["exporters"]["otlp_http/newrelic"]
    queue = exporter["sending_queue"]
    assert (queue["storage"], queue["block_on_overflow"], queue["queue_size"]) == ("file_storage", True, 256 * MEBIBYTE)
    assert exporter["retry_on_failure"]["max_elapsed_time"] == "0s"
    assert queue["batch"]["max_size"] == BATCH_BYTES_MAX < MEGABYTE


def test_masking_is_last_so_that_no_attribute_that_is_made_before_escapes_it() -> None:
    found = configuration(LogShipping(region="eu", namespaces=("live",), drop=("GET /health",)))
    assert found["service"]["pipelines"]["logs"]["processors"][-2:] == ["filter/drop", "redaction"]
    assert found["processors"]["filter/drop"]["logs"]["log_record"] == ['IsMatch(body, "GET /health")']


def test_a_quotation_mark_in_a_rule_stays_in_the_rule() -> None:
    found = configuration(LogShipping(region="eu", namespaces=("live",), drop=('say "hi"',)))
    assert found["processors"]["filter/drop"]["logs"]["log_record"] == ['IsMatch(body, "say \\"hi\\"")']


@pytest.mark.parametrize(
    "line",
    [
        "password=hunter2hunter2",
        'level=warn token: "abcdef0123456789"',
        '{"api_key":"0123456789abcdef"}',
        "Authorization: Bearer abcdefgh.12345678",
        "postgres://kind_orders_app:hunter2@10.0.0.1/kind_orders",
        "paid with sk_live_0123456789abcdef0123",
        "whsec_0123456789abcdef01234567",
        "order of grace.hopper@example.co.uk",
        "card 4242 4242 4242 4242",
        "jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl",
    ],
)
def test_secrets_and_personal_data_are_recognised(line: str) -> None:
    assert [pattern for pattern in MASKED if re.search(pattern, line)]


@pytest.mark.parametrize(
    "line", ["order 6f2b7c1e-0000-4000-8000-000000000007 placed", "listening on :8080", "took 12 ms", "2026-11-23T09:00:00Z"]
)
def test_what_is_neither_stays_as_it_is(line: str) -> None:
    assert [pattern for pattern in MASKED if re.search(pattern, line)] == []


def test_the_licence_key_is_in_a_secret_and_in_no_setting(cluster: Recorder) -> None:
    key = cluster.one("Secret", "log-shipper")
    assert "canary-new_relic_license_key" in str(key.inputs)
    assert "canary-new_relic_license_key" not in str(cluster.one("ConfigMap", "log-shipper").inputs)
    assert "canary-new_relic_license_key" not in str(cluster.one("DaemonSet", "log-shipper").inputs)


def test_the_collector_reads_pods_and_namespaces_and_may_do_nothing_else(cluster: Recorder) -> None:
    [rule] = cluster.one("ClusterRole", "log-shipper").inputs["rules"]
    assert (rule["resources"], rule["verbs"]) == (["pods", "namespaces"], ["get", "list", "watch"])
    [container] = cluster.one("DaemonSet", "log-shipper").spec["template"]["spec"]["containers"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"], "add": ["DAC_READ_SEARCH"]}
    writable = [mount["name"] for mount in container["volumeMounts"] if not mount.get("readOnly")]
    assert writable == ["state"]


def test_the_image_that_is_asked_for_is_the_one_that_the_local_estate_makes(cluster: Recorder) -> None:
    [container] = cluster.one("DaemonSet", "log-shipper").spec["template"]["spec"]["containers"]
    repository, _, tag = container["image"].rpartition(":")
    assert tag == read_pins()[IMAGES[repository].tool].version


def test_nobody_connects_to_it(cluster: Recorder) -> None:
    [policy] = [one for one in cluster.of("NetworkPolicy") if one.metadata["namespace"] == "log-shipper"]
    assert "ingress" not in policy.spec
    assert {port["port"] for port in policy.spec["egress"][0]["ports"]} == {53, 443, 6443}
