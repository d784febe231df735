"""What needs a second node: a cluster of its own beside the trial estate."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.cluster import cluster
from local.estate import CHECKOUT, Estate, EstateFile
from local.network import ensure_network, remove_network
from local.toolchain import Toolchain
from tests.e2e.conftest import Person


@pytest.fixture(scope="session")
def person() -> Person:
    """A person in the trial estate's checkout."""
    return Person(Path(os.environ["HS_TEST_CHECKOUT"]))


@pytest.fixture(scope="session")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Estate]:
    """A cluster of two nodes with nothing on it, for what needs a second node; its data lies apart from the trial estate's."""
    file = EstateFile.model_validate({"name": "hs-nodes", "subnet": "172.30.201.0/24", "nodes": 2, "loopback": "127.0.0.3"})
    found = Estate(file, CHECKOUT, tmp_path_factory.mktemp("nodes"))
    toolchain = Toolchain()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", toolchain.path())
        found.data_dir.mkdir(parents=True)
        try:
            cluster.delete(found)
            ensure_network(found)
            cluster.create(found)
            yield found
        finally:
            cluster.delete(found)
            remove_network(found)
