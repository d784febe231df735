"""The pictures show what they claim to, each thing once, and nothing covers anything."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from ops.diagram import environment as environment_picture
from ops.diagram import estate as estate_picture
from ops.diagram.pictures import FOLDER, one, pictures
from ops.diagram.svg import Box, Picture, render, sides
from settings.datacenter.load import described
from settings.datacenter.place import place
from settings.flows import workload_flows
from settings.load import ROOT, load_catalogue

CATALOGUE = load_catalogue()
HOSTS = {"shop.example.org": ["shop"], "hooks.example.org": ["payments-api", "subscriptions-api"]}
DOMAINS = {"live": "example.org", "test": "test.example.org", "dev": "dev.example.org"}


@pytest.fixture(scope="module")
def live() -> Picture:
    return environment_picture.draw("live", CATALOGUE, HOSTS)


@pytest.fixture(scope="module")
def estate() -> Picture:
    datacenter = described()
    assert datacenter is not None
    return estate_picture.draw(datacenter, CATALOGUE, DOMAINS)


def names(picture: Picture, *kinds: str) -> list[str]:
    return sorted(box.name for box in picture.boxes if box.kind in kinds)


def labels(picture: Picture, word: str) -> list[str]:
    return sorted(arrow.label for arrow in picture.arrows if f" {word} " in arrow.label)


@pytest.mark.parametrize("name", sorted(pictures()))
def test_a_committed_picture_is_up_to_date(name: str) -> None:
    assert (ROOT / FOLDER / name).read_text() == pictures()[name], "run ./hs diagram"


def test_there_is_no_picture_of_what_is_not_there() -> None:
    assert sorted(path.name for path in (ROOT / FOLDER).glob("*.svg")) == sorted(pictures())


def test_nothing_covers_anything_and_words_stay_in_their_boxes(live: Picture, estate: Picture) -> None:
    for picture in (live, estate):
        assert sides(picture.boxes) == []
        assert [box.name for box in picture.boxes if not box.holds_its_words()] == []
        outside = [
            box.name for box in picture.boxes if box.x < 0 or box.x + box.width > picture.width or box.y + box.height > picture.height
        ]
        assert outside == []


def test_every_service_ui_and_database_is_there_once(live: Picture) -> None:
    assert names(live, "api", "receiver", "ui") == sorted(workload.name for workload in CATALOGUE.workloads())
    assert names(live, "database") == sorted(f"live_{context}" for context in CATALOGUE.contexts)


def test_every_call_and_no_other_is_drawn(live: Picture) -> None:
    assert labels(live, "calls") == sorted(f"{flow.source} calls {flow.target}" for flow in workload_flows(CATALOGUE))


def test_events_go_from_who_publishes_to_who_consumes(live: Picture) -> None:
    consumed = {f"{one.name} consumes {other}.events" for one in CATALOGUE.workloads() for other in one.subscribes_to}
    assert labels(live, "consumes") == sorted(consumed)
    publishers = {other for workload in CATALOGUE.workloads() for other in workload.subscribes_to}
    assert labels(live, "publishes") == sorted(f"{name}-api publishes {name}.events" for name in publishers)


def test_every_public_name_leads_where_it_leads(live: Picture) -> None:
    assert labels(live, "leads") == sorted(f"{host} leads to {target}" for host, targets in HOSTS.items() for target in targets)


def test_every_machine_stands_on_its_host(estate: Picture) -> None:
    datacenter = described()
    assert datacenter is not None
    frames = {frame.name: frame for frame in estate.frames}
    boxes = {box.name: box for box in estate.boxes}
    for machine in place(datacenter):
        assert frames[machine.host].overlaps(boxes[machine.name])
        assert str(machine.address) in boxes[machine.name].lines[0]
    assert len(place(datacenter)) == len(names(estate, "control_plane", "worker", "postgres", "rabbitmq"))


def test_every_environment_is_there_with_what_it_holds(estate: Picture) -> None:
    found = {box.name: box.lines for box in estate.boxes if box.kind == "environment"}
    assert found == {name: (domain, "9 services, 3 UIs, 5 databases, 4 queues") for name, domain in DOMAINS.items()}


def test_what_is_not_healthy_is_marked() -> None:
    picture = environment_picture.draw("live", CATALOGUE, HOSTS, ["orders-api", "live_shops"])
    assert names(picture, "bad") == ["live_shops", "orders-api"]
    assert 'class="box bad"' in one("kind", bad=["orders-api"])


def test_a_picture_is_xml_with_a_title_and_follows_the_reader_s_scheme(live: Picture) -> None:
    root = ElementTree.fromstring(render(live))
    assert root.get("aria-label") == live.title
    assert "prefers-color-scheme:dark" in render(live)


def test_a_name_with_a_sign_of_xml_is_written_as_words() -> None:
    picture = Picture("a & b", 100, 100, boxes=[Box("<shop>", "ui", 0, 0, 90, 40)])
    assert "<shop>" in [text.text for text in ElementTree.fromstring(render(picture)).iter() if text.text]


def test_boxes_that_touch_do_not_cover_each_other() -> None:
    left, right, over = Box("a", "ui", 0, 0, 10, 10), Box("b", "ui", 10, 0, 10, 10), Box("c", "ui", 9, 9, 10, 10)
    assert sides([left, right]) == []
    assert sides([left, right, over]) == [("a", "c"), ("b", "c")]


def test_the_readme_shows_the_estate() -> None:
    assert re.search(r"!\[[^]]+\]\(docs/pictures/estate\.svg\)", Path(ROOT / "README.md").read_text())
