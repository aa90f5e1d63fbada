"""A guard for a long time: steady load, both kinds of rotation, reloads, every process killed at
random moments, hostile lines, bans by hand, many clients.  Now and then everything stands still and
is compared: lines written and lines counted, bans and what the kernel holds.  Used by
tests/bench/soak."""
import os
import pathlib
import random
import re
import shutil
import signal
import threading
import time

import measure as m
from measure import g

import loglines

RATE, ADDRESSES = 1000, 5000  # each address knocks every five seconds: its bans end in between
FINDTIMES = ("30s", "31s")  # short: counters of the liars' addresses come and go
BY_HAND = [f"192.0.2.{i + 1}" for i in range(200)]
MAIL_JAILS = ("sshd", "postfix", "dovecot")
ROLES = ("warden", "engine", "console", "herald", "keeper")
DESCRIPTORS_MAX = 128
GROWTH = 3 << 20  # what a process may gain in the second half of the steady part
BACK_SECONDS = 5  # a guard that needs longer after kill -9 is not back

JAILS = """[DEFAULT]
ignoreself = true
usedns = no
findtime = FINDTIME
[knock]
enabled = true
filter = knock
logpath = {dir}/knock.log
maxretry = 3
bantime = 3s
action = nftables[name=knock, port="2525", protocol="tcp"]
[held]
enabled = true
filter = knock
logpath = {dir}/knock.log
maxretry = 1000000
maxmatches = 5
bantime = 1d
action = nftables[name=held, port="2526", protocol="tcp"]
""" + "".join(f"[{jail}]\nenabled = true\nlogpath = {{dir}}/mail.log\nbantime = 10s\n"
              for jail in MAIL_JAILS)

# what the guard's log may say at the level of errors: what we killed, what is no address
EXPECTED = re.compile(r"was killed by signal 9, starting it again|"
                      r"refused to ban 999\.1\.1\.1: it is an address in disguise")


class Writer(threading.Thread):
    """Appends `RATE` failures a second to a log, of `ADDRESSES` addresses in turn."""

    BATCHES = 100

    def __init__(self, path):
        super().__init__(daemon=True)
        self.path, self.written = pathlib.Path(path), 0
        self.addresses = [f"198.19.{i // 250}.{i % 250 + 1}" for i in range(ADDRESSES)]
        self.still = threading.Lock()  # hold it, and nothing is written
        self.end = threading.Event()
        self.file = open(self.path, "a", encoding="ascii")
        self.start()

    def run(self):
        begin, batches = time.monotonic(), 0
        while not self.end.wait(max(0, begin + batches / self.BATCHES - time.monotonic())):
            with self.still:
                self.write_batch()
            batches += 1

    def write_batch(self):
        head, n = g.stamp(), RATE // self.BATCHES
        self.file.write("".join(
            f"{head} knock from {self.addresses[(self.written + i) % ADDRESSES]}\n"
            for i in range(n)))
        self.file.flush()
        self.written += n

    def rename(self, to):
        """One more batch goes to the renamed file: loggers notice late."""
        with self.still:
            os.rename(self.path, to)
            self.write_batch()
            self.file.close()
            self.file = open(self.path, "a", encoding="ascii")

    def finish(self):
        self.end.set()
        self.join()
        self.file.close()


class Hostile(threading.Thread):
    """Appends what no daemon should write: real lines, broken in every way, and plain rubbish."""

    LIMIT = 64 << 20

    def __init__(self, path, seed):
        super().__init__(daemon=True)
        self.path, self.rnd, self.end = pathlib.Path(path), random.Random(seed), threading.Event()
        self.lines = [line.encode() for line in
                      loglines.lines(seed, 2000, 0, 1, lambda t: "@", share=0.5)]
        self.path.touch()
        self.written = 0
        self.start()

    def address(self):
        bits = self.rnd.getrandbits(32)
        return self.rnd.choice([
            b"%d.%d.%d.%d" % (bits >> 24, bits >> 16 & 255, bits >> 8 & 255, bits & 255),
            b"2001:db8:%x::%x" % (bits >> 16, bits & 65535), b"127.0.0.1", b"198.18.0.25", b"::1",
            b"::ffff:198.51.100.7", b"0.0.0.0", b"1.2.3.4/0", b"999.1.1.1", b"host.example", b""])

    def line(self):
        rnd = self.rnd
        line = rnd.choice(self.lines).replace(b"@", g.stamp().encode(), 1)
        how = rnd.randrange(10)
        if how < 4:  # another address, so that tables fill
            return re.sub(rb"203\.0\.\d+\.\d+|2001:db8:\w+::\w+", lambda _: self.address(), line)
        if how == 4:
            at = rnd.randrange(len(line))
            return line[:at] + rnd.randbytes(rnd.randrange(1, 40)) + line[at:]
        if how == 5:
            return line[:rnd.randrange(len(line))]  # its end comes with the next one, or never
        if how == 6:
            part = line[rnd.randrange(len(line)):]
            return line[:-1] + part * rnd.randrange(1, 200) + b"\n"
        if how == 7:
            return line.replace(b":", rnd.choice([b"\0", b"\x1b[2J", b"\xff\xfe", b"\r"]))
        if how == 8:
            return re.sub(rb"^\w+ [\d ]\d", b"Feb 31", line)
        return rnd.randbytes(rnd.choice([1, 100, 1000])) + b"\n"

    def run(self):
        while not self.end.wait(0.02):
            data = b"".join(self.line() for _ in range(8))
            if self.rnd.random() < 0.005:
                data += b"A" * self.rnd.choice([65535, 65536, 70000, 1 << 20]) + b"\n"
            with open(self.path, "ab") as f:
                f.write(data)
            self.written += len(data)
            if self.path.stat().st_size > self.LIMIT:
                os.truncate(self.path, 0)

    def finish(self):
        self.end.set()
        self.join()


class Soak:
    """The guard, what is done to it, and what was seen."""

    def __init__(self, directory, seed):
        self.rnd = random.Random(seed)
        self.net = g.Net(f"soak{os.getpid() % 10000}")
        self.one = g.Guard(directory, JAILS.replace("FINDTIME", FINDTIMES[0]), self.net)
        self.log = self.one.dir / "knock.log"
        self.log.touch()
        self.hostile = Hostile(self.one.dir / "mail.log", seed)
        self.one.start()
        self.writer = Writer(self.log)
        self.serial = self.reloads = 0
        self.kills, self.away, self.unexpected = 0, {}, []
        self.peak_rss, self.peak_fds, self.checks = 0, 0, 0
        m.ask(self.one.socket, "set", "held", "banip", *BY_HAND)

    # ------------------------------------------------------------ what is done to it

    def rename(self):
        self.serial += 1
        self.writer.rename(f"{self.log}.{self.serial}")

    def copy_and_truncate(self):
        """Lines that nobody has read are lost with any guard: it happens in a quiet moment."""
        self.serial += 1
        with self.writer.still:
            self.all_counted()
            shutil.copy(self.log, f"{self.log}.{self.serial}")
            os.truncate(self.log, 0)

    def reload(self):
        self.reloads += 1
        self.one.set_jails(JAILS.replace("FINDTIME", FINDTIMES[self.reloads % 2]))
        r = self.one.ask("reload")
        m.check("OK" in r, f"reload: {r}")

    def by_hand(self):
        some = self.rnd.sample(BY_HAND, 20)
        for word in ("unbanip", "banip"):
            m.check(m.ask(self.one.socket, "set", "held", word, *some) == 20, f"{word} by hand")

    def look(self):
        m.ask(self.one.socket, self.rnd.choice(["status", "banned", "stats"]))
        m.ask(self.one.socket, "status", self.rnd.choice(["knock", "held", *MAIL_JAILS]))

    def kill(self, role):
        """kill -9; the guard has to be back by itself (the keeper: as init would bring it back)."""
        if role == "keeper":
            self.one.process.kill()
            self.one.process.wait()
            m.wait_until("the others end with the keeper", lambda: not self.one.roles(), 10)
            began = time.monotonic()
            self.one.start(ready=False)
        else:
            victim = g.wait_for(f"a {role}", lambda: self.one.roles().get(role))
            os.kill(victim, signal.SIGKILL)
            began = time.monotonic()
            g.wait_for(f"a new {role}", lambda: self.one.roles().get(role, victim) != victim)
        m.wait_until("an answer", lambda: m.total_failed(self.one.socket, "held") is not None, 30)
        took = time.monotonic() - began
        self.kills += 1
        self.away[role] = max(took, self.away.get(role, 0))

    # ------------------------------------------------------------ what must hold

    def all_counted(self):
        """The writer is held: every line was counted, and none twice."""
        for jail in ("knock", "held"):
            m.wait_until(f"{jail}: all lines counted",
                         lambda: (m.total_failed(self.one.socket, jail) or 0) >=
                         self.writer.written, 30)
            total = m.total_failed(self.one.socket, jail)
            m.check(total == self.writer.written,
                    f"{jail}: {self.writer.written} lines written, {total} counted")

    def compare(self):
        """Lines and counts; bans and the kernel."""
        with self.writer.still:
            self.all_counted()
            m.wait_until("every short ban ends, also in the kernel",
                         lambda: not self.banned("knock") and
                         not self.net.elements("addr-set-knock"), 30, 0.1)
            held, kernel = self.banned("held"), self.net.elements("addr-set-held")
            m.check(held == set(BY_HAND), f"banned by hand, differs: {held ^ set(BY_HAND)}")
            m.check(kernel == held, f"bans and kernel differ: {(kernel or set()) ^ held}")
            for old in self.log.parent.glob("knock.log.*"):
                old.unlink()
        self.read_guard_log()
        self.checks += 1

    def banned(self, jail):
        return {ip for j, ip in m.bans(self.one.socket) if j == jail}

    def read_guard_log(self):
        """Looks for errors in the guard's own log, and turns it over."""
        log, old = self.one.dir / "guard.log", self.one.dir / "guard.log.old"
        os.rename(log, old)
        m.ask(self.one.socket, "flushlogs")
        with open(old, "rb") as f:
            for raw in f:
                line = raw.decode("utf-8", "replace")
                if "\x1b" in line or "\0" in line:
                    self.unexpected.append(f"not escaped: {line!r}")
                if re.search(r"\]: (ERROR|CRITICAL) ", line) and not EXPECTED.search(line):
                    self.unexpected.append(line.strip())
        old.unlink()

    def sample(self):
        """Resident bytes by role, and the largest number of descriptors."""
        rss, fds = {}, 0
        for role, pid in self.one.roles().items():
            try:
                fields = pathlib.Path(f"/proc/{pid}/statm").read_text().split()
                rss[role] = int(fields[1]) * os.sysconf("SC_PAGE_SIZE")
                fds = max(fds, len(os.listdir(f"/proc/{pid}/fd")))
            except OSError:
                continue  # it was killed just now
        self.peak_rss = max(self.peak_rss, sum(rss.values()))
        self.peak_fds = max(self.peak_fds, fds)
        m.check(fds <= DESCRIPTORS_MAX, f"{fds} descriptors in one process")
        return rss

    # ------------------------------------------------------------ parts

    def steady(self, seconds):
        """No process is replaced: memory must come to rest. Returns what it grew by, by role."""
        begin, first, last = time.monotonic(), {}, {}
        while (at := time.monotonic() - begin) < seconds:
            self.rnd.choice([self.rename, self.copy_and_truncate, self.by_hand, self.look,
                             self.look])()
            rss = self.sample()
            half = first if seconds / 4 < at < seconds / 2 else last if at > seconds / 2 else {}
            for role, size in rss.items():
                half[role] = max(size, half.get(role, 0))
            time.sleep(self.rnd.uniform(0.2, 2))
        self.compare()
        return {role: last[role] - first[role] for role in first if role in last}

    def rough(self, seconds, kills_each):
        """Reloads and deaths at random moments, among the rotations."""
        deaths = list(ROLES) * kills_each
        self.rnd.shuffle(deaths)
        begin, planned = time.monotonic(), len(deaths)
        while deaths or time.monotonic() - begin < seconds:
            due = (time.monotonic() - begin) / seconds * planned
            if deaths and planned - len(deaths) <= due:
                self.kill(deaths.pop())
            else:
                self.rnd.choice([self.rename, self.copy_and_truncate, self.by_hand, self.look,
                                 self.reload])()
            self.sample()
            if self.rnd.random() < 0.05:
                self.compare()
            time.sleep(self.rnd.uniform(0, seconds / planned / 2))
        self.compare()

    def finish(self):
        """A clean stop: exit status 0, nothing left in the kernel."""
        self.writer.finish()
        self.hostile.finish()
        status = self.one.stop()
        m.check(status == 0, f"the guard ended with status {status}: {self.one.errors()}")
        left = self.net.nft("list", "ruleset").stdout
        m.check(not left, f"left in the kernel: {left}")
        m.check("Sanitizer" not in self.one.errors(), self.one.errors())

    def abandon(self):
        """After a failure: nothing stays behind."""
        self.writer.end.set()
        self.hostile.end.set()
        if self.one.process and self.one.process.poll() is None:
            self.one.process.kill()
            self.one.process.wait()
        self.net.close()
