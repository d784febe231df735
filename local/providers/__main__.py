"""`python -m local.providers NAME`: run one plugin. The engine reads its port from standard output and ends it when done."""

from __future__ import annotations

import importlib
import importlib.util
import os
import signal
import sys
import threading
import time
import types
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from local.providers.components import COMPONENTS

OPERATIONS_AT_ONCE = 32
LONGEST_MESSAGE_BYTES = 400 * 1024 * 1024  # as the official plugins
PARENT_CHECK_SECONDS = 2
# The engine ends its plugins with SIGINT when it is done. A user's Ctrl-C does not reach us: plugins have a process group of their own.
ENDINGS = {signal.SIGINT, signal.SIGTERM}


def main(arguments: list[str]) -> int:
    """Serve the plugin named by the first argument; the engine's own arguments after it are not needed."""
    if not arguments:
        sys.stderr.write("usage: python -m local.providers NAME\n")
        return 2
    parent = os.getppid()  # before the port is told: whoever has read it may be gone the next moment
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # what a plugin writes to standard error is shown to the user
    if arguments[0] in COMPONENTS:
        return _serve_component(COMPONENTS[arguments[0]], arguments[1:], parent)
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDINGS)  # before any thread exists, so that every one inherits it
    _skip_the_sdk()
    import grpc as untyped_grpc
    from pulumi.runtime.proto import provider_pb2_grpc

    from local.providers.base import Servicer
    from local.providers.packages import load

    grpc: Any = untyped_grpc
    limits = [("grpc.max_receive_message_length", LONGEST_MESSAGE_BYTES), ("grpc.max_send_message_length", LONGEST_MESSAGE_BYTES)]
    server = grpc.server(ThreadPoolExecutor(max_workers=OPERATIONS_AT_ONCE), options=limits)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Servicer(load(arguments[0])), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    threading.Thread(target=_end_with_parent, args=(parent,), daemon=True).start()
    signal.sigwait(ENDINGS)
    os._exit(0)  # at once: the engine waits for us, and everything it asked for is answered


def _serve_component(package: str, arguments: list[str], parent: int) -> int:
    """Serve a component provider, which needs the whole SDK."""
    threading.Thread(target=_end_with_parent, args=(parent,), daemon=True).start()
    for ending in ENDINGS:
        signal.signal(ending, lambda *_: os._exit(0))
    importlib.import_module(f"{package}.provider").serve(arguments)
    return 0


def _skip_the_sdk() -> None:
    """Make `pulumi.runtime.proto` importable without the rest of the SDK: its import alone costs more than the plugin's whole start."""
    found = importlib.util.find_spec("pulumi")
    if "pulumi" in sys.modules or found is None or not found.submodule_search_locations:
        return
    folder = next(iter(found.submodule_search_locations))
    for name, place in (("pulumi", folder), ("pulumi.runtime", os.path.join(folder, "runtime"))):
        module = types.ModuleType(name)
        module.__path__ = [place]
        sys.modules[name] = module


def _end_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(PARENT_CHECK_SECONDS)
    os._exit(0)  # the engine was killed: nobody is left to answer


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
