"""Restoring an environment's databases: beside the present ones first, compared, and only then in their place."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ops.backup import restore as module
from ops.backup.content import Content
from ops.backup.plan import FILLING, WHOLE, Target, named
from ops.backup.restore import SWAP, Restore, Source
from ops.errors import InputError, PlatformError
from ops.machines import Answer
from settings import Settings
from tests.unit.ops.backup.fakes import NOW, FakeMachine, FakeServer, content, held, ok

EARLIER = NOW.replace(hour=13)
BEGUN = EARLIER.replace(hour=12)
AT = Source(moment=EARLIER)
ORDERS = Target("orders", "kind_orders", "kind_orders_before_20261123t140000")
SHOPS = Target("shops", "kind_shops", "kind_shops_before_20261123t140000")
SETTINGS = cast(
    Settings, SimpleNamespace(stack="kind", environment=object(), catalogue=SimpleNamespace(contexts={"orders": 1, "shops": 1}))
)


def server(**what: Any) -> FakeServer:
    """Two databases of the environment that hold more than they did in the past."""
    present = {"kind_orders": content(rows=9), "kind_shops": content(rows=9)}
    past = {"kind_orders": content(rows=3), "kind_shops": content(rows=4)}
    values: dict[str, Any] = {"machine": FakeMachine(), "port": 5432, "present": present, "past": past}
    return FakeServer(**(values | what))


def restore_of(asked: FakeServer, *targets: Target, source: Source = AT, **what: Any) -> Restore:
    """A restore whose decisions are made."""
    values: dict[str, Any] = {"environment": "kind", "source": source, "targets": targets, "expected": {}, "older_schema": False}
    return Restore(server=asked, **(values | what))


def swaps(asked: FakeServer) -> list[str]:
    """The transactions with which databases changed places."""
    machine = asked.machine
    assert isinstance(machine, FakeMachine)
    return [given.decode() for words, given in zip(machine.asked, machine.given, strict=True) if SWAP in words]


def test_all_databases_are_filled_and_compared_before_any_takes_its_place() -> None:
    asked = server()
    restore_of(asked, ORDERS, SHOPS).run()
    assert asked.log == [
        "aside 13:00:00",
        "create kind_orders_restored like kind_orders",
        "copy kind_orders to kind_orders_restored",
        "ANALYZE kind_orders_restored",
        "create kind_shops_restored like kind_shops",
        "copy kind_shops to kind_shops_restored",
        "ANALYZE kind_shops_restored",
        "aside removed",
    ]
    [swap] = swaps(asked)
    assert swap.count("RENAME") == 4


def test_of_a_single_database_only_its_own_files_are_fetched() -> None:
    asked = server()
    restore_of(asked, SHOPS).run()
    assert asked.log[0] == "aside 13:00:00 kind_shops"


def test_sessions_are_ended_of_exactly_the_databases_that_change_places() -> None:
    asked = server()
    restore_of(asked, ORDERS).run()
    machine = asked.machine
    assert isinstance(machine, FakeMachine)
    [words] = [words for words in machine.asked if SWAP in words]
    assert words[-1].endswith("ANY(string_to_array('kind_orders kind_orders_restored', ' '))")
    assert words[-2] == "5432"


def test_one_that_is_not_what_the_past_held_takes_nobody_s_place_and_is_not_called_whole() -> None:
    asked = server(spoiled="kind_shops_restored")
    with pytest.raises(PlatformError, match="is not what it must be") as failed:
        restore_of(asked, ORDERS, SHOPS).run()
    assert "kind_shops_restored: public.events has 1 rows; at that moment it had 4" in failed.value.why
    assert asked.comments["kind_orders_restored"] == WHOLE.format(source=named(EARLIER))
    assert asked.comments["kind_shops_restored"] == FILLING.format(source=named(EARLIER))
    assert swaps(asked) == []
    assert asked.log[-1] == "aside removed"


def test_the_same_command_takes_what_is_whole_and_makes_the_rest_again() -> None:
    asked = server(spoiled="kind_shops_restored")
    with pytest.raises(PlatformError):
        restore_of(asked, ORDERS, SHOPS).run()
    mended = server(present=asked.present, comments=asked.comments)
    restore_of(mended, ORDERS, SHOPS).run()
    assert mended.log[:3] == ["drop kind_shops_restored", "aside 13:00:00 kind_shops", "create kind_shops_restored like kind_shops"]
    assert len(swaps(mended)) == 1


def test_when_all_are_whole_nothing_is_fetched_again() -> None:
    whole = {"kind_orders_restored": WHOLE.format(source=named(EARLIER))}
    asked = server(present={"kind_orders": content(rows=9), "kind_orders_restored": content()}, comments=whole)
    restore_of(asked, ORDERS).run()
    assert asked.log == []
    assert len(swaps(asked)) == 1


def test_what_was_restored_to_another_time_is_not_taken_for_it() -> None:
    other = {"kind_orders_restored": WHOLE.format(source=named(NOW))}
    asked = server(present={"kind_orders": content(rows=9), "kind_orders_restored": content()}, comments=other)
    restore_of(asked, ORDERS).run()
    assert asked.log[0] == "drop kind_orders_restored"


def test_a_database_that_was_not_there_at_that_time_is_named_and_nothing_is_made() -> None:
    asked = server(past={"kind_orders": content()})
    with pytest.raises(PlatformError, match="there was no kind_shops"):
        restore_of(asked, ORDERS, SHOPS).run()
    assert asked.log == ["aside 13:00:00", "aside removed"]


def test_a_database_that_is_too_old_for_the_services_stays_aside_unless_that_is_wanted() -> None:
    asked = server()
    with pytest.raises(PlatformError, match="too old for its services"):
        restore_of(asked, ORDERS, expected={"orders": "3"}).run()
    assert swaps(asked) == []
    restore_of(asked, ORDERS, expected={"orders": "3"}, older_schema=True).run()
    assert len(swaps(asked)) == 1


def test_a_swap_that_fails_says_that_the_present_ones_serve_on() -> None:
    def busy(words: tuple[str, ...], _given: bytes) -> Answer:
        return Answer(3, b"", "ERROR:  database is being accessed by other users") if SWAP in words else ok()

    with pytest.raises(PlatformError, match="the present ones serve on") as failed:
        restore_of(server(machine=FakeMachine(reply=busy)), ORDERS).run()
    assert "being accessed by other users" in failed.value.why


@pytest.fixture
def dumps(tmp_path: Path) -> Source:
    """Dumps of both databases; that of the shops is damaged."""
    found = {"orders": tmp_path / "kind_orders.dump", "shops": tmp_path / "kind_shops.dump"}
    found["orders"].write_text("PGDMP5")
    found["shops"].write_text("PGDMPdamaged")
    return Source(dumps=found, names={context: f"the dump {path.name}" for context, path in found.items()})


def test_dumps_are_loaded_and_one_that_cannot_be_leaves_everything_as_it_was(dumps: Source) -> None:
    asked = server()
    with pytest.raises(PlatformError, match="could not be filled from the dump"):
        restore_of(asked, ORDERS, SHOPS, source=dumps).run()
    assert swaps(asked) == []
    assert asked.present["kind_orders"] == content(rows=9)
    restore_of(asked, ORDERS, source=dumps).run()
    assert asked.log.count("load kind_orders_restored") == 1
    assert len(swaps(asked)) == 1


class Questions:
    """Somebody who is asked and says yes."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, question: str) -> None:
        self.asked.append(question)


@pytest.fixture
def questions() -> Questions:
    """None so far."""
    return Questions()


@pytest.fixture
def ready(monkeypatch: pytest.MonkeyPatch) -> FakeServer:
    """A server that the whole command meets; the environment's turn and its Jobs are as in an empty cluster."""
    asked = server(backups_held=[held(began=BEGUN)])
    monkeypatch.setattr(module, "validated", lambda _environment: SETTINGS)
    monkeypatch.setattr(module, "server_of", lambda _settings: asked)
    monkeypatch.setattr(module, "get_items", lambda *_words: [])
    monkeypatch.setattr(module, "turn_of", lambda *_words: Turn(asked))
    return asked


class Turn:
    """The environment's turn, noted."""

    def __init__(self, asked: FakeServer) -> None:
        self.asked = asked

    def __enter__(self) -> None:
        self.asked.log.append("turn")

    def __exit__(self, *_error: object) -> None:
        self.asked.log.append("turn over")


def test_it_says_what_it_will_do_asks_and_has_the_environment_s_turn(
    ready: FakeServer, questions: Questions, capsys: pytest.CaptureFixture[str]
) -> None:
    found = module.restore("kind", lambda _settings: AT, confirm=questions)
    assert questions.asked == ["Restore 2 databases of kind?"]
    assert [target.context for target in found] == ["orders", "shops"]
    assert (ready.log[0], ready.log[-1]) == ("turn", "turn over")
    said = capsys.readouterr().out
    assert "kind_orders (1 MiB, version 2) becomes its state of 2026-11-23 13:00:00 UTC" in said
    assert "dropdb kind_orders_before_20261123t140000" in said


def test_a_dry_run_touches_and_asks_nothing(ready: FakeServer, questions: Questions) -> None:
    assert module.restore("kind", lambda _settings: AT, confirm=questions, dry_run=True) == []
    assert (ready.log, questions.asked) == ([], [])


def test_somebody_who_says_no_changes_nothing(ready: FakeServer) -> None:
    def no(_question: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        module.restore("kind", lambda _settings: AT, confirm=no)
    assert ready.log == []


@pytest.mark.parametrize(("moment", "what"), [(NOW.replace(hour=15), "is yet to come"), (BEGUN, "before the end of the oldest backup")])
def test_a_moment_that_cannot_be_restored_is_refused_before_anybody_is_asked(
    ready: FakeServer, questions: Questions, moment: Any, what: str
) -> None:
    with pytest.raises(InputError, match=what):
        module.restore("kind", lambda _settings: Source(moment=moment), confirm=questions)
    assert (ready.log, questions.asked) == ([], [])


def test_what_is_done_is_not_done_again_unless_that_is_wanted(ready: FakeServer, questions: Questions) -> None:
    ready.comments.update(dict.fromkeys(("kind_orders", "kind_shops"), WHOLE.format(source=named(EARLIER))))
    assert module.restore("kind", lambda _settings: AT, confirm=questions) == []
    assert questions.asked == []
    assert module.restore("kind", lambda _settings: AT, confirm=questions, again=True) != []


def test_of_dumps_only_the_contexts_that_have_one_are_restored(ready: FakeServer, questions: Questions, dumps: Source) -> None:
    assert dumps.dumps is not None
    only = Source(dumps={"orders": dumps.dumps["orders"]}, names=dumps.names)
    assert [target.context for target in module.restore("kind", lambda _settings: only, confirm=questions)] == ["orders"]
    assert "load kind_orders_restored" in ready.log


def test_a_stack_without_an_environment_has_no_databases(monkeypatch: pytest.MonkeyPatch, questions: Questions) -> None:
    monkeypatch.setattr(module, "validated", lambda _stack: SimpleNamespace(stack="cluster", environment=None))
    with pytest.raises(InputError, match="cluster holds no environment"):
        module.restore("cluster", lambda _settings: AT, confirm=questions)


def test_a_context_of_an_older_schema_is_measured_by_what_the_present_one_holds(ready: FakeServer, questions: Questions) -> None:
    ready.past["kind_shops"] = Content(version="1", scripts=("V1__a.sql",))
    with pytest.raises(PlatformError, match="too old for its services") as failed:
        module.restore("kind", lambda _settings: AT, confirm=questions)
    assert failed.value.why == "shops: restored is version 1, its services need 2"
