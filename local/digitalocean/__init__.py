"""An emulator of the DigitalOcean API v2 for domains and their records, and the authoritative DNS server of what it holds."""
