"""A key pair, every recording signed once, and the sample repository that they were built from."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tests.recordings.reading import ASSETS, copy_of, sign


@dataclass
class Signer:
    """Copies that are signed once and shared; nobody may write to them."""

    folder: Path
    key: Path
    pub: Path
    copies: dict[tuple[str, ...], Path] = field(default_factory=dict)

    def signed(self, name: str, *arguments: str, where: Path | None = None) -> Path:
        """Signed in a job that runs in `where`; without, no git repository is there, and no tag object is known."""
        what = (name, *arguments, str(where))
        if what not in self.copies:
            copy = copy_of(name, self.folder / str(len(self.copies)))
            with contextlib.chdir(where or self.folder):
                run = sign(copy, self.key, *arguments)
            assert run.exit == 0, run.err
            self.copies[what] = copy
        return self.copies[what]


@pytest.fixture(scope="session")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    folder = tmp_path_factory.mktemp("signed")
    key = ec.generate_private_key(ec.SECP256R1())
    private, public = folder / "cosign.key", folder / "cosign.pub"
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return Signer(folder, private, public)


@pytest.fixture(scope="session")
def sample_repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    git = shutil.which("git")
    if git is None:
        pytest.skip("git is missing")
    folder = tmp_path_factory.mktemp("sample") / "app"
    subprocess.run([git, "clone", "--quiet", ASSETS / "app.bundle", folder], check=True)
    return folder
