"""Part of the image's build: puts the stand-in plugins `NAME=VERSION …` where the engine of the image looks for them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from local.providers.install import install

for plugin in sys.argv[1:]:
    name, _, version = plugin.partition("=")
    cache = Path(os.environ["HS_CACHE"])
    install(Path(os.environ["PULUMI_HOME"]), name, version, cache=cache, python=cache / "python" / "bin" / "python")
