"""`python -m attest`."""

from attest.cli.main import run

run()
