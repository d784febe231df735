"""The pictures show what they claim to, each thing once, and nothing covers anything."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

import pytest

from ops.diagram import environment as environment_picture
from ops.diagram import estate as estate_picture
from ops.diagram.cli import diagram, not_healthy
from ops.diagram.pictures import FOLDER, leads_to, one, pictures, settings_of
from ops.diagram.svg import LINES, Arrow, Box, Picture, Point, legend_width, overlapping, render
from ops.errors import InputError, PlatformError
from ops.status import NOT_RELEASED, DatabaseStatus, EnvironmentStatus, WorkloadStatus
from settings.catalogue import Catalogue
from settings.datacenter.load import described
from settings.datacenter.model import Datacenter
from settings.datacenter.place import place
from settings.flows import workload_flows
from settings.load import ROOT, environments, load_catalogue

CATALOGUE = load_catalogue()
HOSTS = {"shop.example.org": ["shop"], "hooks.example.org": ["payments-api", "subscriptions-api"]}
DOMAINS = {"live": "example.org", "test": "test.example.org", "dev": "dev.example.org"}


@pytest.fixture(scope="module")
def live() -> Picture:
    return environment_picture.draw("live", CATALOGUE, HOSTS)


@pytest.fixture(scope="module")
def estate() -> Picture:
    return estate_picture.draw(datacenter(), CATALOGUE, DOMAINS)


def datacenter() -> Datacenter:
    """Ours."""
    found = described()
    assert found is not None
    return found


def names(picture: Picture, *kinds: str) -> list[str]:
    return sorted(box.name for box in picture.boxes if box.kind in kinds)


def labels(picture: Picture, word: str) -> list[str]:
    return sorted(arrow.label for arrow in picture.arrows if f" {word} " in arrow.label)


@pytest.mark.parametrize("name", sorted(pictures()))
def test_a_committed_picture_is_up_to_date(name: str) -> None:
    assert (ROOT / FOLDER / name).read_text() == pictures()[name], "run ./hs diagram"


def test_there_is_no_picture_of_what_is_not_there() -> None:
    assert sorted(path.name for path in (ROOT / FOLDER).glob("*.svg")) == sorted(pictures())


def drawn(name: str) -> Picture:
    """The real picture of an environment."""
    return environment_picture.draw(name, CATALOGUE, leads_to(settings_of(name), CATALOGUE))


def crowded() -> Picture:
    """An environment with more names than rows, long ones, and an API that has a name of its own."""
    hosts = {f"shop{number}.a-long-name-of-a-street.example.org": ["shop"] for number in range(14)}
    return environment_picture.draw("live", CATALOGUE, {**hosts, "identity.example.org": ["identity-api"], **HOSTS})


LEVEL = Catalogue.model_validate(
    {"contexts": {"orders": {}, "payments": {}}, "uis": {"shop": {"calls": ["payments"]}, "dashboard": {"calls": ["orders"]}}}
)
"""The shop's one line arrives where the dashboard's would begin."""
PICTURES: dict[str, Callable[[], Picture]] = {
    **{name: partial(drawn, name) for name in environments()},
    "crowded": crowded,
    "level": partial(environment_picture.draw, "dev", LEVEL, {}),
    "without names": partial(environment_picture.draw, "dev", CATALOGUE, {}),
    "estate": lambda: estate_picture.draw(datacenter(), CATALOGUE, DOMAINS),
}


@pytest.fixture(params=sorted(PICTURES))
def picture(request: pytest.FixtureRequest) -> Picture:
    """Each picture in turn: of every environment, of the estate, and of environments that are none of ours."""
    return PICTURES[request.param]()


def test_nothing_covers_anything_and_words_stay_in_their_boxes(picture: Picture) -> None:
    assert overlapping(picture.boxes) == []
    assert [box.name for box in picture.boxes if not box.holds_its_words()] == []
    outside = [
        box.name
        for box in picture.boxes
        if box.x < 0 or box.y < 0 or box.x + box.width > picture.width or box.y + box.height > picture.height
    ]
    assert outside == []
    assert legend_width(picture.legend) < picture.width


def test_no_line_runs_through_a_box(picture: Picture) -> None:
    assert [(arrow.label, box.name) for arrow in picture.arrows for box in picture.boxes if arrow.crosses(box)] == []


def test_every_line_ends_at_the_box_that_it_names(picture: Picture) -> None:
    for arrow in picture.arrows:
        x, y = arrow.points[-1]
        reached = [box.name for box in picture.boxes if box.x <= x <= box.x + box.width and box.y <= y <= box.y + box.height]
        assert len(reached) == 1, arrow.label
        assert any(reached[0] in part for part in (arrow.label, "SonicWall")), (arrow.label, reached)


def owner(arrow: Arrow) -> str:
    """Whose line it is: the exchange's, the machine's that all environments meet at, else that of whoever begins it."""
    words = arrow.label.split()
    return words[-1] if {"consumes", "has"} & set(words) else words[0]


def share(one: tuple[Point, Point], other: tuple[Point, Point], along: int) -> bool:
    """Whether two straight pieces run on each other, level (along 0) or upright (along 1)."""
    ends = [*one, *other]
    apart = max(min(point[along] for point in piece) for piece in (one, other)) >= min(
        max(p[along] for p in piece) for piece in (one, other)
    )
    return len({point[1 - along] for point in ends}) == 1 and not apart


def test_lines_of_different_callers_never_run_on_each_other(picture: Picture) -> None:
    straight = [arrow for arrow in picture.arrows if not arrow.is_curved]
    pieces = [(owner(arrow), piece) for arrow in straight for piece in zip(arrow.points, arrow.points[1:], strict=False)]
    shared = {
        (who, other)
        for number, (who, piece) in enumerate(pieces)
        for other, another in pieces[number + 1 :]
        if who != other and (share(piece, another, 0) or share(piece, another, 1))
    }
    assert shared == set()


def test_every_kind_of_line_is_explained(picture: Picture) -> None:
    assert {arrow.kind for arrow in picture.arrows} <= {kind for kind, _ in picture.legend}


def test_every_service_ui_and_database_is_there_once(live: Picture) -> None:
    assert names(live, "api", "receiver", "ui") == sorted(workload.name for workload in CATALOGUE.workloads())
    assert names(live, "database") == sorted(f"live_{context}" for context in CATALOGUE.contexts)


def test_every_call_and_no_other_is_drawn(live: Picture) -> None:
    assert labels(live, "calls") == sorted(f"{flow.source} calls {flow.target}" for flow in workload_flows(CATALOGUE))


def test_events_go_from_who_publishes_to_who_consumes(live: Picture) -> None:
    consumed = {f"{one.name} consumes {other}.events" for one in CATALOGUE.workloads() for other in one.subscribes_to}
    assert labels(live, "consumes") == sorted(consumed)
    assert labels(live, "publishes") == sorted(f"{name}-api publishes {name}.events" for name in CATALOGUE.contexts)


def test_every_public_name_leads_where_it_leads(live: Picture) -> None:
    assert labels(live, "leads") == sorted(f"{host} leads to {target}" for host, targets in HOSTS.items() for target in targets)


def test_who_sends_webhooks_and_where_dead_letters_lie_is_said(live: Picture) -> None:
    lines = {box.name: box.lines for box in live.boxes}
    assert lines["hooks.example.org"] == ("from stripe, stripe-connect, chargebee",)
    assert "dead letters orders.dead" in lines["orders-receiver"]


def test_a_request_s_way_and_the_data_s_place_are_drawn(estate: Picture) -> None:
    says = {arrow.label for arrow in estate.arrows}
    assert {"Customers: HTTPS", "Payments: webhooks", "Customers ask DigitalOcean where a name leads", "SonicWall leads to ingress"} <= says
    for name in DOMAINS:
        assert f"ingress leads to {name}" in says
        assert f"{name} has its 5 databases on postgres" in says
        assert f"{name} has its vhost {name} on rabbitmq" in says


def test_every_machine_stands_on_its_host(estate: Picture) -> None:
    frames = {frame.name: frame for frame in estate.frames}
    boxes = {box.name: box for box in estate.boxes}
    for machine in place(datacenter()):
        assert frames[machine.host].overlaps(boxes[machine.name])
        assert str(machine.address) in boxes[machine.name].lines[0]
    assert len(place(datacenter())) == len(names(estate, "control_plane", "worker", "postgres", "rabbitmq"))


def test_every_environment_is_there_with_what_it_holds(estate: Picture) -> None:
    found = {box.name: box.lines for box in estate.boxes if box.kind == "environment"}
    counts = "9 services, 3 UIs, 4 queues with dead letters"
    assert found == {name: (domain, f"namespace {name}", counts) for name, domain in DOMAINS.items()}


def test_what_is_not_healthy_is_marked() -> None:
    picture = environment_picture.draw("live", CATALOGUE, HOSTS, ["orders-api", "live_shops"])
    assert names(picture, "bad") == ["live_shops", "orders-api"]
    assert 'class="box bad"' in one("kind", bad=["orders-api"])
    assert "red: not healthy" in one("kind", bad=["orders-api"])
    assert "red: not healthy" not in one("kind")


def test_what_is_marked_is_what_does_not_run_and_was_released() -> None:
    away = [WorkloadStatus(name, "api", False, "", replicas) for name, replicas in (("orders-api", "0/1"), ("loyalty-api", NOT_RELEASED))]
    status = EnvironmentStatus("kind", away, [], [DatabaseStatus("kind_shops", "1", "2")], "kind")
    assert not_healthy(status) == ["orders-api", "kind_shops"]
    with pytest.raises(PlatformError, match="not known"):
        not_healthy(replace(status, cluster_trouble="The cluster did not answer."))


def test_a_picture_from_the_files_needs_no_estate_and_a_cluster_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def reach(_name: str) -> None:
        pytest.fail("nothing need be reachable")

    monkeypatch.setattr("ops.cli.preparations", [reach])
    diagram("kind", tmp_path, live=False)
    assert "namespace kind" in (tmp_path / "kind.svg").read_text()
    with pytest.raises(InputError, match="cluster is no environment"):
        diagram("cluster", tmp_path, live=False)


def test_a_picture_is_xml_with_a_title_and_follows_the_reader_s_scheme(live: Picture) -> None:
    root = ElementTree.fromstring(render(live))
    assert root.get("aria-label") == live.title
    light, dark = render(live).split("prefers-color-scheme:dark")
    for kind, (on_light, on_dark) in LINES.items():
        assert f".{kind}-way{{stroke:{on_light}}}" in light
        assert f".{kind}-way{{stroke:{on_dark}}} .{kind}-end{{fill:{on_dark}}}" in dark


def test_a_name_with_a_sign_of_xml_is_written_as_words() -> None:
    picture = Picture("a & b", 100, 100, boxes=[Box("<shop>", "ui", 0, 0, 90, 40)])
    assert "<shop>" in [text.text for text in ElementTree.fromstring(render(picture)).iter() if text.text]


def test_boxes_that_touch_do_not_cover_each_other() -> None:
    left, right, over = Box("a", "ui", 0, 0, 10, 10), Box("b", "ui", 10, 0, 10, 10), Box("c", "ui", 9, 9, 10, 10)
    assert overlapping([left, right]) == []
    assert overlapping([left, right, over]) == [("a", "c"), ("b", "c")]


def test_the_readme_shows_the_estate() -> None:
    assert re.search(r"!\[[^]]+\]\(docs/pictures/estate\.svg\)", Path(ROOT / "README.md").read_text())
