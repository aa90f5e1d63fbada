"""What goes wrong on a bad day, each with a real guard: nothing is lost, nothing counted twice."""
import os
import re
import signal
import socket
import sqlite3
import subprocess

import pytest

import guard as g
from test_guard import KNOCK_JAIL, kernel_has, make, net  # noqa: F401 (fixtures)

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root for network namespaces")

OTHER_JAIL = KNOCK_JAIL.replace("[knock]", "[other]").replace("name=knock", "name=other")


def kill(one, role):
    victim = g.wait_for("the process", lambda: one.roles().get(role))
    os.kill(victim, signal.SIGKILL)
    g.wait_for("a new one", lambda: one.roles().get(role, victim) != victim)


def counted(one, jail, n):
    g.wait_for(f"{n} failures of {jail}", lambda: one.total_failed(jail) == n)


def test_a_jail_ahead_in_a_file_stays_ahead(make, net):  # noqa: F811
    one = make(KNOCK_JAIL.replace("maxretry = 3", "maxretry = 1000000")).start()
    n = 150000
    g.append(one.dir / "knock.log", g.knocks("198.18.1.7", n))
    g.wait_for("all of them", lambda: one.total_failed("knock") == n, 60)
    one.set_jails((KNOCK_JAIL + OTHER_JAIL).replace("maxretry = 3", "maxretry = 1000000"))
    assert "OK" in one.ask("reload")
    # the other jail reads from the start; the engine dies while it does
    g.wait_for("it has begun", lambda: (one.total_failed("other") or 0) > 0)
    kill(one, "engine")
    g.wait_for("it is through", lambda: one.total_failed("other") == n, 60)
    assert one.total_failed("knock") == n


def test_a_rotated_file_is_read_to_its_end_over_a_restart(make, net):  # noqa: F811
    one = make().start()
    log = one.dir / "knock.log"
    with open(log, "a") as writer:
        writer.write(g.knocks("198.18.1.7", 2))
        writer.flush()
        counted(one, "knock", 2)
        os.rename(log, f"{log}.1")
        g.append(log, g.knocks("198.18.1.8", 1))
        counted(one, "knock", 3)
        assert one.stop() == 0
        writer.write(g.knocks("198.18.1.9", 3))  # it has not noticed yet
    one.start()
    g.wait_for("its ban", kernel_has(net, "198.18.1.9"))
    assert one.total_failed("knock") == 3  # of this run


def test_a_rotated_file_is_not_read_twice(make, net):  # noqa: F811
    one = make(KNOCK_JAIL.replace("maxretry = 3", "maxretry = 100")).start()
    log = one.dir / "knock.log"
    sent = 0
    for i in range(3):
        g.append(log, g.knocks("198.18.1.7", 2))
        os.rename(log, f"{log}.{i}")
        g.append(log, g.knocks("198.18.1.7", 1))
        sent += 3
        counted(one, "knock", sent)
        kill(one, "engine" if i % 2 else "warden")
        g.wait_for("an answer", lambda: one.client("ping").returncode == 0)
        g.append(log, g.knocks("198.18.1.7", 1))
        sent += 1
        counted(one, "knock", sent)


def test_a_tail_begins_where_it_began(make, net):  # noqa: F811
    one = make(KNOCK_JAIL.replace("knock.log", "knock.log tail"))
    g.append(one.dir / "knock.log", g.knocks("198.18.1.6", 5))
    one.start()
    g.wait_for("the file is open", lambda: "Added logfile" in one.log)
    g.append(one.dir / "knock.log", g.knocks("198.18.1.7", 2))
    kill(one, "engine")
    g.append(one.dir / "knock.log", g.knocks("198.18.1.7", 1))
    g.wait_for("the ban", kernel_has(net, "198.18.1.7"))
    assert one.banned("knock") == {"198.18.1.7"}


def test_files_changed_without_a_reload(make, net):  # noqa: F811
    one = make().start()
    one.set_jails(KNOCK_JAIL.replace("maxretry = 3", "maxretry = 2"))
    kill(one, "engine")
    g.append(one.dir / "knock.log", g.knocks("198.18.1.7", 2))
    g.wait_for("it guards by the new files", kernel_has(net, "198.18.1.7"))
    # files that cannot be read: it says so, and goes on once they are mended
    (one.conf / "jail.local").write_text("[knock\n")
    os.kill(one.roles()["engine"], signal.SIGKILL)
    g.wait_for("the log says why", lambda: "no log is judged until this is mended" in one.log)
    one.set_jails(KNOCK_JAIL)
    g.append(one.dir / "knock.log", g.knocks("198.18.1.8", 3))
    g.wait_for("it goes on", kernel_has(net, "198.18.1.8"))


@pytest.mark.parametrize("first", ["old", "new"])
def test_an_engine_dies_in_the_middle_of_a_reload(make, net, first):  # noqa: F811
    one = make().start()
    old = one.roles()["engine"]
    os.kill(old, signal.SIGSTOP)
    one.set_jails(KNOCK_JAIL.replace("maxretry = 3", "maxretry = 2"))
    os.kill(one.process.pid, signal.SIGHUP)

    def new():
        for entry in os.listdir("/proc"):
            try:
                words = open(f"/proc/{entry}/cmdline", "rb").read().split(b"\0")
            except OSError:
                continue
            if b"engine" in words and str(one.conf).encode() in words and int(entry) != old:
                return int(entry)
        return None

    other = g.wait_for("the new engine", new)
    for pid in ((old, other) if first == "old" else (other, old)):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    g.wait_for("an answer", lambda: one.client("ping").returncode == 0)
    g.append(one.dir / "knock.log", g.knocks("198.18.1.7", 2))
    g.wait_for("the new configuration", kernel_has(net, "198.18.1.7"))


def test_a_flushed_ruleset_is_put_back(make, net):  # noqa: F811
    one = make().start()
    g.append(one.dir / "knock.log", g.knocks("198.18.1.7", 3))
    g.wait_for("the ban", kernel_has(net, "198.18.1.7"))
    assert net.nft("flush", "ruleset").returncode == 0
    g.append(one.dir / "knock.log", g.knocks("198.18.1.8", 3))
    g.wait_for("old and new", kernel_has(net, "198.18.1.7", "198.18.1.8"))
    assert "putting them back" in one.log


def test_spared_after_all(make, net):  # noqa: F811
    """An address that ignoreip covers since the reload is let go in the kernel, too."""
    one = make().start()
    g.append(one.dir / "knock.log", g.knocks("198.18.1.7", 3))
    g.wait_for("the ban", kernel_has(net, "198.18.1.7"))
    one.set_jails(KNOCK_JAIL + "ignoreip = 198.18.1.7\n")
    assert "OK" in one.ask("reload")
    g.wait_for("it is let go", lambda: "198.18.1.7" not in net.elements("addr-set-knock"))
    assert one.banned("knock") == set()


def test_a_database_that_is_held_for_a_moment(make, net):  # noqa: F811
    one = make().start()
    g.append(one.dir / "knock.log", g.knocks("198.18.1.7", 3))
    g.wait_for("the ban", kernel_has(net, "198.18.1.7"))
    assert one.stop() == 0
    other = sqlite3.connect(one.dir / "state" / "guard.sqlite3", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    one.start(ready=False)
    g.wait_for("the engine is there", lambda: one.roles().get("engine"))
    other.execute("ROLLBACK")
    other.close()
    g.wait_for("the ban is back", kernel_has(net, "198.18.1.7"))
    assert one.banned("knock") == {"198.18.1.7"}
    assert "Restore Ban 198.18.1.7" in one.log


def test_a_stopped_child_dies_with_the_warden(make, net):  # noqa: F811
    one = make().start()
    before = one.roles()
    for role in ("engine", "console"):
        os.kill(before[role], signal.SIGSTOP)
    os.kill(before["warden"], signal.SIGKILL)
    g.wait_for("the old ones are gone", lambda: not set(before.values()) &
               set(one.roles().values()))
    g.append(one.dir / "knock.log", g.knocks("198.18.1.7", 3))
    g.wait_for("the ban", kernel_has(net, "198.18.1.7"))


def test_a_directory_with_other_files_is_not_given_away(make, net):  # noqa: F811
    one = make()
    (one.dir / "state").mkdir()
    (one.dir / "state" / ".bashrc").write_text("")
    one.start()
    assert (one.dir / "state").stat().st_uid == 0
    assert re.search(r"state is not its own", one.log)
    g.append(one.dir / "knock.log", g.knocks("198.18.1.7", 3))
    g.wait_for("it guards without", kernel_has(net, "198.18.1.7"))


def test_a_socket_that_somebody_else_holds(make, net):  # noqa: F811
    """A server that is there but says nothing: the guard ends instead of trying for ever."""
    one = make()
    (one.dir / "run").mkdir()
    with socket.socket(socket.AF_UNIX) as holder:
        holder.bind(one.socket)
        holder.listen(1)
        r = subprocess.run(one.command(), capture_output=True, text=True, timeout=60)
    assert r.returncode == 1
    assert "already answers" in r.stderr
    assert "trying again" not in r.stderr


def test_what_could_not_be_mended_is_tried_again(make, net):  # noqa: F811
    one = make().start()
    g.append(one.dir / "knock.log", g.knocks("198.18.1.7", 3))
    g.wait_for("the ban", kernel_has(net, "198.18.1.7"))
    # a foreign set of our name but another kind stands in the way
    net.nft("flush", "ruleset")
    net.nft("add", "table", "inet", "f2b-table")
    net.nft("add", "set", "inet", "f2b-table", "addr-set-knock", "{ type inet_service; }")
    net.nft("add", "chain", "inet", "f2b-table", "other")
    net.nft("add", "rule", "inet", "f2b-table", "other", "tcp", "dport", "@addr-set-knock", "drop")
    g.append(one.dir / "knock.log", g.knocks("198.18.1.8", 3))
    g.wait_for("the guard has noticed", lambda: "taken away" in one.log or "cannot" in one.log)
    net.nft("flush", "ruleset")
    g.append(one.dir / "knock.log", g.knocks("198.18.1.9", 3))
    g.wait_for("all of them", kernel_has(net, "198.18.1.7", "198.18.1.8", "198.18.1.9"), 40)


def test_a_stop_in_the_middle_of_a_reload(make, net):  # noqa: F811
    one = make(KNOCK_JAIL.replace("action = nftables", "action = slow\n         nftables"),
               actions={"slow": "[Definition]\nactionban = true\nactionstop = sleep 1\n"}).start()
    one.set_jails(KNOCK_JAIL.replace("maxretry = 3", "maxretry = 2"))
    os.kill(one.process.pid, signal.SIGHUP)
    g.wait_for("the reload has begun", lambda: "Reload all jails" in one.log)
    assert one.stop() == 0
    assert net.nft("list", "ruleset").stdout == ""
