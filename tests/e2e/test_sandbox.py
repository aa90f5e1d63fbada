"""What a process of the guard can still do once an attacker has it."""
import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("LASTKNOCK", ROOT / "build" / "lastknock")).parent

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give it up")

POWERS = ["fork", "exec", "setuid-root", "kill-init", "ptrace-parent", "chroot"]
FILES = ["read-passwd", "write-tmp", "rename-out", "link-in", "mkdir-outside"]
SOCKETS = ["socket-inet", "socket-udp", "socket-unix", "socket-netlink"]


def probe(role, directory):
    directory.mkdir()
    directory.chmod(0o777)
    for path in directory.parents:
        if path != pathlib.Path("/"):
            path.chmod(path.stat().st_mode | 0o011)
    r = subprocess.run([BUILD / "tests" / "sandbox_probe", role, directory], capture_output=True,
                       text=True, check=False, timeout=30)
    assert r.returncode == 0, r.stderr
    return dict(line.split() for line in r.stdout.splitlines())


@pytest.mark.parametrize("role", ["engine", "console", "herald"])
def test_nothing_is_left(role, tmp_path):
    found = probe(role, tmp_path / "state")
    assert found["got"] == "7", "user, Landlock and seccomp"
    allowed = {what for what, result in found.items() if result == "ok"}
    expected = {"engine": {"write-inside"}, "console": set(),
                "herald": {"socket-inet", "socket-udp"}}[role]
    if role == "herald":  # a socket is its trade; what it may do with one, Landlock says
        allowed -= {"socket-unix", "socket-netlink"}
    assert allowed == expected
    for what in POWERS + FILES:
        assert found[what] in ("EPERM", "EACCES", "EXDEV", "ENOENT"), (what, found[what])
