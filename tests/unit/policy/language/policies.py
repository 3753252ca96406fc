"""Policies that are right and policies that are not: one table for the reader and for the schema."""

from __future__ import annotations

import copy
import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[4]
EXAMPLES: Final = sorted((ROOT / "examples" / "policies").glob("*.toml"))
STRICT: Final = ROOT / "examples" / "policies" / "strict.toml"
HEAD: Final = 'schema = "policy.v1"\n'
DIGEST: Final = f"sha256:{'a' * 64}"
PEM: Final = """-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=
-----END PUBLIC KEY-----
"""
KEY: Final = '[[trust.keys]]\nkey = "release.pub"\n'
SUMMARIES: Final = '[[summaries]]\nverifier = "v"\n'
IDENTITY: Final = '[[trust.identities]]\nidentity = "x@example.com"\nissuer = "https://accounts.example.com"\n'

# What each says is in its name; all are read, and the schema takes them.
RIGHT: Final = {
    "nothing but the schema": "",
    "an image on Docker Hub by its full name": 'images = ["docker.io/library/alpine"]',
    "an image in a registry with a port": 'images = ["localhost:5000/app"]',
    "a layout": 'images = ["oci-layout:images"]',
    "an expression": 'images = ["/.*/"]',
    "a tag with something around it": 'image_tag = "release-{source_tag}-alpine"',
    "a sha512 digest": f'denied_digests = ["sha512:{"a" * 128}"]',
    "a key and nothing else of it": KEY,
    "a key in a variable": '[[trust.keys]]\nkey = "env://RELEASE_KEY"',
    "a pinned key": f'[[trust.keys]]\nkey = "release.pub@{DIGEST}"',
    "a key itself": f'[[trust.keys]]\nkey = """\n{PEM}"""',
    "a pinned key that is believed no longer": f'[trust]\ndenied_keys = ["lost.pub@{DIGEST}"]',
    "a pinned trusted root": f'[trust]\ntrusted_root = "root.json@sha512:{"a" * 128}"',
    "a file with an at sign": '[trust]\ntrusted_root = "root@home.json"',
    "a key in a service": '[[trust.keys]]\nkey = "hashivault://release"',
    "a time with an offset": KEY + "not_before = 2026-01-01T00:00:00+02:00",
    "an identity": IDENTITY,
    "an identity by an expression": IDENTITY.replace('"x@example.com"', "'/.+@example\\.com/'"),
    "a repository over ssh": '[source]\nrepository = "git@git.example.com:acme/app.git"',
    "a repository by an expression": "[source]\nrepository = '/https://git\\.example\\.com/acme/[a-z]+/'",
    "branches with slashes": '[source]\nbranches = ["feature/x", "/release/.*/"]',
    "tables in one line": 'source = { tags = ["v1"], clean = true }',
    "dotted keys": "source.clean = true\nbuild.level = 1",
    "a parameter that is never allowed": '[parameters.allowed]\n"build-arg:DEBUG" = []',
    "a parameter that is empty": '[parameters.allowed]\n"secret:npm" = [""]',
    "ages in every unit": "".join(
        f'[[summaries]]\nverifier = "v"\nmax_age = "3{unit}"\n[[summaries.keys]]\nkey = "v.pub"\n' for unit in "smhdw"
    ),
}

# What is wrong: the text, the line, and what is said of it.
WRONG: Final = {
    "a key that nobody knows": ("colour = 1", 2, "colour: unknown key; known are schema, images"),
    "a key that is misspelt": ("[source]\ntag = ['v1']", 3, "source.tag: unknown key; did you mean tags?"),
    "a key in the wrong table": ("tags = ['v1']", 2, "tags: unknown key"),
    "a misspelt key of a key": (KEY + "levle = 2", 4, "trust.keys[0].levle: unknown key; did you mean level?"),
    "a misspelt table": ("[sorce]\nclean = true", 2, "sorce: unknown key; did you mean source?"),
    "a text for a list": ("images = 'a.example/b'", 2, "images: expected a list of texts, found 'a.example/b'"),
    "a list for a text": ("image_tag = ['{source_tag}']", 2, "image_tag: expected a text in quotes, found a list"),
    "a number in a list": ("images = [\n1]", 3, "images[0]: expected a text in quotes, found 1"),
    "a text for a truth": ("signature_required = 'yes'", 2, "signature_required: expected true or false, found 'yes'"),
    "a number for a truth": ("signature_required = 1", 2, "signature_required: expected true or false, found 1"),
    "a truth for a number": ("[build]\nlevel = true", 3, "build.level: expected a number from 1 to 3, found true"),
    "a fraction for a number": ("[build]\nlevel = 2.5", 3, "build.level: expected a number from 1 to 3, found 2.5"),
    "a level that is none": ("[build]\nlevel = 4", 3, "build.level: expected a number from 1 to 3, found 4"),
    "a text for a table": ("source = 'x'", 2, "source: expected a table: [source], found 'x'"),
    "a table for tables": ("[trust.keys]\nkey = 'x'", 2, "trust.keys: expected tables that begin with [[trust.keys]]"),
    "a text among tables": ("[trust]\nkeys = ['x']", 3, "trust.keys[0]: expected a table that begins with"),
    "a time without a zone": (KEY + "not_after = 2026-01-01T00:00:00", 4, "not_after: expected a time with its zone"),
    "a day for a time": (KEY + "not_after = 2026-01-01", 4, "not_after: expected a time with its zone"),
    "no images": ("images = []", 2, "images: an empty list, so the policy speaks for no image"),
    "no tags": ("[source]\ntags = []", 3, "source.tags: an empty list, so no tag will do"),
    "no branches": ("[source]\nbranches = []", 3, "source.branches: an empty list, so no branch will do"),
    "no vouchers": ("[source]\nvouchers = []", 3, "source.vouchers: an empty list; expected some of certificate"),
    "no builders": ("[build]\nbuilders = []", 3, "build.builders: an empty list, so no builder will do"),
    "no types": ("[build]\ntypes = []", 3, "build.types: an empty list, so no build type will do"),
    "no builders of a root": (KEY + "builders = []", 4, "trust.keys[0].builders: an empty list, so it speaks for no"),
    "no denied digests": ("denied_digests = []", 2, "denied_digests: an empty list"),
    "no denied keys": ("[trust]\ndenied_keys = []", 3, "trust.denied_keys: an empty list, so no key is denied"),
    "no formats": ("[sbom]\nformats = []", 3, "sbom.formats: an empty list"),
    "no base images": ("[base_images]\nrepositories = []", 3, "base_images.repositories: an empty list, so no image"),
    "an empty text": ("[source]\nrepository = ''", 3, "source.repository: an empty text"),
    "an empty text in a list": ("[source]\ntags = ['']", 3, "source.tags[0]: an empty text"),
    "a blank key": ("[[trust.keys]]\nkey = ' '", 3, "trust.keys[0].key: an empty text"),
    "an expression of nothing": ("[source]\ntags = ['//']", 3, "source.tags[0]: an expression of nothing"),
    "an expression of nothing for a builder": ("[build]\nbuilders = ['//']", 3, "build.builders[0]: an expression of"),
    "an expression of nothing for a value": ("[parameters.allowed]\nx = ['//']", 3, "parameters.allowed.x[0]: an expr"),
    "an image with its tag": ("images = ['a.example/b:1']", 2, "images[0]: expected the full name without tag"),
    "an image with its digest": (f"images = ['a.example/b@{DIGEST}']", 2, "images[0]: expected the full name without"),
    "an image by its short name": ("images = ['alpine']", 2, "without tag and digest: docker.io/library/alpine"),
    "a template without the tag": ("image_tag = 'latest'", 2, 'image_tag: expected "{source_tag}" with letters'),
    "a template with another word": ("image_tag = '{commit}'", 2, 'image_tag: expected "{source_tag}" with letters'),
    "a template with the tag twice": (
        "image_tag = '{source_tag}{source_tag}'",
        2,
        'image_tag: expected "{source_tag}"',
    ),
    "a short digest": ("denied_digests = ['sha256:abc']", 2, "denied_digests[0]: expected sha256:<64"),
    "a short fingerprint": ("[trust]\ndenied_keys = ['sha256:abc']", 3, "trust.denied_keys[0]: expected sha256:<64"),
    "a key that is not named": ("[[trust.keys]]\nlevel = 2", 2, "trust.keys[0].key: missing"),
    "an identity without its issuer": (
        "[[trust.identities]]\nidentity = 'x'",
        2,
        "trust.identities[0].issuer: missing",
    ),
    "an issuer that is no address": (
        "[[trust.identities]]\nidentity = 'x'\nissuer = 'gitlab.com'",
        4,
        "trust.identities[0].issuer: expected an address: https://gitlab.com, found 'gitlab.com'",
    ),
    "a repository that is no address": ("[source]\nrepository = 'app'", 3, "source.repository: expected an address"),
    "a repository with a token": (
        "[source]\nrepository = 'https://user:token@git.example.com/acme/app'",
        3,
        "source.repository: expected an address without user, query and fragment",
    ),
    "a tag with its prefix": ("[source]\ntags = ['refs/tags/v1']", 3, "source.tags[0]: expected the name alone"),
    "a branch with its prefix": ("[source]\nbranches = ['/refs/heads/.*/']", 3, "branches[0]: expected the name alone"),
    "a branch with a star": ("[source]\nbranches = ['release/*']", 3, "source.branches[0]: expected a name as git has"),
    "an unknown voucher": ("[source]\nvouchers = ['builders']", 3, "did you mean builder?"),
    "an unknown format": ("[sbom]\nformats = ['SPDX']", 3, "sbom.formats[0]: expected one of spdx, cyclonedx"),
    "an age in words": ("[build]\nmax_age = '30 days'", 3, "build.max_age: expected a number above 0 and one of s"),
    "no age at all": ("[build]\nmax_age = '0d'", 3, "build.max_age: expected a number above 0 and one of s"),
    "an accepted thing without digest": (
        "[[source.accepted]]\nname = 'frontend'",
        2,
        "source.accepted[0].digest: miss",
    ),
    "a parameter with one value": ("[parameters.allowed]\ntarget = 'x'", 3, "allowed.target: expected a list of texts"),
    "a parameter with dots": ("[parameters.allowed]\na.b = ['x']", 3, "parameters.allowed.a: expected a list of texts"),
    "a pin that is too short": (
        "[[trust.keys]]\nkey = 'a.pub@sha256:abc'",
        3,
        "expected FILE@sha256:<64 lower-case hex",
    ),
    "a pin in capitals": (
        f"[[trust.keys]]\nkey = 'a.pub@{'sha256:' + 'A' * 64}'",
        3,
        "keys[0].key: expected FILE@",
    ),
    "a pinned variable": (f"[[trust.keys]]\nkey = 'env://KEY@{DIGEST}'", 3, "trust.keys[0].key: expected FILE@sha256:"),
    "a pinned service": (
        f"[[trust.keys]]\nkey = 'awskms:///k@{DIGEST}'",
        3,
        "trust.keys[0].key: expected FILE@sha256:",
    ),
    "a pin of a denied key that is none": ("[trust]\ndenied_keys = ['a@sha256:']", 3, "denied_keys[0]: expected FILE@"),
    "a pin of a root that is none": ("[trust]\ntrusted_root = 'a@sha512:a'", 3, "trust.trusted_root: expected FILE@"),
    "another policy's summaries": (
        f"{SUMMARIES}policies = ['{DIGEST}']\n[[summaries.keys]]\nkey = 'v.pub'",
        4,
        "summaries[0].policies: unknown key",
    ),
    "a level of a verifier's key": (
        f"{SUMMARIES}[[summaries.keys]]\nkey = 'v.pub'\nlevel = 2",
        6,
        "summaries[0].keys[0].level: unknown key; known are key, not_before, not_after",
    ),
    "the builders of a verifier's identity": (
        f"{SUMMARIES}{IDENTITY.replace('trust', 'summaries')}builders = ['https://b.example']",
        7,
        "summaries[0].identities[0].builders: unknown key; known are identity, issuer, not_before, not_after",
    ),
    "a verifier's key that is isolated": (
        f"{SUMMARIES}[[summaries.keys]]\nkey = 'v.pub'\nisolated = true",
        6,
        "summaries[0].keys[0].isolated: unknown key",
    ),
    "a verifier that nobody believes": ("[[summaries]]\nverifier = 'x'", 2, "summaries[0].keys: missing, and identit"),
    "a verifier without a name": ("[[summaries]]\n[[summaries.keys]]\nkey='x'", 2, "summaries[0].verifier: missing"),
}

# What no schema can say: JSON has no times, and whether an expression is one, RE2 alone knows.
WRONG_IN_SUBSTANCE: Final = {
    "a text for a time": (KEY + "not_after = '2026-01-01T00:00:00Z'", 4, "not_after: expected a time with its zone"),
    "a window that is none": (
        KEY + "not_before = 2026-01-02T00:00:00Z\nnot_after = 2026-01-02T01:00:00+01:00",
        5,
        "trust.keys[0].not_after: expected a time after not_before (2026-01-02T00:00:00Z)",
    ),
    "a time before the year 1": (
        KEY + "not_before = 0001-01-01T00:00:00+01:00",
        4,
        "trust.keys[0].not_before: expected a time between the years 1 and 9999",
    ),
    "an expression that is none": (
        "[source]\ntags = ['v1', '/v(/']",
        3,
        "source.tags[1]: not an expression that RE2 takes (missing ): v()",
    ),
    "an expression that looks back": (
        "[source]\ntags = ['/(a)\\1/']",
        3,
        "source.tags[0]: not an expression that RE2 takes",
    ),
    "an identity's expression that is none": (
        "[[trust.identities]]\nidentity = '/[/'\nissuer = 'https://gitlab.com'",
        3,
        "trust.identities[0].identity: not an expression that RE2 takes",
    ),
    "an expression that is too large": (
        "[build]\nbuilders = ['/\\pL{100}/']",
        3,
        "build.builders[0]: not an expression that RE2 takes",
    ),
}


def as_json(text: str) -> Any:
    """What a schema sees of a policy: TOML has times, JSON writes them as text."""
    return json.loads(json.dumps(tomllib.loads(text), default=lambda time: time.isoformat().replace("+00:00", "Z")))


def in_one_line(document: dict[str, Any]) -> dict[str, Any]:
    """The document with its times as `as_toml` writes them."""
    plain: dict[str, Any] = json.loads(json.dumps(document, default=lambda time: f"time:{time.isoformat()}"))
    return plain


def without_each_key(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """For every key in every table its name, and the document without it."""
    for path in key_paths(document):
        smaller = copy.deepcopy(document)
        del place(smaller, path[:-1])[path[-1]]
        yield ".".join(map(str, path)), smaller


def key_paths(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The keys of every table, and of those in lists."""
    for key, item in value.items():
        yield (*path, key)
        if isinstance(item, dict):
            yield from key_paths(item, (*path, key))
        elif isinstance(item, list) and item and isinstance(item[0], dict):
            yield from key_paths(item[0], (*path, key, 0))


def place(document: Any, path: tuple[str | int, ...]) -> Any:
    for part in path:
        document = document[part]
    return document


def as_toml(document: dict[str, Any]) -> str:
    """One line for each key."""
    return "\n".join(f"{json.dumps(key)} = {inline(item)}" for key, item in document.items())


def inline(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {inline(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(inline(item) for item in value) + "]"
    if isinstance(value, str) and value.startswith("time:"):
        return value.removeprefix("time:")
    return json.dumps(value)
