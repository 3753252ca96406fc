"""Record what `attest demo` falls back to where no BuildKit answers: a real BuildKit's output of the demo's source.

Needs a BuildKit that attest build can reach. Prints the commit, which attest/cli/demo.py must name.

    python tests/assets/record_demo.py
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from attest.cli import demo


def main() -> None:
    shutil.rmtree(demo.RECORDING, ignore_errors=True)
    with tempfile.TemporaryDirectory() as folder:
        app, layout = Path(folder, "hello"), Path(folder, "images")
        if why_not := demo.make_repository(app):
            sys.exit(why_not)
        build = ["build", "-t", f"oci-layout:{layout}:{demo.TAG}", str(app)]
        subprocess.run([sys.executable, "-m", "attest", *build], check=True, env=os.environ)
        commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=app, check=True, capture_output=True, text=True)
        shutil.copytree(layout, demo.RECORDING)
    print(f"recorded {commit.stdout.strip()} in {demo.RECORDING}")


if __name__ == "__main__":
    main()
