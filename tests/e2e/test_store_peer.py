"""Fail2ban's database read by us, and ours by Fail2ban, which goes on with it."""
import hashlib
import os
import sqlite3
import subprocess
import time

import pytest

from fail2ban_peer import BUILD, Peer, needs_fail2ban

pytestmark = needs_fail2ban
TOOL = os.path.join(BUILD, "tests", "store_tool")


def tool(database, *words):
    got = subprocess.run([TOOL, database, *map(str, words)], capture_output=True, text=True)
    assert got.returncode == 0, got.stderr
    return got.stdout.splitlines()


@pytest.fixture
def peer(tmp_path):
    p = Peer(tmp_path)
    yield p
    p.stop()


def stamp(when):
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(when))


def log_failures(peer, ip, count=3, user=""):
    with open(peer.dir + "/j1.log", "a") as f:
        for _ in range(count):
            f.write(f"{stamp(time.time())} fail from {ip}{user}\n")


def wait_banned(peer, ip):
    end = time.monotonic() + 60
    while peer.client("get", "j1", "banned", ip).stdout != "1\n":
        assert time.monotonic() < end, open(peer.dir + "/f2b.log").read()


def banned(peer):
    """`get JAIL banip` asks the ban list itself; restored bans are in it once j1 is in operation."""
    return set(peer.client("get", "j1", "banip").stdout.split())


def server_log(peer):
    with open(peer.dir + "/f2b.log") as f:
        return f.read()


def assert_untroubled(peer):
    log = server_log(peer)
    assert " ERROR " not in log and "New database created" not in log, log


def test_theirs_read_by_us(peer):
    peer.start()
    log_failures(peer, "192.0.2.1", user=" user bob")
    wait_banned(peer, "192.0.2.1")
    assert peer.client("set", "j1", "banip", "2001:db8::1", "10.1.0.0/16", "some-id").stdout == "3\n"
    peer.stop()
    now = int(time.time())
    rows = {line.split()[0]: line for line in tool(peer.database, "bans", "j1", now, 600)}
    assert set(rows) == {"192.0.2.1", "2001:db8::1", "10.1.0.0/16", "some-id"}
    ip, when, bantime, count, failures, rest = rows["192.0.2.1"].split(" ", 5)
    assert abs(int(when) - now) < 120 and (bantime, count, failures) == ("600", "1", "3")
    assert "user=bob" in rest and "ip4=192.0.2.1" in rest
    assert rest.count("|") == 3 and rest.endswith("fail from 192.0.2.1 user bob")
    assert tool(peer.database, "merged", "j1", "192.0.2.1")[0].split()[4] == "3"
    with open(peer.dir + "/j1.log", "rb") as f:
        first = hashlib.sha1(f.readline()).hexdigest()
    size = os.path.getsize(peer.dir + "/j1.log")
    assert tool(peer.database, "positions", "j1", peer.dir + "/j1.log") == [f"0 0 {first} {size}"]


@pytest.mark.parametrize("how", ["closed", "crashed"])
def test_ours_read_by_them(peer, how):
    now = int(time.time())
    log_failures(peer, "192.0.2.66")  # read by us already: they must not count it again
    with open(peer.dir + "/j1.log", "rb") as f:
        first = hashlib.sha1(f.readline()).hexdigest()
    tool(peer.database, "jail", "j1",
         "ban", "j1", "192.0.2.1", now, 600, "a line",
         "ban", "j1", "2001:db8::1", now - 300, 600, "b\u00fc\U0001f600\x01",
         "ban", "j1", "some-id", now, 600, "x",
         "ban", "j1", b"bad\xff\xfeid".decode(errors="surrogateescape"), now, 600, "y",
         "ban", "j1", "192.0.2.9", now - 700, 600, "over",
         "put", "j1", peer.dir + "/j1.log", first, os.path.getsize(peer.dir + "/j1.log"),
         *(["crash"] if how == "crashed" else []))
    assert os.path.exists(peer.database + "-wal") == (how == "crashed")
    peer.start()
    log_failures(peer, "192.0.2.2")
    wait_banned(peer, "192.0.2.2")
    for ip in ("192.0.2.1", "2001:db8::1", "some-id"):
        wait_banned(peer, ip)
    assert banned(peer) == {"192.0.2.1", "2001:db8::1", "some-id", "bad\ufffd\ufffdid", "192.0.2.2"}
    assert "Total failed:\t3\n" in peer.client("status", "j1").stdout
    assert_untroubled(peer)
    assert peer.client("set", "j1", "unbanip", "192.0.2.1").stdout == "1\n"
    assert peer.client("set", "j1", "banip", "192.0.2.3").stdout == "1\n"
    peer.stop()
    got = {line.split()[0] for line in tool(peer.database, "bans", "j1", now, 600)}
    assert got == {"2001:db8::1", "some-id", "bad\ufffd\ufffdid", "192.0.2.2", "192.0.2.3"}
    # their position is the newest known, after the one that we wrote
    where = tool(peer.database, "positions", "j1", peer.dir + "/j1.log")
    assert where[-1] == f"0 0 {first} {os.path.getsize(peer.dir + '/j1.log')}"


def test_back_and_forth(peer):
    """Each adds to what the other left; nothing is lost or rebuilt."""
    for n in range(3):
        now = int(time.time())
        tool(peer.database, "jail", "j1", "ban", "j1", f"192.0.2.{n}", now, 600, "ours")
        peer.start()
        assert peer.client("set", "j1", "banip", f"198.51.100.{n}").stdout == "1\n"
        wait_banned(peer, f"192.0.2.{n}")
        peer.stop()
    assert_untroubled(peer)
    with sqlite3.connect(peer.database) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert db.execute("SELECT count(*) FROM bips").fetchone() == (6,)
        assert db.execute("SELECT version FROM fail2banDb").fetchall() == [(4,)]


def test_same_tables_as_theirs(peer, tmp_path):
    """Columns, types, keys and indexes of Fail2ban's tables are the ones it would have made."""
    ours = str(tmp_path / "ours.sqlite3")
    tool(ours)
    peer.start()
    peer.stop()

    def shape(path):
        with sqlite3.connect(path) as db:
            tables = [r[0] for r in db.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'lk%'")]
            return {t: (db.execute(f"PRAGMA table_info({t})").fetchall(),
                        sorted(i[1:3] for i in db.execute(f"PRAGMA index_list({t})")),
                        db.execute(f"PRAGMA foreign_key_list({t})").fetchall())
                    for t in sorted(tables)}
    assert shape(ours) == shape(peer.database)
