"""attest proves where a container image came from."""

__version__ = "0.1.0"
