"""Debian's own configuration, unchanged: the guard and `replay` ban what Fail2ban bans."""
import json
import os
import shutil
import time

import pytest

import guard as g
import loglines
from stock import JAILS, Peer, banned

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("fail2ban-server"),
    reason="needs root and Debian's fail2ban to compare with")

COUNT = int(os.environ.get("PEER_LINES", "100000"))


def settled(client, expect_lines, seconds=240):
    """What a server says once it has read everything: the same for two seconds."""
    last, since = None, time.monotonic()
    end = since + seconds
    while time.monotonic() < end:
        now = [client("status", jail) for jail in ("sshd", "postfix", "dovecot")]
        if now != last:
            last, since = now, time.monotonic()
        elif time.monotonic() - since > expect_lines and "Status for" in now[0]:
            return now
        time.sleep(0.2)
    raise AssertionError(f"not settled: {last}")


@pytest.fixture
def stock(tmp_path):
    net = g.Net("peer" + str(os.getpid() % 1000))
    made = []

    def build(log):
        peer = Peer(tmp_path / "peer", JAILS.replace("{log}", str(log))).start()
        made.append(peer)
        (tmp_path / "guard").mkdir()
        one = g.Guard(tmp_path / "guard", JAILS.replace("{log}", str(log)), net,
                      config="/etc/fail2ban")
        made.append(one)
        return peer, one

    yield build
    for thing in made:
        thing.stop()
    net.close()


def replay(one, log):
    r = g.run(g.LASTKNOCK, "replay", "-c", one.conf, "--json", log)
    return {(b["jail"], b["ip"]) for b in map(json.loads, r.stdout.splitlines())}


def compare(peer, one, log):
    theirs = settled(peer.client, 4)
    ours = settled(lambda *w: one.client(*w).stdout, 2)
    expected = banned(peer.client("banned"))
    assert len(expected) > 30, "the log has too few attackers to compare anything"
    assert banned(one.client("banned").stdout) == expected
    assert replay(one, log) == expected
    for a, b in zip(ours, theirs):
        # the order of the list is the order of bans: queues differ, sets must not
        a, b = (sorted(x.split("\n")[-2].split()) if i else x.split("\n")[:-2]
                for i, x in ((0, a), (0, b)))
        assert a == b
    return ours, theirs


@pytest.mark.parametrize("seed,date", [(1, loglines.traditional), (2, loglines.iso)])
def test_a_log_that_is_there(tmp_path, stock, seed, date):
    log = tmp_path / "mail.log"
    now = time.time()
    log.write_text("".join(loglines.lines(seed, COUNT, now - 300, now - 2, date)))
    peer, one = stock(log)
    one.start()
    compare(peer, one, log)


def test_a_log_that_grows(tmp_path, stock):
    log = tmp_path / "mail.log"
    log.write_text("".join(loglines.lines(9, 10, time.time() - 5, time.time(), attackers=1)))
    peer, one = stock(log)
    one.start()
    settled(peer.client, 1)
    written = 10
    while written < COUNT:
        now = time.time()
        n = min(5000, COUNT - written)
        g.append(log, "".join(loglines.lines(1000 + written, n, now, now + 0.001)))
        written += n
        time.sleep(0.05)
    compare(peer, one, log)
