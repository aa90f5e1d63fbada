"""`lastknock check` against servers of make-believe (fake_smtp.py), one fault or trap each: what it
says of them, and how it behaves.  All runs are started at once, a few at a time, for each of them
mostly waits; the tests then look at what came out."""
import base64
import collections
import concurrent.futures
import itertools
import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest
from netns import Network, run

pytestmark = pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("nft"),
                                reason="wants root and nft")

FAKE = pathlib.Path(__file__).with_name("fake_smtp.py")
AT_ONCE = 20    # runs side by side; the machine idles all the same
HANG = 300      # seconds after which a run is taken for dead; none comes near
ACTS_MAX = 2    # of a source outside of --guard
SERVER, SERVER6 = "192.0.2.1", "2001:db8::1"
HOSTS = range(2, 12)
SOURCES = [f"192.0.2.{n}" for n in range(2, 11)]  # enough for all acts, two from each
SOURCES6 = [f"2001:db8::{n:x}" for n in range(2, 11)]
OBSERVER = "192.0.2.11"
PASSWORD = "alice-pw"
EXITS = {"safe": 0, "upgrade": 1, "unknown": 2}


class Wide(Network):
    """More addresses outside, and a name of its own."""
    numbers = itertools.count()

    def __init__(self):
        super().__init__()
        number = next(self.numbers)
        self.guarded, self.outside = (f"lkc{os.getpid()}-{number}{side}" for side in "go")

    def __enter__(self):
        super().__enter__()
        for host in HOSTS:
            if host > 3:
                run("ip", "-n", self.outside, "address", "add", f"192.0.2.{host}/24", "dev",
                    "cable")
                run("ip", "-n", self.outside, "address", "add", f"2001:db8::{host:x}/64", "dev",
                    "cable", "nodad")
        return self

    def fake(self, personality, directory, *addresses):
        child = self.start(self.guarded, sys.executable, str(FAKE), personality, str(directory),
                           *addresses)
        assert child.stdout.readline() == "ready\n"


class Case:
    """A row of the tables below.  `wanted`: what must be said of a check ("AUTH-01", "AUTH-01@587"
    for one port); words with | between them are all fine.  No check may fail but those that are
    wanted to, and `also`."""

    def __init__(self, fake, result, r1, r2, wanted=None, also=(), **rest):
        self.fake, self.result, self.r1, self.r2 = fake, result, r1, r2
        self.wanted, self.also = wanted or {}, set(also)
        self.second = rest.pop("second", None)         # another server, on IPv6
        self.per_port = rest.pop("per_port", None)     # the most connections a port may see
        self.guard = rest.pop("guard", None)           # what the guard test is to say
        self.r3 = rest.pop("r3", "unknown")
        self.text = rest.pop("text", False)            # not --json but -v
        self.slow = rest.pop("slow", self.guard is not None)  # a minute or more
        assert not rest
        self.name = fake + (f"+{self.second}" if self.second else "") + ("-v" if self.text else "")

    def words(self, directory):
        to = [SERVER, SERVER6] if self.second else [SERVER]
        sources = SOURCES + SOURCES6 if self.second else SOURCES
        words = ["mx.lab.test", *itertools.chain(*(("--connect", a) for a in to)),
                 *itertools.chain(*(("--source", a) for a in sources)),
                 "--user", "alice", "--password-file", str(directory / "password"),
                 "--ca", str(directory / "trust.pem"), "--timeout", "3"]
        if self.guard is not None:
            words += ["--guard", "--yes", "--settle", "0.2", "--observer", OBSERVER]
        return words + (["-v"] if self.text else ["--json"])


class Run:
    """What came out of a run."""

    def __init__(self, case, child, logs):
        self.case, self.exit = case, child.returncode
        self.out, self.err = child.stdout, child.stderr
        self.events = [json.loads(line) for log in logs for line in log.read_text().splitlines()]

    @property
    def report(self):
        return json.loads(self.out)

    def event(self, kind):
        return [e for e in self.events if e["event"] == kind]

    def statuses(self, key):
        name, _, port = key.partition("@")
        return {c["status"] for c in self.report["checks"]
                if c["id"] == name and (not port or c["port"] == int(port))}


def perform(lastknock, case, directory):
    (directory / "password").write_text(PASSWORD + "\n")
    fakes = [(case.fake, directory / "one", SERVER)]
    if case.second:
        fakes.append((case.second, directory / "two", SERVER6))
    with Wide() as network:
        for personality, place, address in fakes:
            place.mkdir()
            network.fake(personality, place, address)
        (directory / "trust.pem").write_text("".join((place / "ca.pem").read_text()
                                                     for _, place, _ in fakes))
        child = subprocess.run(["ip", "netns", "exec", network.outside, str(lastknock), "check",
                                *case.words(directory)], stdin=subprocess.DEVNULL, check=False,
                               capture_output=True, env=without_ssh(), timeout=HANG)
    (directory / "out").write_bytes(child.stdout)
    (directory / "err").write_bytes(child.stderr)
    return Run(case, child, [place / "log" for _, place, _ in fakes])


def without_ssh(**more):
    return {k: v for k, v in os.environ.items() if not k.startswith("SSH_")} | more


@pytest.fixture(scope="module")
def runs(request, lastknock, subcommands, tmp_path_factory):
    """The run of a case.  Those of all tests that were chosen are on their way; those that take
    longest are first."""
    if "check" not in subcommands:
        pytest.skip("this lastknock has no check")
    cases = {item.callspec.params["case"].name: item.callspec.params["case"]
             for item in request.session.items
             if item.module is request.module and hasattr(item, "callspec")
             and "case" in item.callspec.params}
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        futures = {case.name: pool.submit(perform, lastknock, case,
                                          tmp_path_factory.mktemp(case.name.replace(":", "-")))
                   for case in sorted(cases.values(), key=lambda c: not c.slow)}
        yield lambda case: futures[case.name].result()
        for future in futures.values():
            future.cancel()


ALL_PASS = dict.fromkeys(
    ("CON-02", "CON-03", "CON-04@465", "TLS-01@25", "TLS-01@587", "TLS-02@25", "TLS-02@587",
     "TLS-03@25", "TLS-03@465", "TLS-03@587", "TLS-06@465", "TLS-06@587", "AUTH-01@25",
     "AUTH-01@587", "AUTH-02@25", "AUTH-02@587", "AUTH-06", "AUTH-07@465", "AUTH-07@587",
     "AUTH-10", "SND-01", "SND-02", "SND-03", "SND-04", "SND-09@25", "REL-01@25", "REL-01@465",
     "REL-01@587", "REL-03@25"), "pass")
SENDERS_UNKNOWN = {"SND-02": "unknown|skip", "SND-03": "unknown|skip", "SND-04": "unknown|skip"}
LOGIN_UNKNOWN = {"AUTH-06": "unknown", "AUTH-10": "unknown", **SENDERS_UNKNOWN}


def good(fake, wanted=None, **rest):
    return Case(fake, "unknown", "pass", "pass", {**ALL_PASS, **(wanted or {})}, **rest)


def without_r2(wanted, **rest):
    """A fault of R1: R2 is judged as ever."""
    return dict(wanted=wanted, r2="pass", result="upgrade", r1="fail", **rest)


def without_r1(wanted, **rest):
    return dict(wanted=wanted, r1="pass", result="upgrade", r2="fail", **rest)


def undecided(fake, r1, r2, wanted, **rest):
    return Case(fake, "unknown", r1, r2, wanted, **rest)


CASES = [
    good("good"),
    good("auth-on-25"),
    good("refuses-at-mail"),
    good("relay-deferred"),
    good("teaser"),
    good("tarpit", slow=True),
    good("drip"),
    good("local-sender-taken", {"SND-09@25": "warn"}),
    Case("only-465", "unknown", "pass", "pass", {"CON-04@465": "pass", "AUTH-06": "pass",
                                                 "SND-02": "pass", "REL-01@465": "pass"}),
    undecided("no-auth", "pass", "pass|unknown", {"AUTH-01": "pass", "REL-01@25": "pass",
                                                  "SND-02": "na|skip"}),

    Case("clear-auth", **without_r2({"AUTH-01@587": "fail", "AUTH-02@587": "fail|na|skip",
                                     "AUTH-01@25": "pass"})),
    Case("clear-auth-25", **without_r2({"AUTH-01@25": "fail", "AUTH-02@25": "fail|na|skip",
                                        "AUTH-01@587": "pass"})),
    Case("clear-auth-hidden", **without_r2({"AUTH-01@587": "pass", "AUTH-02@587": "fail"})),
    Case("clear-auth-old", **without_r2({"AUTH-01@587": "fail", "AUTH-01@25": "fail",
                                         "AUTH-02": "pass"})),
    Case("clear-auth-cram", **without_r2({"AUTH-01@587": "fail"})),
    Case("anonymous", **without_r2({"AUTH-04": "fail"})),
    Case("any-login", **without_r2({"AUTH-06": "fail"})),
    undecided("wrong-password", "pass|unknown", "unknown", {"AUTH-10": "unknown|skip|warn",
                                                            "AUTH-06": "pass", **SENDERS_UNKNOWN}),
    undecided("auth-backend-down", "unknown", "unknown", LOGIN_UNKNOWN),
    undecided("auth-asks-for-ever", "unknown", "unknown", LOGIN_UNKNOWN),
    undecided("auth-250", "unknown", "unknown", LOGIN_UNKNOWN),
    Case("unasked-535", "upgrade|unknown", "fail|unknown", "unknown",
         {"AUTH-06": "fail|unknown"}, also=["AUTH-06"]),
    undecided("starttls-later", "unknown", "unknown", {"SND-03": "unknown|skip"}),
    undecided("silent-later-465", "unknown", "pass|unknown", {"TLS-03@465": "unknown"}),
    undecided("cut-hello", "unknown", "pass", {"TLS-03@587": "unknown", "TLS-03@465": "unknown"}),
    undecided("auth-drops", "unknown", "unknown", LOGIN_UNKNOWN),
    good("echo"),
    good("echo", text=True),
    good("echo-odd"),
    good("echo-later"),
    good("echo-later", text=True),

    Case("clear-465", **without_r2({"CON-04@465": "fail"})),
    Case("garbage-465", "upgrade|unknown", "fail|unknown", "unknown|pass",
         {"CON-04@465": "fail|unknown"}),
    undecided("mute-465", "unknown", "unknown|pass", {"CON-04@465": "unknown", "AUTH-06": "pass"}),
    Case("starttls-broken", **without_r2({"TLS-02@587": "fail", "TLS-02@25": "fail"})),
    Case("starttls-454", **without_r2({"TLS-02@587": "fail", "TLS-02@25": "fail"})),
    Case("starttls-missing", **without_r2({"TLS-01@587": "fail", "TLS-01@25": "pass"})),
    Case("starttls-garbage", **without_r2({"TLS-02@587": "fail", "TLS-02@25": "fail"})),
    Case("starttls-stalls", "upgrade|unknown", "fail|unknown", "pass|unknown",
         {"TLS-02@587": "fail|unknown"}),
    Case("old-tls", **without_r2({"TLS-03@587": "fail", "TLS-03@465": "fail",
                                  "TLS-03@25": "warn"})),
    Case("old-tls-11", **without_r2({"TLS-03@587": "fail", "TLS-03@465": "fail",
                                     "TLS-03@25": "warn"})),
    Case("old-tls-auth-on-25", **without_r2({"TLS-03@587": "fail", "TLS-03@465": "fail",
                                             "TLS-03@25": "fail"})),
    Case("expired", **without_r2({"TLS-06@587": "fail", "TLS-06@465": "fail",
                                  "TLS-06@25": "warn"})),
    Case("other-name", **without_r2({"TLS-06@587": "fail", "TLS-06@465": "fail",
                                     "TLS-06@25": "warn"})),
    Case("untrusted", **without_r2({"TLS-06@587": "fail", "TLS-06@465": "fail",
                                    "TLS-06@25": "warn"})),

    Case("any-sender", **without_r1({"SND-01": "pass", "SND-02": "fail", "SND-03": "fail",
                                     "SND-04": "fail"})),
    Case("local-senders-only", **without_r1({"SND-02": "pass", "SND-03": "pass",
                                             "SND-04": "fail"})),
    Case("known-senders-only", **without_r1({"SND-02": "pass", "SND-03": "fail",
                                             "SND-04": "pass"})),
    undecided("own-sender-refused", "pass", "unknown", {"SND-01": "unknown", **SENDERS_UNKNOWN,
                                                        "AUTH-10": "pass", "REL-01@25": "pass"}),
    undecided("foreign-domain-refused", "pass", "unknown", {"SND-02": "pass", "SND-03": "pass",
                                                            "SND-04": "unknown"}),
    undecided("greylisted-users", "pass", "unknown", {"SND-01": "unknown", **SENDERS_UNKNOWN}),

    Case("open-relay", **without_r1({"REL-01@25": "fail", "REL-01@465": "fail",
                                     "REL-01@587": "fail", "REL-03@25": "pass",
                                     "AUTH-07": "pass|unknown", "SND-02": "pass"})),
    Case("open-relay-251", **without_r1({"REL-01@25": "fail"})),
    Case("open-relay-local-senders", **without_r1({"REL-01": "pass", "REL-03@25": "fail"})),
    Case("open-relay-465", **without_r1({"REL-01@25": "pass", "REL-01@587": "pass",
                                         "REL-01@465": "fail"})),
    Case("open-relay-after-tls", **without_r1({"REL-01@25": "fail|pass", "REL-01@587": "pass",
                                               "REL-01@465": "pass"}, also=["REL-01"])),
    Case("good", "upgrade|unknown", "pass", "fail|unknown", {"REL-01": "fail|pass|unknown"},
         second="open-relay"),  # never safe, though another address is
    undecided("greylisted", "pass", "unknown", {"REL-01@25": "unknown", "SND-02": "pass"}),
    undecided("relay-later-465", "pass", "unknown", {"REL-01@25": "pass", "REL-01@465": "unknown"}),
    undecided("blocklisted", "pass", "unknown", {"REL-01@25": "unknown", "SND-02": "pass",
                                                 "REL-03@25": "unknown|pass"}),

    undecided("greets-421", "unknown", "unknown", {"CON-02": "unknown"}, per_port=2, slow=True),
    undecided("greets-421-clear", "unknown", "unknown", {"CON-02@25": "unknown",
                                                         "CON-04": "unknown|na"}, per_port=2,
              slow=True),
    undecided("greets-554", "unknown", "unknown", {"CON-02": "unknown"}, per_port=2),
    undecided("drops-at-once", "unknown", "unknown", {"CON-02": "unknown"}, per_port=2),
    undecided("mute", "unknown", "unknown", {"CON-02": "unknown"}, per_port=2),
    undecided("drips-for-ever", "unknown", "unknown", {"CON-02": "unknown"}),
    Case("helo", "upgrade", "fail", "pass|unknown", {"CON-03": "fail"}, also=["TLS-01", "TLS-02"]),
    undecided("mute-after-ehlo", "unknown", "unknown", {"REL-01@25": "unknown"}),
    undecided("drops-after-ehlo", "unknown", "unknown", {"REL-01@25": "unknown"}),
    undecided("rcpt-421", "pass|unknown", "unknown", {"REL-01@25": "unknown", "SND-01": "unknown",
                                                      **SENDERS_UNKNOWN}),
    undecided("codes-differ-ehlo", "unknown", "unknown", {"CON-03": "unknown"}),
    undecided("codes-differ-rcpt", "pass", "unknown", {"REL-01@25": "unknown", "SND-01": "unknown",
                                                       **SENDERS_UNKNOWN}),
    undecided("nonsense", "pass", "unknown", {"REL-01@25": "unknown", "SND-01": "unknown",
                                              **SENDERS_UNKNOWN}),
    undecided("endless-ehlo", "unknown", "unknown", {"CON-03": "unknown"}),
    undecided("endless-line", "unknown", "unknown", {"CON-03": "unknown"}),
    undecided("bare-newline", "unknown", "unknown", {"CON-02": "unknown"}),
    undecided("two-replies", "pass|unknown", "pass|unknown",
              {"AUTH-07": "pass|unknown|skip", "REL-01": "pass|unknown|skip",
               "SND-02": "pass|unknown|skip"}),
    Case("two-replies-hide-relay", "upgrade|unknown", "pass|unknown", "fail|unknown",
         {"REL-01@25": "fail|unknown"}),
    undecided("control", "pass|unknown", "pass|unknown", {"CON-02": "pass|unknown"}),
    undecided("control", "pass|unknown", "pass|unknown", {}, text=True),
    undecided("nul", "pass|unknown", "pass|unknown", {"CON-02": "pass|unknown"}),
    undecided("nul", "pass|unknown", "pass|unknown", {}, text=True),
    # a guard in the way of the checks: whoever is banned after two acts, or after the first, says so
    undecided("guard:reject:2:login+sender+relay+clear+tls", "pass|unknown", "pass|unknown",
              {"AUTH-02@587": "pass", "REL-01@25": "pass|unknown"}),
    undecided("guard:smtp:1:login+sender+relay+clear+tls", "pass|unknown", "pass|unknown",
              {"AUTH-02@587": "pass"}),
    undecided("guard:app:1:login+sender+relay+clear+tls", "pass|unknown", "pass|unknown",
              {"AUTH-02@587": "pass"}),
    undecided("guard:soft:1", "pass|unknown", "pass|unknown", {"AUTH-02@587": "pass"}),
]

BLOCKED = {"blocked_after": 5, "status": "unknown"}
OPEN = {"blocked_after": None, "kind": None, "status": "fail"}


def guarded(fake, r3, a, b=None, c=None):
    """b and c are as a if nothing is said."""
    result = {"fail": "upgrade", "unknown": "unknown"}.get(r3, "upgrade|unknown")
    # what is not required is not worth an act of an address that the guard test needs
    return Case(fake, result, "pass", "pass", {**ALL_PASS, "SND-09@25": "pass|unknown"}, r3=r3,
                also=["GRD-a", "GRD-b", "GRD-c"] if "fail" in r3 else (),
                guard={"a": a, "b": b or a, "c": c or a})


# The local guard that could tell the ban time is not there: so no ban is more than unknown.
GUARDS = [
    guarded("guard:drop:5", "unknown", {**BLOCKED, "kind": "drop"}),
    guarded("guard:reject:3", "unknown", {**BLOCKED, "kind": "reject", "blocked_after": 3}),
    guarded("guard:app:5", "unknown", {**BLOCKED, "kind": "app"}),
    guarded("guard:smtp:10", "unknown", {**BLOCKED, "kind": "smtp", "blocked_after": 10}),
    guarded("guard:reject:11", "fail", {"blocked_after": 11, "kind": "reject", "status": "fail"}),
    guarded("guard:limit:5", "fail|unknown", {"kind": "limit", "status": "fail|unknown"}),
    guarded("guard:tarpit:5", "fail", {**OPEN, "kind": "tarpit"}),
    guarded("guard:soft:5", "fail", {"kind": "soft", "status": "fail"},
            b={"status": "fail|unknown"}, c={"status": "fail"}),
    guarded("guard:port:5", "fail", {"kind": "app", "blocked_after": 5, "status": "fail"}),
    guarded("guard:none:5", "fail", OPEN),
    guarded("guard:reject:5:login", "fail", {**BLOCKED, "kind": "reject"}, OPEN, OPEN),
    guarded("guard:reject:5:sender", "fail", OPEN, {**BLOCKED, "kind": "reject"}, OPEN),
]


def by_name(cases):
    return pytest.mark.parametrize("case", cases, ids=[c.name for c in cases])


JSON_CASES = [c for c in CASES if not c.text]
EVERY = CASES + GUARDS


@by_name(JSON_CASES + GUARDS)
def test_the_verdict(case, runs):
    outcome = runs(case)
    verdict = outcome.report["verdict"]
    found = {"result": verdict["result"], "R1": verdict["requirements"]["R1"],
             "R2": verdict["requirements"]["R2"], "R3": verdict["requirements"]["R3"]}
    wanted = {"result": case.result, "R1": case.r1, "R2": case.r2, "R3": case.r3}
    assert {k: v for k, v in found.items() if v not in wanted[k].split("|")} == {}, (wanted, found)
    assert outcome.exit == EXITS[verdict["result"]]
    assert outcome.report["schema"] == "smtp-safe/1"


@by_name(JSON_CASES + GUARDS)
def test_the_checks(case, runs):
    outcome = runs(case)
    found = {key: outcome.statuses(key) for key in case.wanted}
    wrong = {key: (sorted(got), case.wanted[key]) for key, got in found.items()
             if not got or not got <= set(case.wanted[key].split("|"))}
    assert wrong == {}
    may_fail = case.also | {key.partition("@")[0] for key, words in case.wanted.items()
                            if "fail" in words.split("|")}
    assert {(c["id"], c["port"], c["why"]) for c in outcome.report["checks"]
            if c["status"] == "fail" and c["id"] not in may_fail} == set()
    for check in outcome.report["checks"]:
        assert bool(check["unknown_reason"]) == (check["status"] in ("unknown", "skip")), check
        if check["status"] == "fail" and not check["id"].startswith("GRD-"):
            assert check["evidence"], check


@by_name(EVERY)
def test_the_output(case, runs):
    """Nothing raw from the server, and the password in no form."""
    outcome = runs(case)
    output = (outcome.out + outcome.err).decode()
    assert {c for c in output if not c.isprintable() and c != "\n"} == set()
    told = output if case.text else output + json.dumps(outcome.report, ensure_ascii=False)
    secrets = {PASSWORD, PASSWORD[::-1], PASSWORD.encode().hex(), " ".join(PASSWORD),
               "".join(f"%{c:02x}" for c in PASSWORD.encode()), "al\\x00ice-pw", "al\\u0000ice-pw",
               "al\\x1bice-pw", "al\\u001bice-pw"}
    assert {s for s in secrets if s.lower() in told.lower()} == set()
    blobs = [base64.b64encode(b"\0alice\0" + PASSWORD.encode()).decode()]
    blobs += [base64.b64encode(b"xx"[:n] + PASSWORD.encode() + b"yy").decode()[4 * (n > 0):-4]
              for n in range(3)]
    assert {b for b in blobs if b in told} == set()


@by_name(EVERY)
def test_the_manners(case, runs):
    """As the server saw it."""
    outcome = runs(case)
    assert outcome.event("secret-in-clear") == []
    if case.fake not in ("wrong-password", "guard:soft:5", "guard:soft:1"):  # no real account is guessed at
        assert [e for e in outcome.event("login") if e["user"].startswith("alice")
                and not e["right"]] == []
    assert [e for e in outcome.event("command") if e["verb"] in ("DATA", "BDAT")] == []
    cut_off = {e["id"] for e in outcome.event("connect") if "guard:" in case.name
               and e["source"] in {b["source"] for b in outcome.event("ban")}}
    # a packet filter that bans keeps our goodbye from the server, too
    assert [e for e in outcome.event("connect") if set(e["overlap"]) - cut_off] == []
    ports = collections.Counter(e["port"] for e in outcome.event("connect"))
    assert case.per_port is None or max(ports.values()) <= case.per_port, ports
    spent = [] if case.guard is None else [outcome.report["guard"][x]["source"] for x in "abc"]
    acts = collections.Counter(e["source"] for e in outcome.event("act")
                               if e["source"] not in spent)
    assert max(acts.values(), default=0) <= ACTS_MAX, acts
    if not case.text:
        plan = outcome.report["plan"]
        assert plan["made"] <= plan["connections"]
        assert plan["made"] >= sum(ports.values())


@by_name(GUARDS)
def test_the_guard(case, runs):
    outcome = runs(case)
    guard = outcome.report["guard"]
    for letter, wanted in case.guard.items():
        found = {key: guard[letter][key] for key in wanted}
        assert all(found[k] == v or isinstance(v, str) and found[k] in v.split("|")
                   for k, v in wanted.items()), (letter, wanted, found)
    assert [e for e in outcome.event("act") if e["source"] == OBSERVER] == []


@by_name([c for c in GUARDS if c.fake.startswith(("guard:drop", "guard:reject", "guard:app",
                                                  "guard:smtp", "guard:port"))])
def test_the_count_is_the_servers(case, runs):
    """What was counted from outside is what the server counted when it banned."""
    outcome = runs(case)
    for letter in "abc":
        blocked = outcome.report["guard"][letter]["blocked_after"]
        assert blocked is None or len(outcome.report["guard"][letter]["attempts"]) >= blocked
    bans = {e["source"] for e in outcome.event("ban")}
    assert len(bans) == sum(outcome.report["guard"][x]["blocked_after"] is not None for x in "abc")


@pytest.fixture
def good_server(tmp_path):
    (tmp_path / "password").write_text(PASSWORD + "\n")
    with Wide() as network:
        network.fake("good", tmp_path, SERVER)
        yield network


@pytest.fixture
def check(lastknock, subcommands, good_server):
    """Runs `lastknock check` with these words from the outside namespace."""
    if "check" not in subcommands:
        pytest.skip("this lastknock has no check")

    def it(*words, **env):
        return subprocess.run(["ip", "netns", "exec", good_server.outside, str(lastknock), "check",
                               *words], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              check=False, env=without_ssh(**env), timeout=HANG)
    return it


GUARD_WORDS = ["--user", "alice", "--guard", "--settle", "0.2", "--observer", OBSERVER, "--source",
               "192.0.2.2", "--source", "192.0.2.3", "--source", "192.0.2.4", "--timeout", "3"]


def test_no_guard_test_without_consent(check, tmp_path):
    outcome = check(SERVER, *GUARD_WORDS, "--password-file", str(tmp_path / "password"))
    assert outcome.returncode == 64
    assert "--yes" in outcome.stderr
    assert (tmp_path / "log").read_text() == ""


def test_it_does_not_saw_off_its_own_branch(check, tmp_path):
    """The address that we are logged in from would be banned."""
    outcome = check(SERVER, *GUARD_WORDS, "--yes", "--password-file", str(tmp_path / "password"),
                    SSH_CONNECTION="192.0.2.3 50000 192.0.2.1 22")
    assert outcome.returncode == 64
    assert "192.0.2.3" in outcome.stderr
    assert (tmp_path / "log").read_text() == ""


def test_a_server_that_is_not_there(check):
    outcome = check("192.0.2.99", "--source", "192.0.2.2", "--timeout", "1")
    assert outcome.returncode == 3
    assert outcome.stderr


def test_the_fake_sees_two_at_once(good_server, tmp_path):
    """And tells them from two in a row."""
    script = ("import socket; at = socket.create_connection;"
              "at(('192.0.2.1', 25)).close(); at(('192.0.2.1', 465)).close();"
              "a, b = at(('192.0.2.1', 25)), at(('192.0.2.1', 587)); b.recv(9)")
    run("ip", "netns", "exec", good_server.outside, sys.executable, "-c", script)
    connects = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()
                if '"connect"' in line]
    assert [len(c["overlap"]) for c in connects] == [0, 0, 0, 1]
