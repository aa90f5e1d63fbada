"""The laboratory itself: each real server starts, logs an attack with the attacker's address, and
leaves nothing behind when it is stopped."""
import os
import pathlib
import subprocess

import pytest

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root for namespaces")
LAB_ID = f"test{os.getpid()}"


def lab(root, *words):
    return subprocess.run([root / "tests" / "lab" / "lab", *words], capture_output=True, text=True,
                          check=True, env=dict(os.environ, LAB_ID=LAB_ID)).stdout


def namespaces():
    return subprocess.run(["ip", "netns"], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("variant", ["safe", "careless"])
@pytest.mark.parametrize("server", ["postfix", "exim", "sendmail", "dovecot"])
def test_a_server_is_attacked_and_taken_down(root, server, variant):
    try:
        lab(root, "start", server, variant)
        assert f"{server}-{LAB_ID}: runs, {variant}" in lab(root, "status")
        answers = lab(root, "attack", server, "wrong-login", "--times", "1", "--from", "198.18.1.77")
        assert answers.count("\t198.18.1.77\t") == 1
        log = pathlib.Path(lab(root, "log", server).strip()).read_text()
        assert "198.18.1.77" in log
        assert f"lk-{server}-{LAB_ID}" in namespaces()
    finally:
        lab(root, "stop", server)
    assert LAB_ID not in namespaces()
    assert LAB_ID not in lab(root, "status")
    assert not pathlib.Path(f"/run/lastknock-lab/{server}-{LAB_ID}").exists()
