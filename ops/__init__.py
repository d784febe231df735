"""The operator's commands behind ./hs. Imports settings, never a component."""
