"""RabbitMQ's definitions as they were stored."""

from __future__ import annotations

import json

import pytest

from ops.backup.definitions import problems, summary

EXPORT = json.dumps(
    {"users": [{"name": "platform"}, {"name": "kind_orders"}], "vhosts": [{"name": "/"}, {"name": "kind"}], "queues": [{"name": "a"}]}
).encode()


def test_an_export_is_counted_by_kind() -> None:
    found = summary(EXPORT)
    assert (found["users"], found["vhosts"], found["queues"], found["policies"]) == ("2", "2", "1", "0")
    assert len(found["sha256"]) == 64


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"users": []}', b"\xff"])
def test_what_is_no_export_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        summary(content)
    assert problems(content, summary(EXPORT), "kind")[0].startswith("the definitions cannot be read")


def test_the_same_definitions_with_the_environment_s_vhost_are_good() -> None:
    assert problems(EXPORT, summary(EXPORT), "kind") == []


def test_others_are_said_to_be_others() -> None:
    changed = EXPORT.replace(b"kind_orders", b"kind_Orders")
    assert problems(changed, summary(EXPORT), "kind") == ["the definitions are not what was stored"]


def test_definitions_without_the_environment_s_vhost_do_not_help_it() -> None:
    assert problems(EXPORT, summary(EXPORT), "live") == ["the definitions do not hold the vhost live"]
