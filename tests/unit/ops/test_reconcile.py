"""Which tags never produced a release, and what is done about each."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ops.errors import InputError, PlatformError
from ops.reconcile import TagAt, missing, reconcile, tags_of
from ops.releases.book import BROKE_OFF, Book, Hold
from ops.releases.record import Release
from ops.state import State, open_state
from ops.tags import parse_tag
from tests.unit.ops.releases.makers import BEGIN, back, release

ENVIRONMENTS = ["live", "test"]
HOLD = Hold("rolled back to release 1", "ada", "2026-11-23T12:00:00+00:00")


def tag(name: str, minutes: float, commit: str = "") -> TagAt:
    """A tag made some minutes after BEGIN; its commit is that of `release` with the same minor version."""
    minor = name.split(".")[1]
    return TagAt(parse_tag(name, ENVIRONMENTS), commit or f"{int(minor):040x}", BEGIN + timedelta(minutes=minutes))


def actions(tags: list[TagAt], releases: list[Release], hold: Hold | None = None) -> list[tuple[str, str]]:
    """What is done about each tag, in order."""
    found = missing(tags, {"test": releases}, {"test": hold} if hold else {})
    return [(str(finding.found.tag), finding.action) for finding in found]


def test_a_tag_with_its_release_is_left_alone() -> None:
    assert actions([tag("test/1.1.0", 59)], [release(1)]) == []


@pytest.mark.parametrize("outcome", ["running", "failed", "unverified"])
def test_a_release_that_did_not_go_well_is_not_begun_again(outcome: str) -> None:
    assert actions([tag("test/1.1.0", 59)], [release(1, outcome)]) == []


def test_a_release_whose_run_was_killed_is_begun_again_unless_something_came_after_it() -> None:
    broken = release(2, "failed", failure=BROKE_OFF)
    tags = [tag("test/1.1.0", 59), tag("test/1.2.0", 119)]
    assert actions(tags, [release(1), broken]) == [("test/1.2.0", "deploy")]
    assert "its release 2 broke off" in str(missing(tags, {"test": [release(1), broken]}, {})[0])
    assert actions(tags, [release(1), broken], HOLD) == [("test/1.2.0", "held")]
    assert actions([*tags, tag("test/1.3.0", 150)], [release(1), broken]) == [("test/1.3.0", "deploy")]
    assert actions(tags, [release(1), broken, release(3, "failed", commit=broken.commit, tag=broken.tag)]) == []
    assert actions(tags, [release(1), broken, back(3, to=1)]) == []
    assert actions(tags, [release(1), back(2, to=1, outcome="failed").model_copy(update={"failure": BROKE_OFF})]) == []
    assert actions([tags[0], tag("test/1.2.0", 119, commit="f" * 40)], [release(1), broken]) == [("test/1.2.0", "moved")]


def test_another_tag_for_what_was_released_has_its_release() -> None:
    assert actions([tag("test/1.1.0", 59), tag("test/2.1.0", 100)], [release(1, also=("test/2.1.0",))]) == []


def test_four_tags_at_once_give_one_deploy_of_the_newest_and_name_the_others_oldest_first() -> None:
    tags = [tag(f"test/1.{minor}.0", 100 + minor) for minor in (5, 2, 4, 3)]
    assert actions([tag("test/1.1.0", 59), *tags], [release(1)]) == [
        ("test/1.2.0", "pass over"),
        ("test/1.3.0", "pass over"),
        ("test/1.4.0", "pass over"),
        ("test/1.5.0", "deploy"),
    ]


def test_of_tags_of_the_same_second_the_higher_version_is_the_newer() -> None:
    tags = [tag("test/1.10.0", 100), tag("test/1.9.0", 100), tag("test/1.10.0-rc.1", 100)]
    assert actions(tags, []) == [("test/1.9.0", "pass over"), ("test/1.10.0-rc.1", "pass over"), ("test/1.10.0", "deploy")]


def test_the_second_of_two_tags_of_the_same_second_is_found_though_the_first_was_released_meanwhile() -> None:
    assert actions([tag("test/1.1.0", 59), tag("test/1.2.0", 59)], [release(1)]) == [("test/1.2.0", "deploy")]


def test_an_older_tag_does_not_count_after_a_newer_one_was_released() -> None:
    assert actions([tag("test/1.1.0", 50), tag("test/1.2.0", 59)], [release(2)]) == []


@pytest.mark.parametrize("later", [back(3, to=1), release(3, tag="")], ids=["rollback", "by hand"])
def test_a_tag_from_before_a_rollback_or_a_deploy_by_hand_does_not_count(later: Release) -> None:
    tags = [tag("test/1.1.0", 59), tag("test/1.2.0", 179), tag("test/1.4.0", 181)]
    assert actions(tags[:2], [release(1), later]) == []
    assert actions(tags, [release(1), later]) == [("test/1.4.0", "deploy")]


def test_a_held_environment_deploys_nothing_and_says_why() -> None:
    tags = [tag("test/1.1.0", 59), tag("test/1.2.0", 100), tag("test/1.3.0", 101)]
    assert actions(tags, [release(1)], HOLD) == [("test/1.2.0", "held"), ("test/1.3.0", "held")]
    assert "rolled back to release 1" in str(missing(tags, {"test": [release(1)]}, {"test": HOLD})[0])


def test_a_moved_tag_is_reported_and_never_deployed() -> None:
    moved = tag("test/1.1.0", 200, commit="f" * 40)
    assert actions([moved], [release(1)]) == [("test/1.1.0", "moved")]
    assert "was released as 000000000000 and is ffffffffffff now" in str(missing([moved], {"test": [release(1)]}, {})[0])


def test_environments_do_not_touch_each_other() -> None:
    tags = [tag("live/1.1.0", 10), tag("test/1.1.0", 59), tag("test/1.2.0", 5)]
    found = missing(tags, {"test": [release(1)]}, {"test": HOLD})
    assert [(str(finding.found.tag), finding.action) for finding in found] == [("live/1.1.0", "deploy")]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with one commit and the stack files of two environments."""
    for name in ENVIRONMENTS:
        (tmp_path / f"Pulumi.{name}.yaml").write_text("config: {highstreetly:environment: {}}\n")
    for words in ("init --quiet", "add .", "-c user.name=ada -c user.email=ada@example.org commit --quiet --message first"):
        subprocess.run(["git", *words.split()], cwd=tmp_path, check=True)
    return tmp_path


def make_tag(checkout: Path, *words: str, at: int = 0) -> None:
    """Tag the commit, ``at`` seconds after 2030 began."""
    date = f"{int(datetime(2030, 1, 1, tzinfo=UTC).timestamp()) + at} +0000"
    command = ["git", "-c", "user.name=ada", "-c", "user.email=ada@example.org", "tag", *words]
    subprocess.run(command, cwd=checkout, check=True, env={**os.environ, "GIT_COMMITTER_DATE": date})


def test_annotated_and_lightweight_tags_lead_to_the_commit_and_others_are_left_out(checkout: Path) -> None:
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=checkout, check=True, capture_output=True, text=True).stdout.strip()
    make_tag(checkout, "--annotate", "--message", "x", "test/1.0.0", at=7)
    for name in ("live/1.0.0", "live/1.0", "prod/1.0.0", "v1"):
        make_tag(checkout, name)
    found = {str(tag.tag): tag for tag in tags_of(checkout)}
    assert sorted(found) == ["live/1.0.0", "test/1.0.0"]
    assert {tag.commit for tag in found.values()} == {commit}
    assert found["test/1.0.0"].created == datetime(2030, 1, 1, 0, 0, 7, tzinfo=UTC)


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> State:
    """A backend of its own for the records."""
    (tmp_path / "state").mkdir()
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{tmp_path / 'state'}")
    return open_state(f"file://{tmp_path / 'state'}")


@pytest.mark.usefixtures("state")
def test_only_the_asked_environments_are_caught_up(checkout: Path) -> None:
    for name in ("live/1.0.0", "test/1.0.0", "test/1.1.0"):
        make_tag(checkout, "--annotate", "--message", "x", name)
    deployed: list[tuple[str, str]] = []
    reconcile(["test"], lambda environment, tag: deployed.append((environment, tag)), checkout)
    assert deployed == [("test", "test/1.1.0")]


@pytest.mark.usefixtures("state")
def test_a_refused_deploy_keeps_no_other_environment_from_its_own(checkout: Path) -> None:
    make_tag(checkout, "--annotate", "--message", "x", "live/1.0.0", at=0)
    make_tag(checkout, "--annotate", "--message", "x", "test/1.0.0", at=1)
    deployed = []

    def deploy(environment: str, tag: str) -> None:
        if environment == "live":
            raise InputError(f"{tag} was never verified in test.")
        deployed.append(tag)

    with pytest.raises(PlatformError, match=r"Not deployed: live/1\.0\.0"):
        reconcile(ENVIRONMENTS, deploy, checkout)
    assert deployed == ["test/1.0.0"]


def test_a_run_that_is_gone_is_seen_by_having_its_turn_and_one_at_work_is_waited_for(checkout: Path, state: State) -> None:
    make_tag(checkout, "--annotate", "--message", "x", "test/1.0.0")
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=checkout, check=True, capture_output=True, text=True).stdout.strip()
    book = Book(state, "test")
    book.begin(release(0, "running", tag="test/1.0.0", commit=commit, finished_at=None))
    deployed: list[str] = []
    reconcile(["test"], lambda environment, tag: deployed.append(f"{environment} gets {tag}"), checkout)
    assert deployed == ["test gets test/1.0.0"]
    running = book.begin(release(0, "running", tag="test/1.0.0", commit=commit, finished_at=None))
    begun = threading.Event()

    def work() -> None:
        with open_state(os.environ["PULUMI_BACKEND_URL"]).turn("test", "deploy", pytest.fail, pytest.fail):
            begun.set()
            time.sleep(0.3)  # long enough for the other to wait
            book.finish(running, outcome="verified")

    at_work = threading.Thread(target=work)
    at_work.start()
    assert begun.wait(10)
    reconcile(["test"], lambda environment, tag: pytest.fail(f"{environment} got {tag}"), checkout)
    at_work.join()


def test_a_held_environment_is_not_deployed(checkout: Path, state: State) -> None:
    make_tag(checkout, "--annotate", "--message", "x", "test/1.0.0")
    Book(state, "test").set_hold("looking into it")
    findings = reconcile(["test"], lambda environment, tag: pytest.fail(f"{environment} got {tag}"), checkout)
    assert [finding.action for finding in findings] == ["held"]


@pytest.mark.usefixtures("state")
def test_without_a_missed_tag_it_says_so(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert reconcile(["test"], lambda environment, tag: pytest.fail(f"{environment} got {tag}"), checkout) == []
    assert "No tag of test is without its release." in capsys.readouterr().out
