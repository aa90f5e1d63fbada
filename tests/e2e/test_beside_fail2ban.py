"""Before, after and instead of a Fail2ban: the same names in the kernel, no error, no stale rule;
Debian's default action; what the engine may not do."""
import os
import re
import shutil
import signal
import subprocess

import pytest

import guard as g

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("fail2ban-server"),
    reason="needs root and Debian's fail2ban")

JAIL = """[knock]
enabled = true
filter = knock
backend = auto
logpath = {dir}/knock.log
maxretry = 3
findtime = 10m
bantime = 10m
port = 2525
banaction = %s
action = %%(banaction)s[name=%%(__name__)s, port="%%(port)s", protocol="tcp"]
"""


class Fail2ban:
    """Debian's server on the same configuration, in the same namespace as the guard."""

    def __init__(self, one):
        self.one = one
        self.process = None

    def start(self):
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", self.one.net.server, "fail2ban-server", "-f", "-c",
             str(self.one.conf)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        g.wait_for("Fail2ban answers", lambda: self.one.client("ping").returncode == 0, 30)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)

    def kill(self):
        self.process.kill()
        self.process.wait(30)


@pytest.fixture
def net(request):
    n = g.Net("b" + re.sub(r"\W", "", request.node.name)[-7:] + str(os.getpid() % 1000))
    yield n
    n.close()


@pytest.fixture(params=["nftables", "nftables-multiport", "iptables-multiport"])
def both(request, tmp_path, net):
    (tmp_path / "g").mkdir()
    one = g.Guard(tmp_path / "g", JAIL % request.param, net, config="/etc/fail2ban")
    one.action = request.param
    (one.conf / "jail.d" / "defaults-debian.conf").unlink()  # sshd's log is not here
    (one.dir / "run").mkdir()
    (one.dir / "knock.log").touch()
    theirs = Fail2ban(one)
    yield one, theirs
    if theirs.process and theirs.process.poll() is None:
        theirs.stop()
    one.stop()
    errors = [line for line in one.log.splitlines() if " ERROR " in line or " CRITICAL " in line]
    assert not errors, errors


def blocked(one, address):
    """Does the kernel of the guard's namespace hold the address, wherever the action puts it?"""
    if one.action.startswith("nftables"):
        return address in (one.net.elements("addr-set-knock") or set())
    rules = g.run("ip", "netns", "exec", one.net.server, "iptables", "-S", check=False).stdout
    return f"-s {address}/32" in rules


def traces(one):
    """What of Fail2ban's names is left in the kernel."""
    rules = g.run("ip", "netns", "exec", one.net.server, "iptables", "-S", check=False).stdout
    return "f2b" in one.net.nft("list", "ruleset").stdout or "f2b" in rules


def round_of(one, server, address):
    server.start()
    g.append(one.dir / "knock.log", g.knocks(address, 3))
    g.wait_for("the ban", lambda: blocked(one, address), 20)


def test_in_turns(both):
    one, theirs = both
    round_of(one, theirs, "198.18.1.7")
    theirs.stop()
    assert not traces(one)
    round_of(one, one, "198.18.1.8")
    # the bans of the one before were in the database
    g.wait_for("the restored ban", lambda: blocked(one, "198.18.1.7"))
    assert one.banned("knock") == {"198.18.1.7", "198.18.1.8"}
    assert one.stop() == 0
    assert not traces(one)
    round_of(one, theirs, "198.18.1.9")
    g.wait_for("both restored", lambda: blocked(one, "198.18.1.7") and blocked(one, "198.18.1.8"))
    assert one.banned("knock") == {"198.18.1.7", "198.18.1.8", "198.18.1.9"}
    theirs.stop()
    assert not traces(one)


def test_after_a_fail2ban_that_was_killed(both):
    one, theirs = both
    if one.action == "iptables-multiport":
        pytest.skip("its chain stays, for Fail2ban's next start as well")
    round_of(one, theirs, "198.18.1.7")
    theirs.kill()
    os.unlink(one.socket)
    assert traces(one)
    round_of(one, one, "198.18.1.8")
    assert blocked(one, "198.18.1.7"), "what the other one banned stays banned"
    rules = one.net.nft("list", "chain", "inet", "f2b-table", "f2b-chain").stdout
    assert rules.count("@addr-set-knock ") == 1, rules
    assert one.stop() == 0
    assert not traces(one)


def test_fail2ban_after_a_guard_that_was_killed(both):
    one, theirs = both
    round_of(one, one, "198.18.1.7")
    for pid in [one.process.pid, *one.roles().values()]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    one.process.wait(10)
    g.wait_for("all are gone", lambda: not one.roles())
    # what it left is taken away by its next clean stop
    one.start()
    g.wait_for("it goes on", lambda: blocked(one, "198.18.1.7"))
    assert one.stop() == 0
    if one.action != "iptables-multiport":  # a shell action that was killed leaves its rules twice
        assert not traces(one)
    round_of(one, theirs, "198.18.1.9")
    theirs.stop()
