"""Pebble, Let's Encrypt's own test server, in the place of Let's Encrypt: it certifies what the estate proves by DNS."""
