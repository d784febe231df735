"""A pushed tag deploys: the repository's own workflow files, run by act in a runner's pod inside the cluster. In this order."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from local.environment import backend_url, variables
from local.estate import Estate
from local.github import checkout, clock, repository, runner, runs, start
from local.toolchain import Toolchain
from local.up import STAND_IN_PLUGINS
from ops.releases.book import BROKE_OFF
from tests.e2e.conftest import Person
from tests.e2e.releases import Platform, small_product

START_SECONDS = 90
STACK = checkout.STACK
"""One of the environments that the workflow has a job for; on the trial estate it is a small one of its own."""
RECONCILE = ".github/workflows/reconcile.yml"
PASSED_OVER = "passed over for dev/2.3.0"
MALFORMED = (
    "dev", "1.0.0", "dev-1.0.0", "dev/v1.0.0", "dev/1", "dev/1.0", "dev/1.0.0.0", "dev/01.0.0", "dev/1.0.0-", "dev/1.0.0-01",
    "dev/1.0.0+", "DEV/1.0.0", "dev/x/1.0.0", "vde/1.0.0", "dev/latest", "dev/1.0.0;id", "dev/$(id)", "cluster/1.0.0", "dev/1.0.0_1",
    "refs/heads/dev/1.0.0",
)  # fmt: skip


@dataclass(frozen=True)
class GitHub:
    """GitHub's place, and somebody who pushes to it."""

    platform: Platform
    place: Path
    estate: Estate

    def push(self, *tags: str, force: bool = False) -> None:
        """Push main and these tags."""
        refs = [f"refs/tags/{tag}" for tag in tags]
        self.platform.git("push", "--quiet", *(["--force"] if force else []), str(self.place), "HEAD:refs/heads/main", *refs)

    def wait(self) -> list[runs.Run]:
        """Wait until every run has ended, and return them."""
        return repository.wait(self.estate)

    def log(self, number: int) -> str:
        """What a run printed."""
        return (runs.folder_of(self.place, number) / runs.LOG).read_text()


@pytest.fixture(scope="module")
def github(person: Person, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitHub]:
    """The repository with a warm runner for `dev`, whose state is shared; the cluster's stack makes the runner's rights."""
    before = (person.checkout / "Pulumi.kind.yaml").read_text()
    content = yaml.safe_load(before)
    content["config"]["highstreetly:cluster"]["runners"] = checkout.runners()
    person.write("Pulumi.kind.yaml", yaml.safe_dump(content, sort_keys=False))
    person.types("./hs", "up", "kind")
    clone = tmp_path_factory.mktemp("pushed") / "checkout"
    developer = small_product(person, clone, STACK, **{"highstreetly:state": "shared"})
    estate, toolchain = Estate.load(clone), Toolchain()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables(estate, str(toolchain.pulumi_home()), toolchain.path(), STACK).items():
            patch.setenv(name, value)
        place = start.start(estate, toolchain, STAND_IN_PLUGINS, [STACK], backend_url(estate, STACK))
        yield GitHub(Platform(developer, estate, STACK), place, estate)
        repository.end(estate)
        for name in (STACK, runner.HOSTED):
            runner.remove(place / "runners", name)
        shutil.rmtree(place)
        developer.types("./hs", "destroy", STACK, "--yes")
    person.write("Pulumi.kind.yaml", before)
    person.types("./hs", "up", "kind")
    person.kubectl("delete", "namespace", STACK, runner.NAMESPACE, "--ignore-not-found")


def test_a_pushed_tag_deploys_its_environment_in_the_cluster_and_is_recorded(github: GitHub) -> None:
    github.platform.commit("the first release", "dev/1.0.0")
    github.push("dev/1.0.0")
    (first,) = github.wait()
    assert first.exit_code == 0, github.log(first.number)
    (release,) = github.platform.history()
    assert (release["tag"], release["outcome"], release["commit"]) == ("dev/1.0.0", "verified", first.commit)
    assert release["host"] != os.uname().nodename, "it ran on this machine, not in a pod"
    assert github.platform.image_of("orders-api").rpartition("@")[2] in release["images"]["orders-api"]


def test_a_run_says_when_it_was_pushed_taken_and_begun_and_its_log_when_each_line_came(github: GitHub) -> None:
    first = runs.every(github.place)[0]
    assert first.started is not None
    assert first.first_step is not None
    assert first.ended is not None
    assert first.pushed <= first.started <= first.first_step <= first.ended
    (begun, *_) = [line for line in github.log(first.number).splitlines() if "⭐ Run Main" in line]
    assert re.match(r" *\d+\.\d\d \[", begun), "the seconds since the push are in front of every line"


def test_two_tags_within_a_second_deploy_in_their_order(github: GitHub) -> None:
    for number in (1, 2):
        github.platform.change(replicas=number)
        github.platform.commit(f"{number} pods each", f"dev/1.{number}.0")
    github.push("dev/1.1.0", "dev/1.2.0")
    found = github.wait()
    assert [run.exit_code for run in found] == [0, 0, 0]
    assert found[2].pushed - found[1].pushed < 1, "they were not pushed within a second"
    assert [release["tag"] for release in github.platform.history()] == ["dev/1.2.0", "dev/1.1.0", "dev/1.0.0"]
    assert github.platform.deployment("orders-api")["replicas"] == 2


def test_the_same_tag_again_is_no_event_and_a_moved_one_is_refused_by_its_run(github: GitHub) -> None:
    before, ran = github.platform.history(), len(github.wait())
    github.push("dev/1.2.0")
    assert len(github.wait()) == ran
    github.platform.commit("something else")
    github.platform.git("tag", "--force", "dev/1.2.0")
    github.push("dev/1.2.0", force=True)
    moved = github.wait()[-1]
    assert moved.exit_code == 1
    assert "was moved" in github.log(moved.number)
    assert github.platform.history() == before


def test_four_tags_at_once_are_no_event_and_the_scheduled_reconcile_deploys_the_newest(github: GitHub) -> None:
    ran = len(github.wait())
    tags = [f"dev/2.{number}.0" for number in range(4)]
    for tag in tags:
        github.platform.commit(f"release {tag}")
        github.platform.git("tag", "--annotate", "--message", tag, tag)
    github.push(*tags)
    assert len(github.wait()) == ran
    clock.strike(github.place, STACK, RECONCILE)
    caught_up = github.wait()[-1]
    assert (caught_up.trigger, caught_up.exit_code) == ("schedule", 0), github.log(caught_up.number)
    assert github.log(caught_up.number).count(PASSED_OVER) == 3
    newest = github.platform.history()[0]
    assert (newest["tag"], newest["outcome"]) == ("dev/2.3.0", "verified")
    assert newest["host"] != os.uname().nodename, "it ran on this machine, not in a pod"
    assert "never produced a release" not in github.platform.person.types("./hs", "reconcile", STACK)


def test_the_same_deploy_from_a_laptop_when_the_runner_is_away(github: GitHub) -> None:
    github.platform.change(replicas=1)
    github.platform.commit("from a laptop", "dev/3.0.0")
    assert "verified" in github.platform.person.types("./hs", "deploy", "--tag", "dev/3.0.0")
    newest = github.platform.history()[0]
    assert (newest["tag"], newest["host"]) == ("dev/3.0.0", os.uname().nodename)


def test_a_runner_that_vanishes_in_the_middle_leaves_nothing_that_the_next_run_cannot_finish(github: GitHub) -> None:
    github.platform.change(replicas=2)
    github.platform.commit("the node of the runner restarts", "dev/4.0.0")
    github.push("dev/4.0.0")
    wait_until_it_rolls_out(github, replicas=2)
    busy = f"{runner.ENVIRONMENT_LABEL}={STACK},{runner.STATE_LABEL}={runner.BUSY}"
    github.platform.person.kubectl("delete", "pods", "--namespace", runner.NAMESPACE, "--selector", busy, "--force", "--grace-period=0")
    assert github.wait()[-1].exit_code != 0
    output = github.platform.person.types("./hs", "deploy", "--tag", "dev/4.0.0")
    assert "freed the lock of a run that is gone" in output
    newest, vanished = github.platform.history()[:2]
    assert (newest["tag"], newest["outcome"]) == ("dev/4.0.0", "verified")
    assert (vanished["tag"], vanished["outcome"], vanished["failure"]) == ("dev/4.0.0", "failed", BROKE_OFF)
    assert github.platform.deployment("orders-api")["replicas"] == 2


def wait_until_it_rolls_out(github: GitHub, replicas: int) -> None:
    """Wait until the engine of the newest run has changed a Deployment."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if github.platform.deployment("orders-api")["replicas"] == replicas:
            return
        time.sleep(0.1)
    pytest.fail(f"the run did not change the Deployment: {github.log(runs.every(github.place)[-1].number)}")


@pytest.mark.parametrize("tag", ["dev/v1.0.0", "vde/1.0.0"], ids=["of an environment", "of none"])
def test_a_malformed_tag_that_was_pushed_is_a_failed_run_that_says_so_and_nothing_is_touched(github: GitHub, tag: str) -> None:
    before, ran = github.platform.history(), len(github.wait())
    github.platform.commit("mistyped", tag)
    github.push(tag)
    (failed,) = github.wait()[ran:]
    assert failed.environment == (STACK if tag.startswith(STACK) else runner.HOSTED)
    assert (failed.exit_code, failed.problem) == (1, ""), github.log(failed.number)
    assert "is not the tag of a release" in github.log(failed.number)
    assert github.platform.history() == before


def test_twenty_malformed_tags_are_refused_with_exit_code_2_and_nothing_is_touched(github: GitHub) -> None:
    before = github.platform.history()
    for tag in MALFORMED:
        assert "nothing was touched" in github.platform.person.types("./hs", "deploy", "--tag", tag, expect=2)
    assert github.platform.history() == before
