"""`make run`: the whole way, with a real Postfix, real packets and the real kernel."""
import os
import subprocess

import pytest

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root for namespaces")


def namespaces():
    return set(subprocess.run(["ip", "netns"], capture_output=True, text=True,
                              check=True).stdout.split())


def test_the_story_keeps_its_promises_and_leaves_nothing(root):
    result = subprocess.run([root / "scripts" / "story", "--plain"], capture_output=True,
                            text=True, check=False, stdin=subprocess.DEVNULL)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.count("BANNED") == 3
    assert result.stdout.count("the door is shut") == 3
    assert result.stdout.count("delivered") == 5  # four letters, and the last line
    careless, safe = (line for line in result.stdout.splitlines() if "VERDICT" in line)
    assert "NEEDS A SECURITY UPGRADE" in careless
    assert all(f"{r} " in careless for r in ("R1", "R2", "R3"))
    assert safe.strip() == "VERDICT: SAFE"
    assert "\033" not in result.stdout
    assert not [name for name in namespaces() if "story" in name]
    assert not [name for name in os.listdir("/run") if name.startswith("lastknock-story")]
