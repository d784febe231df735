"""The random package: values drawn once from the system's cryptographic source and kept in the state."""
