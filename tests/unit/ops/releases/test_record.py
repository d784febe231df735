"""A release's record, and what one release has otherwise than another."""

from __future__ import annotations

import json
from typing import Any

from ops.releases.record import Release, changed_keys, differences
from tests.unit.ops.releases.makers import release, sha


def test_a_record_survives_being_written_and_read_and_a_newer_program_may_add_to_it() -> None:
    before = release(3)
    document = json.loads(json.dumps(before.as_document()))
    assert document["seconds"] == 30
    assert Release.model_validate({**document, "something_new": 1}) == before


def test_two_releases_are_the_same_in_content_whatever_their_number_and_tag() -> None:
    assert release(1).content == release(1, tag="test/9.9.9", by="bob").model_copy(update={"number": 7}).content
    changed: list[dict[str, Any]] = [{"commit": "f" * 40}, {"images": {}}, {"configuration": {}}, {"migrations": {}}]
    for what in changed:
        assert release(1).content != release(1, **what).content


def test_differences_name_images_settings_and_scripts() -> None:
    before = release(1)
    after = release(2, migrations={"orders": "4567"})
    assert differences(before, after) == ["orders-api: 1.1.0 → 1.2.0", "settings: environment.version", "orders: scripts"]
    assert differences(None, after) == ["the first release"]
    assert differences(before, before) == ["nothing"]


def test_the_same_tag_with_another_digest_shows_the_digests() -> None:
    images = {"orders-api": f"highstreetly/orders-api:1.1.0@{sha('b')}"}
    assert differences(release(1, images={"orders-api": f"highstreetly/orders-api:1.1.0@{sha('a')}"}), release(1, images=images)) == [
        "orders-api: 1.1.0 (aaaaaaaa) → 1.1.0 (bbbbbbbb)"
    ]


def test_services_that_come_and_go_are_named() -> None:
    assert differences(release(1, images={"a-api": "x/a:1"}), release(1, images={"b-api": "x/b:1"})) == ["a-api: removed", "b-api: added"]


def test_a_change_of_the_catalogue_alone_is_told() -> None:
    catalogues: list[dict[str, Any]] = [{"uis": {"operator": {"ingress": {}}}}, {"uis": {"operator": {}}}]
    before, after = (release(1, catalogue=catalogue) for catalogue in catalogues)
    assert differences(before, after) == ["catalogue: uis.operator.ingress"]


def test_changed_keys_are_the_deepest_paths() -> None:
    assert changed_keys({"p:e": {"a": {"b": 1, "c": 2}, "d": 3}}, {"p:e": {"a": {"b": 9, "c": 2}}}) == ["e.a.b", "e.d"]
