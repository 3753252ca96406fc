"""The house holds: imports go down only, names say what is meant, nobody prints or exits below cli/.

The rules are functions over source text, so that each can be shown a sinner as well as the real tree.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[1]
TREE: Final = sorted((ROOT / "attest").rglob("*.py"))

NAMES: Final = frozenset({"errors", "reference"})
EVIDENCE: Final = NAMES | {"oci", "evidence"}
VERIFICATION: Final = EVIDENCE | {"trust", "policy"}
PUBLISHING: Final = VERIFICATION | {"verification", "sbom", "build", "ci"}

# What each room may import, besides itself and the package's version.
MAY_IMPORT: Final = {
    "errors": frozenset[str](),
    "reference": {"errors"},
    "oci": NAMES,
    "evidence": NAMES | {"oci"},
    "trust": EVIDENCE,
    "policy": EVIDENCE | {"trust"},
    "sbom": EVIDENCE,
    "build": EVIDENCE,
    "ci": EVIDENCE,
    "verification": VERIFICATION,
    "holding": EVIDENCE | {"ci"},
    "attaching": EVIDENCE | {"trust"},
    "publishing": PUBLISHING | {"holding", "attaching"},
    "__init__": PUBLISHING | {"holding", "attaching", "publishing"},
    "cli": PUBLISHING | {"holding", "attaching", "publishing"},
    "__main__": {"cli"},
}

BANNED_NAMES: Final = frozenset(
    word + ending for word in ("util", "helper", "common", "manager", "factory") for ending in ("", "s")
) | {"factories", "misc"}

# What costs tenths of a second to import, or is not needed by most commands (sigstore alone is half a second).
LATE: Final = ("sigstore", "urllib3", "cryptography", "cyclonedx", "in_toto_attestation", "license_expression", "rich")

Rule = Callable[[Path, ast.Module], Iterator[str]]


def room(module: str) -> str:
    """`attest.oci.limits` lives in oci, `attest` itself in __init__."""
    return [*module.split("."), "__init__"][1]


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imported(path: Path, tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and full name of everything of attest that is imported, for type checking or inside functions as well."""
    package = list(path.relative_to(ROOT).parent.parts)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)


def arrows_up(path: Path, tree: ast.Module) -> Iterator[str]:
    here = room(module_name(path))
    if here not in MAY_IMPORT:
        yield f"{path.relative_to(ROOT)}: {here} is no room of the house; say in MAY_IMPORT what it may import"
        return
    for line, name in imported(path, tree):
        there = room(name) if name.split(".")[0] == "attest" else here
        if there != here and there in MAY_IMPORT and there not in MAY_IMPORT[here]:
            yield f"{path.relative_to(ROOT)}:{line}: {here} must not import {there}"


def names_that_say_nothing(path: Path, tree: ast.Module) -> Iterator[str]:
    for part in path.relative_to(ROOT).with_suffix("").parts:
        if BANNED_NAMES.intersection(part.strip("_").split("_")):
            yield f"{path.relative_to(ROOT)}: {part} says nothing about what is in it"


def talks_or_exits(path: Path, tree: ast.Module) -> Iterator[str]:
    if room(module_name(path)) in ("cli", "__main__"):
        return
    exits = {"print", "exit", "quit", "SystemExit", "sys.exit", "os._exit"}
    exits |= {"sys.stdout.write", "sys.stderr.write"}
    for node in ast.walk(tree):
        if isinstance(node, (ast.Name, ast.Attribute)) and ast.unparse(node) in exits:
            yield f"{path.relative_to(ROOT)}:{node.lineno}: {ast.unparse(node)} below cli/"
        if isinstance(node, ast.ImportFrom) and {f"{node.module}.{alias.name}" for alias in node.names} & exits:
            yield f"{path.relative_to(ROOT)}:{node.lineno}: {ast.unparse(node)} below cli/"


def catches_everything(path: Path, tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.ExceptHandler):
            continue
        caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
        names = {ast.unparse(each) if each else "BaseException" for each in caught}
        cleans_up = isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None
        if "Exception" in names or ("BaseException" in names and not cleans_up):
            yield f"{path.relative_to(ROOT)}:{node.lineno}: catches everything, mistakes of our own among it"


RULES: Final[list[Rule]] = [arrows_up, names_that_say_nothing, talks_or_exits, catches_everything]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_house_holds(rule: Rule) -> None:
    broken = [sin for path in TREE for sin in rule(path, ast.parse(path.read_text()))]

    assert not broken, "\n".join(broken)


@pytest.mark.parametrize(
    ("rule", "path", "source"),
    [
        (arrows_up, "attest/oci/http/registry.py", "from attest.trust import keys"),
        (arrows_up, "attest/oci/http/registry.py", "from attest import policy"),
        (arrows_up, "attest/oci/http/registry.py", "from ...cli import main"),
        (arrows_up, "attest/oci/http/registry.py", "def late():\n    import attest.evidence.statement"),
        (arrows_up, "attest/errors.py", "from attest.reference import Digest"),
        (arrows_up, "attest/build/buildx.py", "if TYPE_CHECKING:\n    from attest.policy.report import Check"),
        (arrows_up, "attest/sbom/document.py", "from attest.build import buildx"),
        (arrows_up, "attest/policy/checks/image.py", "from attest.ci import gitlab"),
        (arrows_up, "attest/verification.py", "from attest.sbom import document"),
        (arrows_up, "attest/publishing.py", "from attest.cli.output import show"),
        (arrows_up, "attest/attic/old.py", ""),
        (names_that_say_nothing, "attest/oci/http_utils.py", ""),
        (names_that_say_nothing, "attest/common/text.py", ""),
        (talks_or_exits, "attest/oci/http/registry.py", "print('hello')"),
        (talks_or_exits, "attest/oci/http/registry.py", "import sys\nsys.exit(1)"),
        (talks_or_exits, "attest/oci/http/registry.py", "from sys import exit as leave"),
        (talks_or_exits, "attest/oci/http/registry.py", "raise SystemExit(3)"),
        (talks_or_exits, "attest/verification.py", "import sys\nsys.stderr.write('oh')"),
        (catches_everything, "attest/cli/verify.py", "try: pass\nexcept Exception: pass"),
        (catches_everything, "attest/cli/verify.py", "try: pass\nexcept (OSError, Exception): pass"),
        (catches_everything, "attest/cli/verify.py", "try: pass\nexcept: pass"),
    ],
)
def test_a_broken_rule_is_seen(rule: Rule, path: str, source: str) -> None:
    assert list(rule(ROOT / path, ast.parse(source)))


@pytest.mark.parametrize(
    ("rule", "path", "source"),
    [
        (arrows_up, "attest/oci/http/auth.py", "import json\nfrom attest import __version__\nfrom . import answer"),
        (arrows_up, "attest/publishing.py", "from attest.sbom import document\nfrom attest import verification"),
        (arrows_up, "attest/cli/verify.py", "from attest.publishing import publish\nfrom .main import run"),
        (talks_or_exits, "attest/cli/main.py", "print('hello')"),
        (catches_everything, "attest/oci/disk/layout.py", "try: pass\nexcept BaseException:\n    tidy()\n    raise"),
    ],
)
def test_what_is_allowed_is_left_alone(rule: Rule, path: str, source: str) -> None:
    assert not list(rule(ROOT / path, ast.parse(source)))


def test_the_command_line_starts_without_the_heavy_libraries() -> None:
    loaded = f"import sys, attest.cli.main; print(*sorted(set({LATE}) & set(sys.modules)))"

    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, cwd=ROOT)

    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []
