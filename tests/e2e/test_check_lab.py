"""`lastknock check` against real mail servers (tests/lab): what it says of careless
and safe ones, that no guard bans it for that, and that the guard test measures real guards.
All scenes are started at once, for each of them mostly waits; the tests look at what came out."""
import concurrent.futures
import os
import shutil

import pytest
from check_lab import (PASSWORD, SERVER4, SERVER6, Check, Guard, Scene, password_forms,
                       sources4, sources6)

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root for namespaces")

SCENES_AT_ONCE = 8
SERVERS = ["postfix", "exim", "sendmail"]
SECONDS_MAX = 60  # of a run without --guard; the promise is 30, on a machine that is not busy
PORTS = {25, 465, 587}
REQUIRED = {"R1": ["CON-03", "CON-04", "TLS-01", "TLS-02", "TLS-03", "TLS-06", "AUTH-01",
                   "AUTH-02", "AUTH-04", "AUTH-06"],
            "R2": ["SND-02", "SND-03", "SND-04", "REL-01", "REL-03"]}


def unguarded(server, variant):
    """Three runs beside each other, each with sources of its own."""
    checks = [Check("four", sources4(1, 8)), Check("six", sources6(1, 8)),
              Check("text", sources4(11, 3), "-v", text=True, standard_input=True)]
    if (server, variant) == ("postfix", "safe"):
        checks += [Check("untrusted", sources4(21, 1), "-v", ca=False)]
    return Scene(server, variant, checks)


def beside(guard, server="postfix"):
    typo = PASSWORD + "x"
    return Scene(server, "safe", [
        Check("one", sources4(1, 1)), Check("eight", sources4(11, 8)),
        Check("one mistyped", sources4(21, 1), password=typo),
        Check("eight mistyped", sources4(31, 8), password=typo)], guard, control=True)


def measured(first, sources, *words, guard=None, variant="safe"):
    """A guard test; the first source is the observer."""
    return Scene("postfix", variant, [
        Check("guard", sources4(first + 1, sources), "--observer", *sources4(first, 1), "--guard",
              "--yes", "--settle", "1", *words)], guard)


STOCK = "maxretry = 3\nfindtime = 1h\nbantime = 1h\nbanaction = nftables-multiport"
SCENES = {
    # those that take longest come first
    "drop": measured(21, 10, guard=Guard("maxretry = 5")),
    "reject": measured(32, 10,
                       guard=Guard("maxretry = 3\nbanaction = nftables[blocktype=reject]")),
    "few": measured(43, 3, guard=Guard("maxretry = 5")),
    "short": measured(71, 7, "--unban", guard=Guard("maxretry = 3\nbantime = 10m")),
    "fail2ban": measured(53, 5, guard=Guard("maxretry = 4\nbackend = polling", "fail2ban")),
    "none": measured(59, 4, variant="careless"),
    **{f"{server} {variant}": unguarded(server, variant)
       for server in SERVERS for variant in ("careless", "safe")},
    "beside stock postfix": beside(Guard(STOCK, "fail2ban", {"postfix": "aggressive"})),
    "beside stock exim": beside(Guard(STOCK, "fail2ban", {"exim": "normal"}), "exim"),
    "beside stock sendmail": beside(
        Guard(STOCK, "fail2ban", {"sendmail-auth": "normal", "sendmail-reject": "aggressive"}),
        "sendmail"),
    "beside lastknock": beside(Guard("maxretry = 3")),
}
UNGUARDED = [name for name in SCENES if name.split()[0] in SERVERS]
BESIDE = [name for name in SCENES if name.startswith("beside")]


@pytest.fixture(scope="module")
def scenes(request, lastknock, subcommands, tmp_path_factory):
    """The scenes of all tests that were chosen are on their way."""
    if "check" not in subcommands:
        pytest.skip("this lastknock has no check")
    chosen = {item.callspec.params["scene"] for item in request.session.items
              if item.module is request.module and hasattr(item, "callspec")}
    runs = concurrent.futures.ThreadPoolExecutor(100)
    with runs, concurrent.futures.ThreadPoolExecutor(SCENES_AT_ONCE) as pool:
        futures = {name: pool.submit(scene.perform, runs,
                                     tmp_path_factory.mktemp(name.replace(" ", "-")))
                   for name, scene in SCENES.items() if name in chosen}
        yield futures
        for future in futures.values():
            future.cancel()


@pytest.fixture
def scene(request, scenes):
    guard = SCENES[request.param].guard
    if guard and guard.program == "fail2ban" and not shutil.which("fail2ban-server"):
        pytest.skip("needs fail2ban")
    return scenes[request.param].result()


def of(*names):
    return pytest.mark.parametrize("scene", names, indirect=True)


# ---------------------------------------------------------------- what it says of a server

def failed(run):
    return {c["id"] for c in run.report["checks"] if c["status"] == "fail"}


@pytest.mark.parametrize("family", ["four", "six"])
@of(*(f"{server} careless" for server in SERVERS))
def test_a_careless_server_needs_an_upgrade(scene, family):
    run = scene[family]
    assert (run.exit, run.verdict["result"]) == (1, "upgrade"), run.brief()
    assert run.verdict["requirements"] == {"R1": "fail", "R2": "fail", "R3": "unknown"}
    for port in (25, 587):
        assert run.statuses("AUTH-01", port) == {"fail"}, run.brief()
        assert run.statuses("AUTH-02", port) == {"fail"}, run.brief()
        assert run.statuses("TLS-03", port) == {"fail"}, run.brief()
    for name in ("SND-02", "SND-03", "SND-04"):
        assert run.statuses(name) == {"fail"}, run.brief()
    # careless is not that: no open relay, no login for anybody, a certificate that is in order
    assert failed(run) == {"AUTH-01", "AUTH-02", "TLS-03", "SND-02", "SND-03", "SND-04"}, \
        run.brief()


@pytest.mark.parametrize("family", ["four", "six"])
@of(*(f"{server} safe" for server in SERVERS))
def test_a_safe_server_has_no_fault(scene, family):
    run = scene[family]
    assert not failed(run), run.brief()
    assert (run.exit, run.verdict["result"]) == (2, "unknown"), run.brief()
    assert run.verdict["requirements"] == {"R1": "pass", "R2": "pass", "R3": "unknown"}, \
        run.brief()
    assert {m.split(":")[0] for m in run.verdict["missing"]} == {"GRD-a", "GRD-b", "GRD-c"}
    for requirement, names in REQUIRED.items():
        for name in names:
            required = [c for c in run.findings(name) if c["required"]]
            assert required and all(c["requirement"] == requirement and
                                    c["status"] in ("pass", "warn") for c in required), run.brief()


@of("postfix safe")
def test_a_certificate_that_nobody_vouches_for_fails(scene):
    run = scene["untrusted"]
    assert failed(run) == {"TLS-06"}, run.brief()
    for port in PORTS:
        assert run.statuses("TLS-06", port) == {"fail"}, run.brief()
    assert (run.exit, run.verdict["requirements"]["R1"]) == (1, "fail"), run.brief()


@pytest.mark.parametrize("family", ["four", "six"])
@of(*UNGUARDED)
def test_a_run_is_short_and_modest(scene, family):
    run = scene[family]
    plan, target = run.report["plan"], run.report["target"]
    print(f"{scene.scene.server} {scene.scene.variant} {family}: {run.report['duration_s']} s, "
          f"{plan['made']} connections of {plan['connections']} at the most")
    assert plan["made"] <= plan["connections"]
    assert run.report["duration_s"] < SECONDS_MAX and run.seconds < SECONDS_MAX
    assert target["addresses"] == [SERVER4 if family == "four" else SERVER6]
    assert target["mta"]["name"] == scene.scene.server
    assert run.report["view"]["source"] == run.check.sources[0]


# ---------------------------------------------------------------- beside a guard

@pytest.mark.parametrize("name", ["one", "eight", "one mistyped", "eight mistyped"])
@of(*BESIDE)
def test_a_run_does_not_get_itself_banned(scene, name):
    run = scene[name]
    # or it would prove nothing
    assert any(f"Found {s} " in scene.guard_log for s in run.check.sources), scene.guard_log
    assert not set(run.check.sources) & scene.banned, scene.guard_log
    assert not failed(run), run.brief()
    assert not any("door closed" in c["why"] for c in run.report["checks"]), run.brief()
    if name == "eight":
        assert run.verdict["requirements"] == {"R1": "pass", "R2": "pass", "R3": "unknown"}, \
            run.brief()


# ---------------------------------------------------------------- the guard test

def blocked(run, maxretry, kind, ban_s, guard):
    """All three behaviours are, as the guard was told to."""
    for letter in "abc":
        series = run.report["guard"][letter]
        seen = series["blocked_after"]
        assert seen is not None and \
            maxretry - 1 - series["acts_before"] <= seen <= maxretry + 1, run.brief()
        assert series["kind"] == kind, run.brief()
        assert set(series["ports"]) == PORTS and not series["ports_open"], run.brief()
        assert series["ban_s"]["min"] == series["ban_s"]["max"] == ban_s, run.brief()
        assert series["ban_s"]["source"] == guard, run.brief()
        assert len(series["attempts"]) >= seen, run.brief()


def is_safe(run):
    assert run.verdict["requirements"] == {"R1": "pass", "R2": "pass", "R3": "pass"}, run.brief()
    assert (run.exit, run.verdict["result"]) == (0, "safe"), run.brief()
    assert run.verdict["missing"] == [] and not failed(run), run.brief()
    assert run.report["plan"]["made"] <= run.report["plan"]["connections"]


@pytest.mark.parametrize("scene, maxretry, kind, guard", [
    ("drop", 5, "drop", "lastknock"),
    ("reject", 3, "reject", "lastknock"),
    ("few", 5, "drop", "lastknock"),
    ("fail2ban", 4, "drop", "fail2ban"),
], indirect=["scene"])
def test_a_guarded_safe_server_is_safe(scene, maxretry, kind, guard):
    run = scene["guard"]
    print(f"{run.report['duration_s']} s, {run.report['plan']['made']} connections")
    blocked(run, maxretry, kind, 14400, guard)
    is_safe(run)
    tested = {run.report["guard"][letter]["source"] for letter in "abc"}
    assert tested <= scene.banned <= set(run.check.sources), scene.guard_log


@of("short")
def test_a_ban_of_ten_minutes_is_too_short(scene):
    run = scene["guard"]
    blocked(run, 3, "drop", 600, "lastknock")
    assert failed(run) == {"GRD-a", "GRD-b", "GRD-c"}, run.brief()
    assert (run.exit, run.verdict["result"]) == (1, "upgrade"), run.brief()
    assert run.verdict["requirements"] == {"R1": "pass", "R2": "pass", "R3": "fail"}
    for letter in "abc":
        [finding] = run.findings(f"GRD-{letter}")
        assert "too short" in finding["why"] and finding["fix"], run.brief()
    assert not scene.banned  # --unban


@of("none")
def test_without_a_guard_nobody_is_blocked(scene):
    run = scene["guard"]
    assert (run.exit, run.verdict["result"]) == (1, "upgrade"), run.brief()
    assert run.verdict["requirements"] == {"R1": "fail", "R2": "fail", "R3": "fail"}, run.brief()
    for letter in "ac":
        series = run.report["guard"][letter]
        [finding] = run.findings(f"GRD-{letter}")
        assert finding["status"] == "fail" and "never blocked" in finding["why"], run.brief()
        assert series["blocked_after"] is series["kind"] is series["ban_s"] is None, run.brief()
        assert [a["i"] for a in series["attempts"]] == list(range(1, 13)), run.brief()
        assert {a["probe"] for a in series["attempts"]} == {"open"}, run.brief()
    [finding] = run.findings("GRD-b")
    assert finding["status"] == "fail" and "accepted" in finding["why"], run.brief()


# ---------------------------------------------------------------- manners, in all scenes

@of(*SCENES)
def test_the_password_never_shows(scene):
    for run in scene.runs.values():
        assert any(line.split(b"\0")[0].endswith(b"lastknock") for line in run.shown)
        for form in password_forms():
            assert form not in run.out and form not in run.err, f"{run.check.name}: {form}"
            assert not any(form in line for line in run.shown), f"{run.check.name}: {form}"


@of(*UNGUARDED)
def test_verbose_shows_the_login_without_its_password(scene):
    text = scene["text"].out.decode()
    assert "AUTH PLAIN ***" in text or "AUTH LOGIN" in text
    assert "235 " in text
    assert ("NEEDS A SECURITY UPGRADE" if scene.scene.variant == "careless" else "CANNOT TELL") \
        in text


@of(*SCENES)
def test_no_message_is_delivered(scene):
    assert not scene.mail


def test_the_forms_of_the_password_are_its_own():
    assert b"YWxpY2UtcHc=" in password_forms()
    assert all(len(form) >= len(PASSWORD) for form in password_forms())


def test_nothing_is_left_running(scenes):
    for future in scenes.values():
        concurrent.futures.wait([future])
    with os.scandir("/run") as entries:
        names = [e.name for e in entries]
    assert not [n for n in names if n.startswith("lastknock-chk-")], names
    lab = "/run/lastknock-lab"
    assert not os.path.isdir(lab) or \
        not [n for n in os.listdir(lab) if f"chk{os.getpid()}n" in n]
