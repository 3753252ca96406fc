"""Making signatures: with a key, or without one."""
