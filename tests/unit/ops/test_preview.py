"""`./hs preview`: what is known to change nothing is not asked of the engine when only changes count."""

from __future__ import annotations

import pytest

from ops import cli, preview
from ops.changes import Change


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The stacks that the engine was asked about; none has changed since its last run."""
    found: list[str] = []

    def look(stack: str, **_: bool) -> list[Change]:
        found.append(stack)
        return []

    monkeypatch.setattr(cli, "require_stack", lambda name: name)
    monkeypatch.setattr(preview, "is_known", lambda _: True)
    monkeypatch.setattr(preview, "preview", look)
    return found


def test_a_stack_that_has_not_changed_is_left_alone_and_said_to_be(asked: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    cli.preview("kind", if_changed=True)
    assert asked == []
    assert "kind is unchanged since its last run" in capsys.readouterr().out


def test_the_engine_is_asked_without_that_wish_and_when_reality_counts(asked: list[str]) -> None:
    cli.preview("kind")
    cli.preview("kind", if_changed=True, refresh=True)
    assert asked == ["kind", "kind"]
