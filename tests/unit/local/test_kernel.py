"""What kubelets change in the machine's kernel is put back."""

from __future__ import annotations

from pathlib import Path

import pytest

from local import kernel


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HS_CACHE", str(tmp_path / "cache"))
    for name in kernel.CHANGED_BY_KUBELETS:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("0\n")
    return tmp_path


def values(settings: Path) -> list[str]:
    return [(settings / name).read_text().strip() for name in kernel.CHANGED_BY_KUBELETS]


def test_settings_come_back_as_they_were_before_the_first_estate(settings: Path) -> None:
    kernel.note(settings)
    for name in kernel.CHANGED_BY_KUBELETS:
        (settings / name).write_text("1")
    kernel.note(settings)  # a second estate's
    kernel.restore(settings)
    assert values(settings) == ["0", "0", "0"]


def test_without_a_note_nothing_is_changed(settings: Path) -> None:
    kernel.restore(settings)
    assert values(settings) == ["0", "0", "0"]


def test_a_note_serves_once(settings: Path) -> None:
    kernel.note(settings)
    kernel.restore(settings)
    (settings / "kernel/panic").write_text("5")
    kernel.restore(settings)
    assert (settings / "kernel/panic").read_text() == "5"
