"""An emulator of the part of the SonicOS 7 REST API that ansible/roles/sonicwall uses. For tests; the estate runs none."""
