"""
The client subcommands against the real peer: the same words to fail2ban-client and to lastknock,
each with a fail2ban-server of its own, give the same text and exit status.
"""
import os
import pickle
import shlex
import socket
import subprocess
import sys

import pytest

from fail2ban_peer import END, LASTKNOCK, Fake, Peer, needs_fail2ban, normal, run_lastknock

sys.path.append("/usr/lib/python3/dist-packages")

# In this order: later words see what earlier ones did.
WORDS = r"""
ping
ping 5
version
status
status j1
status j1 short
status j1 basic
status nope
status "it's"
banned
banned 192.0.2.1
set j1 banip 192.0.2.1 2001:db8::1 some-id 10.1.0.0/16
set j2 banip 192.0.2.1
banned
banned 192.0.2.1 192.0.2.9
status j1
get j1 banip
get j1 banip ,
get j1 banip --with-time
get j1 banned
get j1 banned 192.0.2.1
get j1 banned 192.0.2.1 192.0.2.9
set j1 banip 192.0.2.1
set j1 banip
set nope banip 192.0.2.1
set j1 unbanip some-id
set j1 unbanip some-id
set j1 unbanip --report-absent some-id
set j1 unbanip 10.1.0.0/16
set j1 attempt 192.0.2.7 a b
status j1
unban 192.0.2.1 198.51.100.1
unban --all
status j1
get loglevel
set loglevel debug
set loglevel 25
set loglevel nonsense
set loglevel INFO
get logtarget
get syslogsocket
set syslogsocket auto
get dbfile
set dbfile None
get dbpurgeage
set dbpurgeage 2d
get dbmaxmatches
set dbmaxmatches 5
get thread
set allowipv6 auto
get
get nonsense
get j1
get j1 nonsense
get nope bantime
set
set j1
set j1 nonsense
set nope bantime 5
get j2 logpath
set j2 addlogpath /dev/null tail
set j2 dellogpath /dev/null
set j1 addlogpath /nonexistent
get j2 logencoding
set j2 logencoding utf-8
set j2 logencoding bogus
get j2 journalmatch
set j2 addjournalmatch A=b C=d + E=f
set j2 deljournalmatch A=b
get j1 ignoreip
get j2 ignoreip
set j1 addignoreip 192.0.2.0/24 host.invalid
set j1 delignoreip 192.0.2.0/24
set j1 delignoreip 8.8.8.8
get j2 ignoreself
set j1 ignoreself true
get j2 ignorecommand
set j1 ignorecommand "true <ip>"
set j1 ignorecommand ""
get j2 ignorecache
set j1 ignorecache 'key="<ip>",max-count=5,max-time=1m'
get j2 prefregex
set j1 prefregex "^x <F-CONTENT>.*</F-CONTENT>$"
set j1 prefregex ""
get j2 failregex
get j2 ignoreregex
set j1 addfailregex "^ x <HOST>$"
set j1 addfailregex noid
set j1 addfailregex "(<HOST>"
set j1 delfailregex 2
set j1 delfailregex 99
set j1 delfailregex x
set j1 addignoreregex "^ y"
set j1 delignoreregex 1
set j1 delignoreregex 0
get j1 ignoreregex
get j2 datepattern
set j1 datepattern "{^LN-BEG}%Y-%m-%d"
set j1 datepattern {NONE}
set j1 datepattern EPOCH
set j1 datepattern {DATE}
get j2 usedns
set j1 usedns yes
get j2 findtime
set j1 findtime 1.5m
set j1 findtime 1h
set j1 bantime -1
set j1 bantime 2d
get j2 logtimezone
set j1 logtimezone UTC+0200
set j1 logtimezone Nope
get j2 maxretry
set j1 maxretry x
get j2 maxmatches
get j2 maxlines
set j1 maxlines 0
get j2 bantime.increment
get j2 bantime.multipliers
get j2 bantime.maxtime
get j2 bantime.factor
set j1 idle on
set j1 idle off
set j1 idle maybe
get j2 actions
get j2 actionproperties dummy
get j2 actionmethods dummy
get j2 action dummy actionban
get j2 action dummy timeout
get j2 action dummy nope
set j1 addaction foo
set j1 addaction foo
set j1 action foo actionban "echo x"
get j1 actions
set j1 delaction foo
set j1 delaction foo
set j1 delaction dummy
get j1 actions
echo a b c
echo
flushlogs
sleep 0.01
server-status
add j9 polling
start j9
status
stop j9
stop nope
start nope
add j8 bogus
bogus
stats
set logtarget /nonexistent/x
get j1 logtarget
set j1 banip 192.0.2.1
reload
status j1
reload --unban j1
status j1
restart j2
reload nope
reload --if-exists nope
reload --all j1
reload --bogus j1
get j2 failregex
stop
reload
ping
status
""".strip().split("\n")


@pytest.fixture(scope="module")
def peers(tmp_path_factory):
    both = [Peer(tmp_path_factory.mktemp(name)) for name in ("theirs", "ours")]
    try:
        for peer in both:
            peer.start()
        yield both
    finally:
        for peer in both:
            peer.stop()


def same(theirs, ours, their_dir=None, our_dir=None):
    assert normal(ours.stdout, our_dir) == normal(theirs.stdout, their_dir)
    assert normal(ours.stderr, our_dir) == normal(theirs.stderr, their_dir)
    assert ours.returncode == theirs.returncode


@needs_fail2ban
def test_same_as_fail2ban_client(peers):
    theirs, ours = peers
    faults = []
    for line in WORDS:
        words = shlex.split(line)
        a, b = theirs.client(*words), ours.lastknock(*words)
        got = [normal(b.stdout, ours.dir), normal(b.stderr, ours.dir), b.returncode]
        want = [normal(a.stdout, theirs.dir), normal(a.stderr, theirs.dir), a.returncode]
        if got != want:
            faults.append((line, got, want))
    assert faults == []


@pytest.fixture
def fake(tmp_path):
    server = Fake(tmp_path / "fake.sock")
    yield server
    server.close()


def exceptions():
    from fail2ban.exceptions import DuplicateJailException, UnknownJailException
    from fail2ban.server.failregex import RegexException
    return [UnknownJailException("a'b"), DuplicateJailException("d"), IndexError("x"),
            KeyError("k"), KeyError("a", "b"), Exception(), Exception("a", 1),
            ValueError("x\ny"), FileNotFoundError(2, "No such file", "/x"), OSError(5, "q"),
            PermissionError(13, "Permission denied", "/p"), RegexException("bad"),
            LookupError("unknown encoding: bogus"), TypeError("it's"), NameError("n")]


ODD = [
    (("get", "j1", "datepattern"), None),
    (("get", "j1", "datepattern"), (None, "Epoch")),
    (("get", "j1", "datepattern"), ("a", None)),
    (("get", "j1", "journalmatch"), [["A=b", "C=d"], ["E=f"]]),
    (("get", "j1", "journalmatch"), ["a", "b"]),
    (("get", "j1", "actions"), []),
    (("get", "j1", "actionproperties", "x"), []),
    (("get", "j1", "actionmethods", "x"), []),
    (("get", "dbfile"), None),
    (("get", "dbpurgeage"), None),
    (("get", "dbmaxmatches"), None),
    (("get", "loglevel"), 10),
    (("get", "j1", "banip", "--with-time"), ["a \tb", "c"]),
    (("get", "j1", "prefregex"), "grüße 😀"),
    (("banned",), [{"j1": ["a'b", 'a"b', "é\n"]}]),
    (("status",), [("Number of jail", 0), ("Jail list", "")]),
    (("status", "j1"), [("Filter", [("Journal matches", ["A=b + C=d"])])]),
    (("flushlogs",), "flushed"),
    (("echo", "x"), "abc"),
    (("version",), 1.5),
    (("version",), -(2 ** 40)),
    (("version",), {"a": (1,), 2: None}),
    (("unban", "x"), True),
]


@needs_fail2ban
def test_odd_answers(fake):
    cases = [(w, (0, v)) for w, v in ODD] + [(("status", "x"), (1, e)) for e in exceptions()]
    for words, answer in cases:
        fake.answer = answer
        theirs = subprocess.run(["fail2ban-client", "-s", fake.socket, *words],
                                capture_output=True, text=True)
        if words[0] == "echo":
            fake.answer = (0, list(answer[1]))  # ours prints text as text
        same(theirs, run_lastknock(fake.socket, *words))


def test_hostile_answers_are_escaped(fake):
    bad = "a\x1b[2J\x9b\nb\r"
    for words, value, want in [
            (("version",), bad, "a\\x1b[2J\\x9b\nb\\r\n"),
            (("get", "j1", "banip"), [bad], "a\\x1b[2J\\x9b\\nb\\r\n"),
            (("status", "j1"), [(bad, [(bad, [bad])])],
             "Status for the jail: j1\n`- a\\x1b[2J\\x9b\\nb\\r\n"
             "   `- a\\x1b[2J\\x9b\\nb\\r:\ta\\x1b[2J\\x9b\\nb\\r\n"),
            (("get", "j1", "logpath"), [bad],
             "Current monitored log file(s):\n`- a\\x1b[2J\\x9b\\nb\\r\n")]:
        fake.answer = (0, value)
        got = run_lastknock(fake.socket, *words)
        assert (got.returncode, got.stdout, got.stderr) == (0, want, "")
    fake.answer = (1, ValueError(bad))
    got = run_lastknock(fake.socket, "version")
    assert got.stdout == "a\\x1b[2J\\x9b\nb\\r\n"
    assert "\x1b" not in got.stderr and "\x9b" not in got.stderr and got.stderr.count("\n") == 1


def test_answers_in_pieces(fake):
    fake.answer = (0, "x" * 100)
    fake.pieces = 1
    got = run_lastknock(fake.socket, "version")
    assert (got.returncode, got.stdout) == (0, "x" * 100 + "\n")
    fake.pieces = 5
    fake.answer = (0, ["x" * 1000] * 1000)
    assert run_lastknock(fake.socket, "banned").stdout == repr(["x" * 1000] * 1000) + "\n"


@pytest.mark.parametrize("answer, text", [
    (b"garbage" + END, "pickle: "),
    (b"cposix\nsystem\n(Vtouch /tmp/never\ntR." + END, "cannot be understood"),
    (["SHUTDOWN"], "the server is shutting down"),
    ("ERROR: pickle data was truncated", "ERROR: pickle data was truncated"),
    ((0,), "cannot be understood"),
    ((0, ValueError("x")), "cannot be understood"),
    ((1, "text"), "cannot be understood"),
    ((2, "text"), "cannot be understood"),
    (5, "cannot be understood"),
    (None, "Unable to contact server"),  # closes
])
def test_bad_answers(fake, answer, text):
    fake.answer = answer
    got = run_lastknock(fake.socket, "version")
    assert got.returncode == 255 and got.stdout == "" and text in got.stderr
    assert got.stderr.count("\n") == 1


def test_words_arrive(fake):
    fake.answer = (0, 1)
    for argv, words in [
            (["ban", "-s", fake.socket, "j1", "192.0.2.1", "::1"],
             ["set", "j1", "banip", "192.0.2.1", "::1"]),
            (["unban", "-s", fake.socket, "--all"], ["unban", "--all"]),
            (["client", "-s", fake.socket, "set", "j1", "banip", "-x", "<F2B_END_COMMAND>ü"],
             ["set", "j1", "banip", "-x", "<F2B_END_COMMAND>ü"])]:
        fake.seen.clear()
        assert subprocess.run([LASTKNOCK, *argv], capture_output=True).returncode == 0
        assert fake.seen == [words]


@needs_fail2ban
def test_reload_sends_what_theirs_does(fake, tmp_path):
    fake.answer = (0, "OK")
    conf = Peer(tmp_path / "peer").dir + "/conf"
    with open(conf + "/jail.conf", "a") as f:
        f.write("[off]\nfilter = demo\n[bad]\nenabled = true\nfilter = missing\n")
    for words in (["reload"], ["reload", "j1"], ["reload", "--unban", "--restart", "j2"],
                  ["reload", "--restart"], ["restart", "j1"], ["restart", "--unban", "j1"],
                  ["reload", "--all"], ["reload", "nope"], ["reload", "off"], ["reload", "bad"]):
        fake.seen.clear()
        theirs = subprocess.run(["fail2ban-client", "-c", conf, "-s", fake.socket, *words],
                                capture_output=True, text=True)
        their_words = [without_faults(w) for w in fake.seen]
        fake.seen.clear()
        ours = run_lastknock(fake.socket, *words, directory=conf)
        assert [without_faults(w) for w in fake.seen] == their_words
        assert (ours.stdout, ours.returncode) == (theirs.stdout, theirs.returncode), words


def without_faults(words):
    """The texts of faults are our own."""
    if words[0] != "reload":
        return words
    return words[:3] + [[w if w[0] != "config-error" else w[:1] for w in words[3]]]


def test_socket_of_the_configuration(fake, tmp_path):
    fake.answer = (0, "here")
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "fail2ban.conf").write_text(f"[Definition]\nsocket = {fake.socket}\n")
    (tmp_path / "conf" / "jail.conf").write_text("[bad]\nenabled = true\nfilter = missing\n")
    got = subprocess.run([LASTKNOCK, "version", "-c", str(tmp_path / "conf")],
                         capture_output=True, text=True)
    assert (got.returncode, got.stdout, got.stderr) == (0, "here\n", "")
    got = subprocess.run([LASTKNOCK, "version", "-c", str(tmp_path / "none")],
                         capture_output=True, text=True)
    assert got.returncode == 255 and "Failed during configuration" in got.stderr


def test_wrong_usage():
    for argv in (["ban"], ["ban", "j1"], ["unban"], ["client"], ["status", "-s"]):
        got = subprocess.run([LASTKNOCK, *argv], capture_output=True, text=True)
        assert got.returncode == 2 and got.stderr.startswith("usage: lastknock " + argv[0])


@needs_fail2ban
def test_no_server(tmp_path):
    dead = str(tmp_path / "dead.sock")
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(dead)
        os.chmod(dead, 0o600)
        for path in (str(tmp_path / "none.sock"), dead):
            theirs = subprocess.run(["fail2ban-client", "-s", path, "status"],
                                    capture_output=True, text=True)
            same(theirs, run_lastknock(path, "status"))


# What Fail2ban 1.1 answers and prints.
JAIL = [("Filter", [("Currently failed", 0), ("Total failed", 6), ("File list", ["/j1.log"])]),
        ("Actions", [("Currently banned", 2), ("Total banned", 2)])]
STATS = {"j1": ["polling", (0, 6), (2, 2)], "j2": ["polling", (1, 4), (1, 1)]}
ALL_TEXT = """Status
|- Number of jail:\t2
|- Jail list:\tj1, j2
`- Status for the jails:
   |- Jail: j1
   |  |- Filter
   |  |  |- Currently failed:\t0
   |  |  |- Total failed:\t6
   |  |  `- File list:\t/j1.log
   |  `- Actions
   |     |- Currently banned:\t2
   |     `- Total banned:\t2
   `- Jail: j2
      |- Filter
      |  |- Currently failed:\t0
      |  |- Total failed:\t6
      |  `- File list:\t/j1.log
      `- Actions
         |- Currently banned:\t2
         `- Total banned:\t2
"""
STATS_TEXT = """\
          ║          ║ Filter    ║ Actions  
 Jail     ║ Backend  ╟───────────╫───────────
          ║          ║ cur │ tot ║ cur │ tot
══════════╬══════════╬═══════════╬═══════════
 j1       ║ polling  ║   0 │   6 ║   2 │   2
 j2       ║ polling  ║   1 │   4 ║   1 │   1
══════════╩══════════╩═══════════╩═══════════
"""


@pytest.mark.parametrize("words, value, text", [
    (["status", "--all", "short"], [("Number of jail", 2), ("Jail list", "j1, j2"),
                                    {"j1": JAIL, "j2": JAIL}], ALL_TEXT),
    (["stats"], STATS, STATS_TEXT),
    (["statistics"], STATS, STATS_TEXT),
    (["statistic"], STATS, repr(STATS) + "\n"),
    (["stats"], {}, "No jails found.\n"),
    (["stats"], {"a-long-jail-name": ["systemd", (12345, 1), (0, 0)]},
     "                  ║          ║ Filter      ║ Actions  \n"
     " Jail             ║ Backend  ╟─────────────╫───────────\n"
     "                  ║          ║   cur │ tot ║ cur │ tot\n"
     "══════════════════╬══════════╬═════════════╬═══════════\n"
     " a-long-jail-name ║ systemd  ║ 12345 │   1 ║   0 │   0\n"
     "══════════════════╩══════════╩═════════════╩═══════════\n"),
])
def test_newer_forms(fake, words, value, text):
    fake.answer = (0, value)
    got = run_lastknock(fake.socket, *words)
    assert (got.returncode, got.stdout, got.stderr) == (0, text, "")
