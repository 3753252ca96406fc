"""Keys that a service holds and signs with for us."""
