"""The guard as a whole: real files, the real kernel, the real fail2ban-client."""
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import threading
import time

import pytest

import guard as g

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root for network namespaces")

KNOCK_JAIL = """[knock]
enabled = true
filter = knock
logpath = {dir}/knock.log
maxretry = 3
findtime = 10m
bantime = 10m
port = 2525
action = nftables[name=knock, port="2525", protocol="tcp"]
"""


@pytest.fixture
def net(request):
    name = re.sub(r"\W", "", request.node.name)[-8:] + str(os.getpid() % 1000)
    n = g.Net(name)
    yield n
    n.close()


@pytest.fixture
def make(tmp_path, net):
    made = []

    def build(jails=KNOCK_JAIL, **options):
        one = g.Guard(tmp_path / f"g{len(made)}", jails, net, **options)
        made.append(one)
        (one.dir / "knock.log").touch()
        return one

    (tmp_path / "g0").mkdir()
    yield build
    for one in made:
        try:
            one.stop()
        finally:
            assert "refused message" not in one.log
            assert "Sanitizer" not in one.errors(), one.errors()


def kernel_has(net, *addresses, name="addr-set-knock"):
    return lambda: set(addresses) <= (net.elements(name) or set())


def test_failures_become_a_closed_door(make, net):
    one = make().start()
    server = net.listener(2525)
    try:
        net.attacker_address("198.18.1.7")
        assert net.connects("198.18.1.7", 2525)
        g.append(one.dir / "knock.log", g.knocks("198.18.1.7", 3))
        g.wait_for("the ban in the kernel", kernel_has(net, "198.18.1.7"))
        assert not net.connects("198.18.1.7", 2525)
        assert net.connects("198.18.1.1", 2525), "others must not be hit"
        assert one.client("set", "knock", "unbanip", "198.18.1.7").stdout == "1\n"
        g.wait_for("the door opens again", lambda: net.connects("198.18.1.7", 2525))
    finally:
        server.kill()
        server.wait()
    assert re.search(r"fail2ban\.filter +\[\d+\]: INFO +\[knock\] Found 198\.18\.1\.7 - ", one.log)
    assert re.search(r"fail2ban\.actions +\[\d+\]: NOTICE +\[knock\] Ban 198\.18\.1\.7\n", one.log)
    assert "NOTICE  [knock] Unban 198.18.1.7\n" in one.log


def test_ipv6_and_prefixes(make, net):
    one = make().start()
    server = net.listener(2525)
    try:
        net.attacker_address("2001:db8:7::1")
        assert net.connects("2001:db8:7::1", 2525)
        g.append(one.dir / "knock.log", g.knocks("2001:db8:7::1", 3))
        g.wait_for("the ban", kernel_has(net, "2001:db8:7::1", name="addr6-set-knock"))
        assert not net.connects("2001:db8:7::1", 2525)
        assert one.client("unban", "2001:db8:7::1").stdout == "1\n"
        g.wait_for("the door opens", lambda: net.connects("2001:db8:7::1", 2525))
        assert one.client("set", "knock", "banip", "2001:db8:7::/64").stdout == "1\n"
        g.wait_for("the prefix is closed", lambda: not net.connects("2001:db8:7::1", 2525))
        assert net.connects("2001:db8:1::1", 2525)
        assert one.client("set", "knock", "unbanip", "2001:db8:7::/64").stdout == "1\n"
        g.wait_for("the prefix is open", lambda: net.connects("2001:db8:7::1", 2525))
    finally:
        server.kill()
        server.wait()


def test_status_texts(make, net):
    one = make().start()
    g.append(one.dir / "knock.log", g.knocks("198.18.1.7", 3) + g.knocks("198.18.1.8", 1))
    g.wait_for("the ban", lambda: one.banned("knock"))
    assert one.client("ping").stdout == "Server replied: pong\n"
    assert one.client("status").stdout == \
        "Status\n|- Number of jail:\t1\n`- Jail list:\tknock\n"
    assert one.client("status", "knock").stdout == (
        "Status for the jail: knock\n|- Filter\n|  |- Currently failed:\t1\n"
        f"|  |- Total failed:\t4\n|  `- File list:\t{one.dir}/knock.log\n`- Actions\n"
        "   |- Currently banned:\t1\n   |- Total banned:\t1\n"
        "   `- Banned IP list:\t198.18.1.7\n")
    assert one.client("banned").stdout == "[{'knock': ['198.18.1.7']}]\n"
    assert one.client("banned", "198.18.1.7", "198.18.1.8").stdout == "[['knock'], []]\n"
    assert one.client("get", "knock", "bantime").stdout == "600\n"
    nope = one.client("status", "nope")
    assert nope.returncode == 255
    assert "Sorry but the jail 'nope' does not exist" in nope.stdout
    # ours prints the same as Debian's
    for words in (("status",), ("status", "knock"), ("banned",), ("status", "nope")):
        assert one.ask(*words) == one.client(*words).stdout


def test_bans_survive_a_stop(make, net):
    one = make().start()
    g.append(one.dir / "knock.log", g.knocks("198.18.1.7", 3))
    g.wait_for("the ban", kernel_has(net, "198.18.1.7"))
    assert one.stop() == 0
    assert "Repeal Ban 198.18.1.7" in one.log
    assert net.elements("addr-set-knock") is None, "a clean stop leaves nothing"
    assert "table" not in net.nft("list", "ruleset").stdout
    one.start()
    g.wait_for("the ban is back", kernel_has(net, "198.18.1.7"))
    assert "NOTICE  [knock] Restore Ban 198.18.1.7\n" in one.log
    assert one.banned("knock") == {"198.18.1.7"}


class Writer(threading.Thread):
    """Writes about 2,000 failures a second of ever new addresses, each three times, until told."""

    def __init__(self, path):
        super().__init__()
        self.path, self.lines, self.addresses = path, 0, 0
        self.ending = threading.Event()
        self.start()

    def run(self):
        while not self.ending.wait(0.01):
            batch = [f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}"
                     for n in range(self.addresses + 1, self.addresses + 8)]
            g.append(self.path, "".join(g.knocks(ip, 3) for ip in batch))
            self.addresses += len(batch)
            self.lines += 3 * len(batch)

    def stop(self):
        self.ending.set()
        self.join()


@pytest.mark.parametrize("role", ["engine", "console", "warden"])
def test_kill_9_under_load_loses_nothing(make, net, role):
    """KILL_ROUNDS=20 for the whole of it; prints how long the guard was away."""
    one = make().start()
    writer = Writer(one.dir / "knock.log")
    rnd, away = random.Random(7), []
    try:
        for _ in range(int(os.environ.get("KILL_ROUNDS", "5"))):
            writer.ending.wait(rnd.uniform(0.05, 0.9))
            victim = g.wait_for("the process is there", lambda: one.roles().get(role))
            os.kill(victim, signal.SIGKILL)
            begin = time.monotonic()
            g.wait_for("a new one", lambda: one.roles().get(role, victim) != victim, 5)
            g.wait_for("an answer", lambda: one.ask("ping") == "Server replied: pong\n", 5)
            away.append(time.monotonic() - begin)
    finally:
        writer.stop()
    print(f"{role}: away {max(away):.3f} s at most, {sum(away) / len(away):.3f} s on average; "
          f"{writer.lines} lines, {writer.addresses} bans")
    g.wait_for("all lines counted", lambda: one.total_failed("knock") == writer.lines, 20)
    g.wait_for("all banned", lambda: len(one.banned("knock")) == writer.addresses, 20)
    g.wait_for("all in the kernel",
               lambda: len(net.elements("addr-set-knock") or ()) == writer.addresses, 20)
    assert one.total_failed("knock") == writer.lines


def test_rotation_by_rename_loses_no_line(make, net):
    one = make().start()
    log = one.dir / "knock.log"
    sent = 0
    for i in range(20):
        with open(log, "a") as f:
            f.write(g.knocks(f"198.18.30.{i + 1}", 1))
            os.rename(log, f"{log}.{i}")
            f.write(g.knocks(f"198.18.30.{i + 1}", 1))  # the writer has not noticed yet
        g.append(log, g.knocks(f"198.18.30.{i + 1}", 1))
        sent += 3
        g.wait_for("every line", lambda: one.total_failed("knock") == sent)
    g.wait_for("every ban", lambda: len(one.banned("knock")) == 20)


def test_a_rotated_file_that_was_deleted_counts_once(make, net):
    """The warden holds it for new engines; that nobody finds it any more must not matter."""
    one = make().start()
    log = one.dir / "knock.log"
    g.append(log, g.knocks("198.18.30.1", 20))
    g.wait_for("the first lines", lambda: one.total_failed("knock") == 20)
    os.rename(log, f"{log}.1")
    g.append(log, g.knocks("198.18.30.2", 1))
    g.wait_for("the next one", lambda: one.total_failed("knock") == 21)
    os.unlink(f"{log}.1")
    for i in range(3):
        assert "OK" in one.ask("reload")
        g.append(log, g.knocks("198.18.30.2", 1))
        g.wait_for("the line behind them", lambda: (one.total_failed("knock") or 0) >= 22 + i)
        assert one.total_failed("knock") == 22 + i


def test_log_that_appears_later(make, net):
    one = make(KNOCK_JAIL + "skip_if_nologs = false\n")
    os.unlink(one.dir / "knock.log")
    one.start()
    assert "File list:" in one.ask("status", "knock")
    g.append(one.dir / "knock.log", g.knocks("198.18.1.7", 3))
    g.wait_for("the ban", kernel_has(net, "198.18.1.7"))


def test_processes_have_no_rights(make, net):
    one = make().start()
    roles = one.roles()
    assert set(roles) == {"warden", "engine", "console", "herald"}
    for role, pid in roles.items():
        status = dict(line.split(":\t", 1) for line in open(f"/proc/{pid}/status").read()
                      .splitlines() if ":\t" in line)
        if role == "warden":
            kept = sum(1 << c for c in (2, 5, 6, 7, 12))
            assert {int(status[c], 16) for c in ("CapEff", "CapPrm", "CapBnd")} == {kept}
            assert status["NoNewPrivs"] == "1"
            continue
        assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == 0
        assert status["NoNewPrivs"] == "1"
        assert status["Seccomp"] == "2"
        assert "0" not in status["Uid"].split()
    uids = {open(f"/proc/{pid}/status").read().split("Uid:\t")[1].split()[0]
            for role, pid in roles.items()}
    assert len(uids) == 4, "each has a user of its own"


def test_shell_action_runs_as_configured(make, net):
    one = make(KNOCK_JAIL.replace("action = nftables", "action = note\n         nftables")).start()
    out = one.dir / "actions.out"
    g.append(one.dir / "knock.log", g.knocks("198.18.1.7", 3))
    g.wait_for("both actions", lambda: out.exists() and "ban 198.18.1.7\n" in out.read_text())
    g.wait_for("the kernel", kernel_has(net, "198.18.1.7"))
    one.client("unban", "--all")
    g.wait_for("the unban", lambda: "unban 198.18.1.7\n" in out.read_text())
    assert one.stop() == 0
    assert out.read_text() == "start\nban 198.18.1.7\nunban 198.18.1.7\nstop\n"


def test_a_restarted_engine_does_not_repeat_shell_actions(make, net):
    one = make(KNOCK_JAIL.replace("action = nftables", "action = note\n         nftables")).start()
    out = one.dir / "actions.out"
    g.append(one.dir / "knock.log", g.knocks("198.18.1.7", 3))
    g.wait_for("the action", lambda: out.exists() and "ban 198.18.1.7\n" in out.read_text())
    victim = one.roles()["engine"]
    os.kill(victim, signal.SIGKILL)
    g.wait_for("a new engine", lambda: one.roles().get("engine", victim) != victim)
    g.append(one.dir / "knock.log", g.knocks("198.18.1.8", 3))
    g.wait_for("it works", lambda: "ban 198.18.1.8\n" in out.read_text())
    assert out.read_text() == "start\nban 198.18.1.7\nban 198.18.1.8\n"


def test_slow_shell_action_delays_no_ban(make, net):
    jails = KNOCK_JAIL + KNOCK_JAIL.replace("[knock]", "[slow]").replace(
        "name=knock", "name=slow").replace("knock.log", "slow.log").replace(
        "action = nftables", "action = sleepy\n         nftables")
    one = make(jails, actions={"sleepy": "[Definition]\nactionban = sleep 8\n"})
    (one.dir / "slow.log").touch()
    one.start()
    g.append(one.dir / "slow.log", g.knocks("198.18.1.7", 3))
    g.wait_for("the native action of the slow jail",
               kernel_has(net, "198.18.1.7", name="addr-set-slow"), 5)
    g.append(one.dir / "knock.log", g.knocks("198.18.1.8", 3))
    g.wait_for("the other jail's ban", kernel_has(net, "198.18.1.8"), 5)
    g.append(one.dir / "slow.log", g.knocks("198.18.1.9", 3))
    g.wait_for("the next ban of the slow jail",
               kernel_has(net, "198.18.1.9", name="addr-set-slow"), 5)


def test_observe_enforces_nothing(make, net):
    one = make()
    one.start("--observe", "--socket", one.socket, "--pidfile", str(one.dir / "run/guard.pid"),
              "--logtarget", str(one.dir / "guard.log"),
              "--dbfile", str(one.dir / "state/guard.sqlite3"))
    g.append(one.dir / "knock.log", g.knocks("198.18.1.7", 3))
    g.wait_for("the log says so", lambda: "[knock] Would ban 198.18.1.7" in one.log)
    assert net.nft("list", "ruleset").stdout == ""
    assert "Would ban IP list:\t198.18.1.7" in one.ask("status", "knock")


def test_reload_takes_new_configuration_and_keeps_bans(make, net):
    one = make().start()
    g.append(one.dir / "knock.log", g.knocks("198.18.1.7", 3) + g.knocks("198.18.1.8", 2))
    g.wait_for("the ban", kernel_has(net, "198.18.1.7"))
    one.set_jails(KNOCK_JAIL.replace("maxretry = 3", "maxretry = 4") +
                  KNOCK_JAIL.replace("[knock]", "[other]").replace("name=knock", "name=other")
                  .replace("knock.log", "other.log"))
    g.append(one.dir / "other.log", "")
    r = one.ask("reload")
    assert "OK" in r, r + one.log
    assert "knock, other" in one.ask("status")
    assert one.banned("knock") == {"198.18.1.7"}
    assert kernel_has(net, "198.18.1.7")()
    assert one.client("get", "knock", "maxretry").stdout == "4\n"
    g.append(one.dir / "knock.log", g.knocks("198.18.1.8", 1))
    g.wait_for("the count goes on", lambda: one.total_failed("knock") == 6)
    assert one.banned("knock") == {"198.18.1.7"}
    g.append(one.dir / "knock.log", g.knocks("198.18.1.8", 1))
    g.wait_for("the fourth", kernel_has(net, "198.18.1.8"))
    g.append(one.dir / "other.log", g.knocks("198.18.1.9", 3))
    g.wait_for("the new jail", kernel_has(net, "198.18.1.9", name="addr-set-other"))
    # a broken file changes nothing
    (one.conf / "jail.local").write_text("[knock\nenabled\n")
    r = one.client("reload")
    assert one.banned("knock") == {"198.18.1.7", "198.18.1.8"}
    g.append(one.dir / "knock.log", g.knocks("198.18.1.10", 4))
    g.wait_for("the old configuration stays", kernel_has(net, "198.18.1.10"))


def test_a_bad_jail_never_stops_the_others(make, net):
    bad = ("[badfilter]\nenabled = true\nfilter = nonexistent\nlogpath = {dir}/knock.log\n"
           "[badregex]\nenabled = true\nfilter =\nfailregex = ^(knock <HOST>$\n"
           "logpath = {dir}/knock.log\n")
    one = make(KNOCK_JAIL + bad).start()
    g.append(one.dir / "knock.log", g.knocks("198.18.1.7", 3))
    g.wait_for("the good jail works", kernel_has(net, "198.18.1.7"))
    for text in (one.client("status").stdout, one.ask("status")):
        assert text == ("Status\n|- Number of jail:\t1\n|- Jail list:\tknock\n"
                        "`- Left out:\tbadfilter, badregex\n")
    assert "Jail 'badfilter' skipped" in one.log
    assert "Jail 'badregex' skipped" in one.log
    test = g.run(g.LASTKNOCK, "config", "test", "-c", one.conf, check=False)
    assert test.returncode == 1
    assert re.search(r"ERROR: jail badfilter: .*jail\.local:\d+: ", test.stdout)
    assert "ERROR: jail badregex: Unable to compile regular expression" in test.stdout


def test_second_instance_is_refused(make, net):
    one = make().start()
    second = subprocess.run(one.command(), capture_output=True, text=True, timeout=30)
    assert second.returncode != 0
    assert "already answers" in second.stderr
    other = subprocess.run(one.command("-s", str(one.dir / "run" / "other.sock")),
                           capture_output=True, text=True, timeout=30)
    assert "already running" in other.stderr  # the pid file tells
    assert one.answers()


def test_own_addresses_and_ignoreip_are_never_banned(make, net):
    one = make(KNOCK_JAIL + "ignoreip = 198.18.1.200 198.18.9.0/24\n").start()
    for address in (g.SERVER4, g.SERVER6, "127.0.0.1", "198.18.1.200", "198.18.9.77"):
        g.append(one.dir / "knock.log", g.knocks(address, 5))
    g.append(one.dir / "knock.log", g.knocks("198.18.1.7", 3))
    g.wait_for("the last ban", kernel_has(net, "198.18.1.7"))
    assert one.banned("knock") == {"198.18.1.7"}
    assert "[knock] Ignore 198.18.1.200 by ip" in one.log
    assert one.ask("set", "knock", "banip", "127.0.0.1").strip() != "1"
    # root's own word goes further than ignoreip
    assert one.client("set", "knock", "banip", "198.18.1.200").stdout == "1\n"
    g.wait_for("the ban by hand", kernel_has(net, "198.18.1.200"))


@pytest.fixture
def hosts(net):
    """What the namespace's /etc/hosts says; `ip netns exec` puts it there."""
    directory = pathlib.Path("/etc/netns") / net.server
    directory.mkdir(parents=True)
    (directory / "hosts").write_text("198.18.1.50 trusted.example\n198.18.1.51 evil.example\n"
                                     "2001:db8:51::1 evil.example\n")
    (directory / "resolv.conf").write_text("nameserver 127.0.0.1\n")
    yield
    shutil.rmtree(directory)
    try:
        directory.parent.rmdir()
    except OSError:
        pass


def test_names_are_looked_up_by_the_herald(make, net, hosts):
    one = make(KNOCK_JAIL.replace("filter = knock", "filter = byname\nusedns = yes") +
               "ignoreip = trusted.example\n",
               filters={"byname": "[Definition]\nfailregex = ^\\s*knock from <HOST>$\n"}).start()
    g.append(one.dir / "knock.log", g.knocks("evil.example", 3))
    g.wait_for("both addresses of the name", lambda: one.banned("knock") ==
               {"198.18.1.51", "2001:db8:51::1"})
    g.append(one.dir / "knock.log", g.knocks("198.18.1.50", 5) + g.knocks("198.18.1.7", 3))
    g.wait_for("the ban behind", kernel_has(net, "198.18.1.7"))
    assert "198.18.1.50" not in one.banned("knock")
    assert "[knock] Ignore 198.18.1.50 by dns" in one.log


def test_two_thousand_addresses_at_once(make, net):
    one = make().start()
    addresses = [f"198.19.{i // 250}.{i % 250 + 1}" for i in range(2000)]
    g.append(one.dir / "knock.log", "".join(g.knocks(a, 3) for a in addresses))
    g.wait_for("all in the kernel", kernel_has(net, *addresses), 30)
    assert len(one.banned("knock")) == 2000
    assert one.client("unban", "--all").stdout == "2000\n"
    g.wait_for("all out", lambda: net.elements("addr-set-knock") == set())


def test_ten_thousand_bans_by_hand_in_one_command(make, net):
    one = make().start()
    addresses = [f"10.0.{i // 250}.{i % 250 + 1}" for i in range(10000)]
    assert one.client("set", "knock", "banip", *addresses).stdout == "10000\n"
    g.wait_for("all in the kernel", kernel_has(net, *addresses), 30)
    assert one.client("set", "knock", "unbanip", *addresses).stdout == "10000\n"
    g.wait_for("all out", lambda: net.elements("addr-set-knock") == set())


def test_root_may_ban_many_that_ignoreip_protects(make, net):
    """Root's word for each of them has to reach the warden, in more than one message."""
    one = make(KNOCK_JAIL + "ignoreip = 10.0.0.0/8\n").start()
    addresses = [f"10.0.{i // 250}.{i % 250 + 1}" for i in range(5000)]
    assert one.client("set", "knock", "banip", *addresses).stdout == "5000\n"
    g.wait_for("all in the kernel", kernel_has(net, *addresses), 30)
    assert "refused to ban" not in one.log


def test_hostile_lines_do_no_harm(make, net):
    one = make().start()
    with open(one.dir / "knock.log", "ab") as f:
        f.write(b"\0" * 1000 + b"\n" + b"A" * 200000 + b"\n" + bytes(range(256)) * 40 + b"\n")
        f.write(g.stamp().encode() + b" knock from 198.18.1.66 user \xff\xfe\x1b[2J;$(id)`\n" * 3)
        f.write(g.knocks("198.18.1.7", 3).encode())
    g.wait_for("the ban behind them", kernel_has(net, "198.18.1.7"))
    assert "\x1b" not in one.log
