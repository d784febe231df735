"""The stored state of a stack, restored: into a backend of its own in an empty folder, which the engine reads."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from ops.backup.archive import STATE_FOLDER
from ops.errors import PlatformError
from ops.process import run

BACKEND = {".pulumi/meta.yaml": "version: 1\n"}
"""What makes a folder a backend whose stacks belong to projects (pulumi's pkg/backend/diy/meta.go)."""


def restored_problems(name: str, content: bytes) -> list[str]:
    """Have the engine read a state of an archive, and compare what it finds; none where it is the same. No passphrase is asked for."""
    stack = name.removeprefix(STATE_FOLDER).removesuffix(".json")
    expected = urns(json.loads(content)["checkpoint"].get("latest") or {})
    with tempfile.TemporaryDirectory(prefix="restored-state-") as folder:
        for path, text in {**BACKEND, f".pulumi/stacks/{stack}.json": content.decode()}.items():
            target = Path(folder) / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
        exported = Path(folder) / "exported.json"
        words = ["pulumi", "stack", "export", "--stack", f"organization/{stack}", "--file", str(exported)]
        try:
            run(words, cwd=Path(folder), env={"PULUMI_BACKEND_URL": f"file://{folder}"}, what="the engine cannot read it")
        except PlatformError as failed:
            return [f"{name}: {failed.what}: {failed.why}"]
        found = urns(json.loads(exported.read_text())["deployment"])
    return [] if found == expected else [f"{name}: of {len(expected)} resources the engine reads {len(found & expected)}"]


def urns(deployment: dict[str, object]) -> set[str]:
    """The resources of a state."""
    resources = deployment.get("resources") or []
    assert isinstance(resources, list)
    return {str(resource["urn"]) for resource in resources}


__all__ = ["restored_problems", "urns"]
