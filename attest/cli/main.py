"""The command `attest`: finds the subcommand, turns errors into messages and exit codes, and decides nothing else."""

from __future__ import annotations

import importlib
import io
import os
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import click

from attest import __version__
from attest.errors import AttestError, NotWritable

INTERRUPTED: Final = 130
USAGE: Final = 2

# One file a command, imported when it is called: `attest verify` never loads what `attest build` needs.
COMMANDS: Final = {
    "build": "attest.cli.build",
    "verify": "attest.cli.verify",
    "inspect": "attest.cli.inspect",
    "sign": "attest.cli.sign",
    "sbom": "attest.cli.sbom",
    "download": "attest.cli.download",
    "key": "attest.cli.key",
    "policy": "attest.cli.policy",
    "demo": "attest.cli.demo",
}


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(COMMANDS[cmd_name]).command
        assert isinstance(command, click.Command)  # noqa: S101 - every file listed above defines one
        return command


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="attest")
def attest() -> None:
    """Prove where a container image came from.

    Exit codes: 0 passed, 1 failed, 2 wrong usage, 3 unknown (could not look, absent, nothing trusted or expected),
    4 refused by the registry or the identity provider, 5 the wrapped build failed, 130 interrupted.
    """


def main(arguments: Sequence[str]) -> int:
    """Run one command; the exit code is the answer. Raises nothing that a user could cause."""
    if sys.stdout is None:
        return _unwritable("it is closed")
    try:
        result = attest.main(list(arguments), prog_name="attest", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return USAGE
    except click.ClickException as error:
        return _usage(error)
    except (click.Abort, KeyboardInterrupt):
        click.echo("attest: interrupted", err=True)
        return INTERRUPTED
    except AttestError as error:
        say(f"attest: {error}")
        return error.exit_code
    except OSError as error:  # everything else was wrapped at its border
        return _unwritable(error.strerror or "unknown error")
    return result if isinstance(result, int) else 0


def say(message: str) -> None:
    """Tell people on standard error; what a stranger wrote in it must not move the terminal's cursor."""
    for line in message.splitlines():
        click.echo(plain(line), err=True)


def plain(value: object) -> str:
    """Text without control characters, lone surrogates and the like."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in str(value))


def _usage(error: click.ClickException) -> int:
    say(f"attest: {error.format_message()}")
    if isinstance(error, click.UsageError) and error.ctx is not None:
        click.echo(f"See {error.ctx.command_path} --help.", err=True)
    return USAGE


def _unwritable(why: str) -> int:
    problem = NotWritable(f"standard output: cannot write: {why}")
    click.echo(f"attest: {problem}", err=True)
    sys.stdout = None  # the interpreter would fail again when it flushes at exit
    return problem.exit_code


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def run() -> None:
    """The console script's entry."""
    signal.signal(signal.SIGTERM, _interrupt)  # a cancelled job stops its builder as Ctrl-C does
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # what the terminal's encoding lacks is no stack trace
    code = main(sys.argv[1:])
    if threading.active_count() > 1:
        # Threads may wait for a registry for minutes more; the interpreter would wait for them.
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                if stream is not None:
                    stream.flush()
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    run()
