"""Images of one program that nobody publishes: made here, and named by what they are made from."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.acme import container as acme
from local.addons import program_image
from local.addons.program_image import Program
from local.registry import container as registry
from local.spaces import container as spaces
from local.toolchain import Toolchain
from local.toolchain.pins import read_pins


@pytest.mark.parametrize("program", [acme.PROGRAM, registry.PROGRAM, spaces.PROGRAM], ids=lambda program: program.name)
def test_a_name_changes_with_what_the_image_is_made_from(program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, bool]] = []
    monkeypatch.setattr(program_image, "ensure", lambda _toolchain, _program, tag, *, official: asked.append((tag, official)))
    pins = read_pins()
    newer = pins | {program.tool: pins[program.tool].model_copy(update={"version": "v99.0.0"})}
    names = [program_image.ensure_own(Toolchain(which, tmp_path), program) for which in (pins, newer)]
    assert asked == [(name, False) for name in names]
    assert len(set(names)) == 2
    assert all(name.startswith(f"highstreetly/{program.name}:") for name in names)
