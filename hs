#!/bin/sh
# The platform's one command. Makes its Python environment on first use (cached by the hash of its pins), then runs cli.py.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
"$here/requirements/environment" "$here" requirements .venv
exec "$here/.venv/bin/python" "$here/cli.py" "$@"
