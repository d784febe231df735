"""The tools of the local estate: found on PATH, downloaded, or built from the package registries; cached by their pins."""

from local.toolchain.toolchain import Toolchain

__all__ = ["Toolchain"]
