"""What the end to end tests share: where the program is."""
import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="session")
def root():
    """The top of the source tree."""
    return ROOT


@pytest.fixture(scope="session")
def lastknock():
    """The built program (make; or $LASTKNOCK)."""
    program = pathlib.Path(os.environ.get("LASTKNOCK", ROOT / "build" / "lastknock"))
    assert program.exists(), f"{program} is missing: run make first"
    return program


@pytest.fixture(scope="session")
def subcommands(lastknock):
    """The words that `lastknock --help` lists."""
    text = subprocess.run([lastknock, "--help"], capture_output=True, text=True, check=True).stdout
    return {line.split()[0] for line in text.splitlines() if line.startswith("  ")
            and not line.startswith("   ")}
