"""The log shipper: what the collector is told, and what it may do."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from components.log_shipper import BATCH_BYTES_MAX, MEBIBYTE, configuration
from local.addons.images import IMAGES
from local.toolchain.pins import read_pins
from settings.log_shipping import ENDPOINTS, LogShipping
from settings.masks import PERSONAL, SECRETS
from tests.unit.components.recorder import Recorder

MEGABYTE = 1_000_000
SETTINGS = LogShipping(region="eu", namespaces=("live", "test"))


@pytest.fixture(scope="module")
def cluster(run_stack: Callable[..., Recorder]) -> Recorder:
    return run_stack("cluster")


def test_only_the_environments_lines_are_read_and_its_own() -> None:
    include = configuration(SETTINGS)["receivers"]["file_log"]["include"]
    assert include == [f"/var/log/pods/{namespace}_*/*/*.log" for namespace in ("live", "test", "log-shipper")]


def test_of_its_own_lines_only_those_of_a_delivery_that_failed_are_sent_so_that_a_failure_is_said_for_as_long_as_it_lasts() -> None:
    found = configuration(SETTINGS)
    assert found["service"]["telemetry"]["logs"]["level"] == "info", "the collector says at info that it will try again"
    [own] = found["processors"]["filter/drop"]["logs"]["log_record"]
    assert own == 'resource.attributes["k8s.namespace.name"] == "log-shipper" and not IsMatch(body, "Exporting failed")'


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
    assert found["processors"]["filter/drop"]["logs"]["log_record"][1:] == ['IsMatch(body, "GET /health")']
    assert found["processors"]["redaction"]["blocked_values"] == [*SECRETS, *PERSONAL]


def test_more_is_masked_where_the_settings_say_so_and_never_the_version_that_the_deploy_says() -> None:
    redaction = configuration(LogShipping(region="eu", namespaces=("live",), mask=("voucher-[0-9]+",)))["processors"]["redaction"]
    assert redaction["blocked_values"] == [*SECRETS, *PERSONAL, "voucher-[0-9]+"]
    assert "service.version" in redaction["ignored_keys"]


def test_a_quotation_mark_in_a_rule_stays_in_the_rule() -> None:
    found = configuration(LogShipping(region="eu", namespaces=("live",), drop=('say "hi"',)))
    assert found["processors"]["filter/drop"]["logs"]["log_record"][1:] == ['IsMatch(body, "say \\"hi\\"")']


def test_the_licence_key_is_in_a_secret_and_in_no_setting(cluster: Recorder) -> None:
    [key] = [one for one in cluster.of("Secret") if one.metadata.get("namespace") == "log-shipper"]
    assert "canary-new_relic_license_key" in str(key.inputs)
    assert "canary-new_relic_license_key" not in str(cluster.one("ConfigMap", "log-shipper").inputs)
    assert "canary-new_relic_license_key" not in str(cluster.one("DaemonSet", "log-shipper").inputs)


def test_another_licence_key_is_another_secret_so_that_the_pods_start_anew_with_it(cluster: Recorder) -> None:
    [key] = [one for one in cluster.of("Secret") if one.metadata.get("namespace") == "log-shipper"]
    assert key.inputs["immutable"] is True
    assert "name" not in key.metadata
    [container] = cluster.one("DaemonSet", "log-shipper").spec["template"]["spec"]["containers"]
    [read] = [variable for variable in container["env"] if variable["name"] == "NEW_RELIC_LICENSE_KEY"]
    assert read["valueFrom"]["secretKeyRef"]["name"] == f"{key.name}-0000"


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
