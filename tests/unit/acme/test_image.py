"""The ACME server's image is made here and named by what it is made from."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.acme import image
from local.addons import program_image
from local.toolchain import Toolchain
from local.toolchain.pins import read_pins


def test_its_name_changes_with_what_it_is_made_from_and_nobody_publishes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, bool]] = []
    monkeypatch.setattr(program_image, "ensure", lambda _toolchain, _program, tag, *, official: asked.append((tag, official)))
    pins = read_pins()
    newer = pins | {"pebble": pins["pebble"].model_copy(update={"version": "v2.11.0"})}
    names = [image.ensure_image(Toolchain(which, tmp_path)) for which in (pins, newer)]
    assert asked == [(name, False) for name in names]
    assert len(set(names)) == 2
    assert all(name.startswith("highstreetly/pebble:") for name in names)
