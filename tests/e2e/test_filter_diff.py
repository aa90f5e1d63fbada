"""Our filters against Fail2ban's own: the same lines must give the same id, time, fields and lines.

The peer is Fail2ban's Python library, driven in this process; ours is build/tests/filter_lines. Logs
are made here, from templates of what mail servers write under attack. Skipped where Fail2ban is
missing. Run with /usr/bin/python3: Debian's library is not seen by others.
"""

import ast
import json
import logging
import os
import random
import shutil
import subprocess
import time
from pathlib import Path

import pytest

CLIENT = "/usr/bin/fail2ban-client"
CONFIG = Path("/etc/fail2ban")
TOOL = Path(os.environ.get("LASTKNOCK_BUILD", Path(__file__).parents[2] / "build")) / "tests/filter_lines"
NOW = 1124013600  # 2005-08-14 12:00:00 in ZONE
ZONE = "CET-01CEST-02,M3.5.0,M10.5.0"

try:
    from fail2ban.server.filter import Filter
    from fail2ban.server.mytime import MyTime
except ImportError:
    Filter = None

pytestmark = pytest.mark.skipif(
    Filter is None or not shutil.which("fail2ban-regex") or not TOOL.exists(),
    reason="needs Fail2ban's Python library and build/tests/filter_lines",
)


@pytest.fixture(autouse=True)
def fixed_zone(monkeypatch):
    monkeypatch.setenv("TZ", ZONE)
    time.tzset()
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)
    MyTime.setTime(None)
    monkeypatch.undo()
    time.tzset()


def stock(tmp_path, name):
    """A stock filter as a list of (key, value), in the order of the command stream."""
    config = tmp_path / "config"
    shutil.copytree(CONFIG, config, symlinks=True)
    log = tmp_path / "log"
    log.touch()
    (config / "jail.local").write_text(
        "[DEFAULT]\nenabled = false\n[peer]\nenabled = true\n"
        f"filter = {name}\nlogpath = {log}\nbackend = polling\naction =\n"
    )
    dump = subprocess.run([CLIENT, "-c", config, "-d"], capture_output=True, text=True, check=True)
    settings = []
    for line in dump.stdout.splitlines():
        if not line.startswith("["):
            continue
        command = ast.literal_eval(line)
        if command[1:2] != ["peer"] or command[0] not in ("set", "multi-set"):
            continue
        key, value = command[2], command[3]
        if key in ("addfailregex", "addignoreregex"):
            values = value if isinstance(value, list) else [value]
            settings += [(key[3:], v) for v in values]
        elif key in ("maxlines", "prefregex"):
            settings.append((key, str(value)))
        elif key == "datepattern":
            settings += [(key, v) for v in value.split("\n")]
    assert any(key == "failregex" for key, _ in settings), dump.stderr
    return [("usedns", "raw")] + settings


# <HOST> as 1.1 has it, which ours follows: 1.0 takes fewer texts for an IPv6 address.
ADDR = (
    r"\[?(?:(?:::f{4,6}:)?(?P<ip4>(?:\d{1,3}\.){3}\d{1,3})"
    r"|(?P<ip6>(?:[0-9a-fA-F]{1,4}::?|:){1,7}(?:[0-9a-fA-F]{1,4}|(?<=:):)))\]?"
)
LATER = {"<ADDR>": ADDR, "<HOST>": r"(?:" + ADDR + r"|(?P<dns>[\w\-.^_]*\w))"}


def as_later_version(pattern, usedns):
    for tag, text in LATER.items():
        pattern = pattern.replace(tag, ADDR if usedns == "no" else text)
    return pattern


def peer_matches(settings, lines, check_age=False, in_operation=False):
    MyTime.setTime(NOW)
    f = Filter(None)
    f.checkFindTime, f.inOperation = check_age, in_operation
    dates = [v for k, v in settings if k == "datepattern"]
    usedns = dict(settings)["usedns"]
    for key, value in settings:
        if key == "usedns":
            f.setUseDns(value)
        elif key == "maxlines":
            f.setMaxLines(int(value))
        elif key == "prefregex":
            f.prefRegex = as_later_version(value, usedns)
        elif key == "failregex":
            f.addFailRegex(as_later_version(value, usedns))
        elif key == "ignoreregex":
            f.addIgnoreRegex(value)
        elif key == "findtime":
            f.setFindTime(int(value))
    if dates:
        f.setDatePattern("\n".join(dates))
    for t in f.dateDetector.templates:  # shared by all filters of a process; ours are not
        t.template.hits = 0
    found = []
    for number, line in enumerate(lines):
        try:
            failures = f.processLine(line)
        except Exception:  # the server logs it and goes on
            continue
        for _, fid, when, data in failures:
            if check_age and when > NOW:
                when = NOW  # done by the peer's caller
            fields = {
                k: str(v)
                for k, v in data.items()
                if v is not None and k not in ("matches", "users")
            }
            found.append(
                {
                    "line": number,
                    "id": str(fid),
                    "time": None if when is None else round(float(when), 3),
                    "fields": fields,
                    "lines": [list(m) for m in data.get("matches", [])],
                    "users": sorted(data.get("users", ())),
                }
            )
    return found


def our_matches(tmp_path, settings, lines, check_age=False, in_operation=False):
    def escape(text):
        return text.replace("\\", "\\\\").replace("\n", "\\n")

    settings = [
        ("now", str(NOW)),
        ("check_age", str(int(check_age))),
        ("in_operation", str(int(in_operation))),
    ] + settings
    (tmp_path / "filter").write_text("".join(f"{k}={escape(v)}\n" for k, v in settings))
    (tmp_path / "lines").write_text("".join(line + "\n" for line in lines))
    run = subprocess.run(
        [TOOL, tmp_path / "filter", tmp_path / "lines"], capture_output=True, text=True, check=True
    )
    # not splitlines(): values may hold U+2028
    found = [json.loads(line) for line in run.stdout.split("\n") if line]
    for match in found:
        host = match.pop("host")
        match["id"] = match["id"] or host
        match["users"].sort()
        if match["time"] is not None:
            match["time"] = round(match["time"], 3)
    return found


def compare(tmp_path, settings, lines, least=1, **judging):
    """Same matches, and at least `least` of them: a comparison of nothing proves nothing."""
    peer = peer_matches(settings, lines, **judging)
    ours = our_matches(tmp_path, settings, lines, **judging)
    for p, o in zip(peer, ours):
        assert o == p, lines[p["line"]]
    assert len(ours) == len(peer)
    assert len(peer) >= least


# What servers write. IP, HOST, USER, PID, QID, PORT are filled in.
LINES = {
    "postfix": [
        "postfix/smtpd[PID]: connect from HOST[IP]",
        "postfix/smtpd[PID]: disconnect from HOST[IP] ehlo=1 auth=0/1 quit=1 commands=2/3",
        "postfix/submission/smtpd[PID]: warning: HOST[IP]: SASL PLAIN authentication failed: Invalid base64 data in initial response, sasl_username=USER",
        "postfix/submission/smtpd[PID]: warning: HOST[IP]: SASL LOGIN authentication failed: (reason unavailable), sasl_username=USER",
        "postfix/smtpd[PID]: warning: HOST[IP]: SASL LOGIN authentication aborted",
        "postfix/smtpd[PID]: NOQUEUE: reject: RCPT from HOST[IP]: 554 5.7.1 <USER@lab.test>: Relay access denied; from=<USER@lab.test> to=<USER@example.org> proto=ESMTP helo=<HOST>",
        "postfix/smtpd[PID]: NOQUEUE: reject: RCPT from unknown[IP]: 550 5.1.1 <USER@lab.test>: Recipient address rejected: User unknown in local recipient table; from=<> to=<USER@lab.test> proto=SMTP helo=<x>",
        "postfix/smtpd[PID]: NOQUEUE: reject: MAIL from HOST[IP]: 553 5.7.1 <USER@lab.test>: Sender address rejected: not logged in; from=<USER@lab.test> proto=ESMTP helo=<HOST>",
        "postfix/smtpd[PID]: improper command pipelining after EHLO from HOST[IP]: QUIT",
        "postfix/smtpd[PID]: lost connection after AUTH from HOST[IP]",
        "postfix/smtpd[PID]: too many errors after AUTH from HOST[IP]",
        "postfix/qmgr[PID]: QID: from=<USER@lab.test>, size=PID, nrcpt=1 (queue active)",
        "postfix/smtp[PID]: QID: to=<USER@example.org>, relay=HOST[IP]:25, delay=1.2, dsn=2.0.0, status=sent (250 2.0.0 Ok)",
    ],
    "dovecot": [
        "dovecot: imap-login: Disconnected: Aborted login by logging out (auth failed, 1 attempts in 2 secs): user=<USER>, method=PLAIN, rip=IP, lip=198.18.0.25, TLS, session=<S>",
        "dovecot: imap-login: Disconnected: Aborted login by logging out (sent invalid base64 in response): user=<>, method=PLAIN, rip=IP, lip=198.18.0.25, TLS, session=<S>",
        "dovecot: pop3-login: Disconnected (auth failed, 3 attempts in 12 secs): user=<USER>, method=LOGIN, rip=IP, lip=198.18.0.25, session=<S>",
        "dovecot: imap-login: Disconnected (no auth attempts in 0 secs): user=<>, rip=IP, lip=198.18.0.25, TLS handshaking: SSL_accept() failed: error:1408F10B, session=<S>",
        "dovecot: auth-worker(PID): pam(USER,IP): pam_authenticate() failed: Authentication failure (password mismatch?)",
        "dovecot: auth: passwd-file(USER,IP): unknown user",
        "dovecot: auth: Error: pam_unix(dovecot:auth): authentication failure; logname= uid=0 euid=0 tty=dovecot ruser=USER rhost=IP",
        "dovecot: imap-login: Login: user=<USER>, method=PLAIN, rip=IP, lip=198.18.0.25, mpid=PID, TLS, session=<S>",
        "dovecot: imap(USER)<PID><S>: Disconnected: Logged out in=1 out=2",
    ],
    "sshd": [
        "sshd[PID]: Connection from IP port PORT on 198.18.0.22 port 22",
        "sshd[PID]: Invalid user USER from IP port PORT",
        "sshd[PID]: Failed password for USER from IP port PORT ssh2",
        "sshd[PID]: Failed password for invalid user USER from IP port PORT ssh2",
        "sshd[PID]: Failed publickey for USER from IP port PORT ssh2: RSA SHA256:x",
        "sshd[PID]: Accepted password for USER from IP port PORT ssh2",
        "sshd[PID]: pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=IP user=USER",
        "sshd[PID]: Connection closed by authenticating user USER IP port PORT [preauth]",
        "sshd[PID]: Received disconnect from IP port PORT:11: Bye Bye [preauth]",
        "sshd[PID]: Disconnected from IP port PORT [preauth]",
        "sshd[PID]: error: maximum authentication attempts exceeded for USER from IP port PORT ssh2 [preauth]",
        "sshd[PID]: Unable to negotiate with IP port PORT: no matching key exchange method found. Their offer: x [preauth]",
        "sshd[PID]: Did not receive identification string from IP port PORT",
        "sshd[PID]: Bad protocol version identification 'GET / HTTP/1.0' from IP port PORT",
        "sshd[PID]: User USER from HOST not allowed because not listed in AllowUsers",
        "sshd[PID]: pam_unix(sshd:session): session opened for user USER by (uid=0)",
        "CRON[PID]: pam_unix(cron:session): session opened for user root by (uid=0)",
    ],
    "exim": [
        "[PID] SMTP connection from [IP]:PORT I=[198.18.0.25]:587 (TCP/IP connection count = 1)",
        "[PID] plain_server authenticator failed for HOST (x.example) [IP]:PORT I=[198.18.0.25]:587: 535 Incorrect authentication data (set_id=USER)",
        "login authenticator failed for (x.example) [IP]: 535 Incorrect authentication data (set_id=USER)",
        "[PID] H=HOST (x.example) [IP]:PORT I=[198.18.0.25]:25 F=<USER@lab.test> rejected RCPT <USER@example.org>: relay not permitted",
        "H=(x) [IP]:PORT sender verify fail for <USER@lab.test>: Unknown user",
        'SMTP protocol error in "AUTH NTLM" H=HOST (x.example) [IP] AUTH command used when not advertised',
        'SMTP call from HOST [IP] dropped: too many syntax or protocol errors (last command was "AUTH PLAIN")',
        "no MAIL in SMTP connection from HOST (x.example) [IP]:PORT D=1s C=EHLO,AUTH,QUIT",
        "QID <= USER@lab.test H=HOST [IP] P=esmtps S=1234",
    ],
    "sendmail-reject": [
        "sm-mta[PID]: QID: ruleset=check_rcpt, arg1=<USER@example.org>, relay=HOST [IP], reject=550 5.7.1 <USER@example.org>... Relaying denied",
        "sm-mta[PID]: QID: ruleset=check_relay, arg1=[IP], arg2=IP, relay=HOST [IP], reject=421 4.3.2 Connection rate limit exceeded.",
        "sm-mta[PID]: QID: from=<USER@lab.test>, size=5, class=0, nrcpts=1, bodytype=8BITMIME, proto=ESMTP, daemon=MTA, relay=HOST [IP]",
        "sm-mta[PID]: QID: <USER@lab.test>... No such user here",
        "sm-mta[PID]: QID: rejecting commands from HOST [IP] due to pre-greeting traffic after 0 seconds",
        "sm-mta[PID]: QID: HOST [IP]: VRFY USER [rejected]",
        "sm-mta[PID]: QID: HOST [IP] did not issue MAIL/EXPN/VRFY/ETRN during connection to MTA",
        "sm-mta[PID]: STARTTLS=server, relay=HOST [IP], version=TLSv1.3, verify=NOT, cipher=X, bits=256/256",
    ],
}

USERS = ["alice", "bob@lab.test", "root", "", "a b", "x from 203.0.113.9", "é", "'; --", "\x1c", "u" * 300]
HOSTS = ["client1.isp.example", "unknown", "[192.0.2.77]", "a_b.example"]


def fill(rnd, template):
    ip = rnd.choice([f"198.18.0.{rnd.randrange(256)}", f"2001:db8::{rnd.randrange(65536):x}", "::ffff:192.0.2.1"])
    values = {
        "HOST": rnd.choice(HOSTS),
        "USER": rnd.choice(USERS),
        "QID": f"{rnd.getrandbits(56):014X}",
        "PORT": str(rnd.randrange(1024, 65536)),
        "PID": str(rnd.randrange(100, 106)),  # few, so that sessions mix
        "IP": ip,
    }
    for name, value in values.items():
        template = template.replace(name, value)
    return template


def stamp(rnd, form, when):
    local = time.localtime(when)
    if form == "syslog":
        return time.strftime("%b %e %H:%M:%S mail ", local)
    if form == "rfc3339":
        return time.strftime("%Y-%m-%dT%H:%M:%S", local) + f".{rnd.randrange(10**6):06d}+02:00 mail "
    if form == "utc":
        return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(when)) + f".{rnd.randrange(10**6):06d}Z mail "
    if form == "epoch":
        return f"{when} mail "
    return time.strftime("%Y-%m-%d %H:%M:%S ", local)  # Exim's


def make_log(rnd, templates, form, n):
    when = NOW - n
    lines = []
    for _ in range(n):
        when += rnd.choice([0, 0, 1, 1, 2])
        lines.append(stamp(rnd, form, when) + fill(rnd, rnd.choice(templates)))
    return lines


def mutate(rnd, line):
    """A line as an attacker or a broken disk would have it."""
    at = rnd.randrange(len(line))
    kind = rnd.randrange(6)
    if kind == 0:
        return line[:at]
    if kind == 1:
        return line[at:]
    if kind == 2:
        return line[:at] + rnd.choice(["\x00", " ", "é", "\u2028", "\x1c", "\xa0", "<", "]", ": "]) + line[at:]
    if kind == 3:
        end = min(len(line), at + rnd.randrange(20))
        return line[:at] + line[end:]
    if kind == 4:
        return line + " " + line
    return line[:at] + line[at : at + 30] * rnd.randrange(1, 20) + line[at:]


FILTERS = [
    ("postfix", "postfix[mode=aggressive]", "syslog"),
    ("postfix", "postfix[mode=aggressive]", "rfc3339"),
    ("postfix", "postfix", "utc"),
    ("postfix", "postfix[mode=auth]", "syslog"),
    ("dovecot", "dovecot", "syslog"),
    ("dovecot", "dovecot[mode=aggressive]", "rfc3339"),
    ("sshd", "sshd[mode=aggressive]", "syslog"),
    ("sshd", "sshd[mode=aggressive]", "epoch"),
    ("sshd", "sshd", "rfc3339"),
    ("exim", "exim", "exim"),
    ("exim", "exim[mode=aggressive]", "exim"),
    ("sendmail-reject", "sendmail-reject", "syslog"),
    ("sendmail-reject", "sendmail-reject[mode=extra]", "rfc3339"),
]


@pytest.mark.parametrize("server,name,form", FILTERS)
def test_stock_filters(tmp_path, server, name, form):
    rnd = random.Random(f"{name} {form}")
    settings = stock(tmp_path, name)
    lines = make_log(rnd, LINES[server], form, 600)
    compare(tmp_path, settings, lines, least=20)
    compare(tmp_path, settings, lines, least=20, check_age=True, in_operation=True)


@pytest.mark.parametrize("server,name,form", FILTERS)
def test_mutated_lines(tmp_path, server, name, form):
    rnd = random.Random(f"mutated {name} {form}")
    settings = stock(tmp_path, name)
    lines = [
        mutate(rnd, line) if rnd.random() < 0.7 else line
        for line in make_log(rnd, LINES[server], form, 600)
    ]
    # a line break of Python's is none of ours: lines are split at newlines before
    lines = [line.replace("\n", " ") for line in lines]
    compare(tmp_path, settings, lines, least=5)


SESSIONS = [
    ("usedns", "no"),
    ("prefregex", r"^ <F-MLFID>s\d+</F-MLFID> <F-CONTENT>.+</F-CONTENT>$"),
    ("failregex", r"^info <F-NOFAIL>from</F-NOFAIL> <ADDR>$"),
    ("failregex", r"^bad <F-USER>\S+</F-USER>$"),
    ("failregex", r"^<F-NOFAIL><F-MLFFORGET>close</F-MLFFORGET></F-NOFAIL>$"),
    ("failregex", r"^<F-MLFFORGET><F-MLFGAINED>ok</F-MLFGAINED></F-MLFFORGET> <F-USER>\S+</F-USER>$"),
]


@pytest.mark.parametrize("seed", range(5))
def test_sessions(tmp_path, seed):
    rnd = random.Random(seed)
    lines = [
        f"2005-08-14 11:59:58 s{rnd.randrange(4)} "
        + rnd.choice(["info from 192.0.2.1", "info from 192.0.2.2", "bad a", "bad b", "close", "ok a", "ok b"])
        for _ in range(1500)
    ]
    compare(tmp_path, SESSIONS, lines, least=200)


WINDOW = [
    ("usedns", "no"),
    ("maxlines", "4"),
    ("failregex", r"^\s*start <ADDR>(?:<SKIPLINES>)?^\s*end$"),
    ("failregex", r"^\s*foo (?:<F-USER>\w+</F-USER>)?<SKIPLINES>(?: y\n)?<SKIPLINES>bar <ADDR>"),
    ("ignoreregex", "q"),
]


@pytest.mark.parametrize("seed", range(5))
def test_several_lines(tmp_path, seed):
    rnd = random.Random(seed)
    lines = [
        "2005-08-14 11:59:58 "
        + rnd.choice(["start 192.0.2.1", "start 192.0.2.2", "end", "end", "x", "y", "foo", "foo u", "bar 192.0.2.3", "q", "end q"])
        for _ in range(1500)
    ]
    compare(tmp_path, WINDOW, lines, least=50)


IDS = [
    ("usedns", "no"),
    ("findtime", "600"),
    ("failregex", r"a <HOST>(?: <F-ID>\S+</F-ID>)?(?: <F-USER>\S*</F-USER>)?$"),
    ("failregex", r"b <SUBNET>(?: <F-ALT_USER_1>\S+</F-ALT_USER_1>)?(?: <F-USER>\S+</F-USER>)?(?: <F-ALT_USER>\S+</F-ALT_USER>)?"),
    ("failregex", r"c <ADDR> <F-TUPLE_ID>\S+</F-TUPLE_ID>(?: <F-TUPLE_ID_1>\S+</F-TUPLE_ID_1>)?"),
]
STAMPS = ["", "2005-08-14 11:59:58 ", "2005-08-14 11:58:59 ", "2005-08-14 12:01:01 ", "2005-08-14 11:50:00 ",
          "2005-08-14 11:49:59 ", "Aug 14 11:59:59 h ", "Feb 30 11:11:11 ", "12:00:00 ", "12:00:01 ",
          "1124013590 ", "[1124013590.5] ", "2005-08-14T10:00:00Z "]
BODIES = ["a 192.0.2.1", "a 192.0.2.1 x", "a 192.0.2.1 198.51.100.8 y", "b 192.0.2.1/24", "b 2001:db8::1/64",
          "b 192.0.2.1/99", "b 192.0.2.1 p q r", "c 192.0.2.1 d e", "c [::1] d", "a 999.1.1.1",
          "a ::ffff:192.0.2.1", "x", "b 192.0.2.1/0"]


@pytest.mark.parametrize("judging", [
    {},
    {"check_age": True},
    {"check_age": True, "in_operation": True},
    {"in_operation": True},
])
def test_ids_and_dates(tmp_path, judging):
    rnd = random.Random(str(judging))
    lines = [rnd.choice(STAMPS) + rnd.choice(BODIES) for _ in range(3000)]
    compare(tmp_path, IDS, lines, least=500, **judging)
