"""What a push means: which of its refs become events, and what an event says."""

from __future__ import annotations

from local.github.events import ZEROS, Update, push_event, pushed_tags, read_updates, schedule_event

COMMIT, OLDER = "a" * 40, "b" * 40
REPOSITORY = {
    "name": "platform",
    "full_name": "highstreetly/platform",
    "default_branch": "main",
    "owner": {"login": "highstreetly", "name": "highstreetly"},
}


def _tags(count: int) -> list[Update]:
    return [Update(ZEROS, COMMIT, f"refs/tags/live/1.0.{number}") for number in range(count)]


def test_the_hook_s_lines_are_read_whole() -> None:
    assert read_updates([f"{ZEROS} {COMMIT} refs/tags/live/1.0.0\n"]) == [Update(ZEROS, COMMIT, "refs/tags/live/1.0.0")]


def test_up_to_three_tags_become_events_and_four_none() -> None:
    assert [len(pushed_tags(_tags(count))) for count in (0, 1, 2, 3, 4, 5)] == [0, 1, 2, 3, 0, 0]


def test_branches_and_deleted_tags_become_none() -> None:
    branch, deleted = Update(ZEROS, COMMIT, "refs/heads/main"), Update(COMMIT, ZEROS, "refs/tags/live/0.9.0")
    assert pushed_tags([branch, deleted, *_tags(1)]) == _tags(1)


def test_the_event_of_a_new_tag_has_the_documented_fields() -> None:
    event = push_event(Update(ZEROS, OLDER, "refs/tags/live/1.4.0"), COMMIT, "Bake bread", "ada")
    assert event == {
        "ref": "refs/tags/live/1.4.0",
        "before": ZEROS,
        "after": COMMIT,
        "created": True,
        "deleted": False,
        "forced": False,
        "base_ref": None,
        "commits": [],
        "head_commit": {"id": COMMIT, "message": "Bake bread"},
        "repository": REPOSITORY,
        "pusher": {"name": "ada"},
        "sender": {"login": "ada"},
    }


def test_a_moved_tag_is_forced_and_not_created() -> None:
    event = push_event(Update(OLDER, COMMIT, "refs/tags/live/1.4.0"), COMMIT, "", "ada")
    assert (event["before"], event["created"], event["forced"]) == (OLDER, False, True)


def test_a_schedule_s_event_has_no_ref() -> None:
    assert schedule_event("*/10 * * * *") == {
        "schedule": "*/10 * * * *",
        "repository": REPOSITORY,
        "sender": {"login": "github-actions"},
    }
