"""A real guard in network namespaces of its own, with its configuration, logs and state below one
directory.  Used by the end to end tests and by tests/bench."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
LASTKNOCK = os.environ.get("LASTKNOCK", str(ROOT / "build" / "lastknock"))

SERVER4, SERVER6 = "198.18.0.25", "2001:db8:18::25"

FAIL2BAN_CONF = """[Definition]
loglevel = INFO
logtarget = {dir}/guard.log
syslogsocket = auto
socket = {dir}/run/guard.sock
pidfile = {dir}/run/guard.pid
dbfile = {dir}/state/guard.sqlite3
dbpurgeage = 1d
dbmaxmatches = 10
allowipv6 = auto
"""

# a filter for "DATE knock from ADDRESS user NAME", and the shipped native action
KNOCK = """[Definition]
failregex = ^\\s*knock from <ADDR>(?: user <F-USER>\\S+</F-USER>)?$
ignoreregex =
"""

SHELL_ACTION = """[Definition]
actionstart = echo start >> {dir}/actions.out
actionstop = echo stop >> {dir}/actions.out
actionban = echo ban <ip> >> {dir}/actions.out
actionunban = echo unban <ip> >> {dir}/actions.out
[Init]
"""


def wait_for(what, condition, seconds=10):
    """Polls an outside state that cannot be awaited; says what was missing."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError(f"not within {seconds} s: {what}")


def run(*command, **options):
    options.setdefault("check", True)
    return subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=120,
                          **options)


class Net:
    """A server's and an attacker's namespace, joined by a veth pair."""

    def __init__(self, name):
        self.server, self.attacker = f"lk-{name}-s", f"lk-{name}-a"
        self.close()
        run("ip", "netns", "add", self.server)
        run("ip", "netns", "add", self.attacker)
        run("ip", "-n", self.server, "link", "add", "eth0", "type", "veth", "peer", "name", "eth0",
            "netns", self.attacker)
        for ns, v4, v6 in ((self.server, SERVER4, SERVER6),
                           (self.attacker, "198.18.1.1", "2001:db8:1::1")):
            for link in ("lo", "eth0"):
                run("ip", "-n", ns, "link", "set", link, "up")
            run("ip", "-n", ns, "addr", "add", v4 + "/16", "dev", "eth0")
            run("ip", "-n", ns, "addr", "add", v6 + "/32", "dev", "eth0", "nodad")

    def close(self):
        for ns in (self.server, self.attacker):
            run("ip", "netns", "del", ns, check=False)

    def attacker_address(self, address):
        prefix = "/32" if ":" in address else "/16"
        run("ip", "-n", self.attacker, "addr", "add", address + prefix, "dev", "eth0",
            *(["nodad"] if ":" in address else []), check=False)

    def nft(self, *words):
        return run("ip", "netns", "exec", self.server, "nft", *words, check=False)

    def elements(self, name, table="f2b-table", family="inet"):
        """Addresses in a set of the kernel, as text; None: there is no such set."""
        r = self.nft("-j", "list", "set", family, table, name)
        if r.returncode:
            return None
        found = set()
        for part in json.loads(r.stdout)["nftables"]:
            for e in part.get("set", {}).get("elem", []):
                value = e["elem"]["val"] if isinstance(e, dict) and "elem" in e else e
                if isinstance(value, dict) and "prefix" in value:
                    value = f"{value['prefix']['addr']}/{value['prefix']['len']}"
                found.add(value)
        return found

    def connects(self, source, port, target=None):
        """Can the attacker connect from that address?"""
        target = target or (SERVER6 if ":" in source else SERVER4)
        code = ("import socket,sys\n"
                "s=socket.socket(socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET)\n"
                "s.settimeout(1)\ns.bind((sys.argv[1],0))\n"
                "sys.exit(0 if s.connect_ex((sys.argv[2],int(sys.argv[3])))==0 else 1)\n")
        return run("ip", "netns", "exec", self.attacker, "/usr/bin/python3", "-c", code, source,
                   target, port, check=False).returncode == 0

    def listener(self, port):
        """Something that accepts connections on the server; to be killed by its caller."""
        code = ("import socket,sys\n"
                "s=socket.socket(socket.AF_INET6); s.setsockopt(41,26,0)\n"
                "s.setsockopt(1,2,1); s.bind(('::',int(sys.argv[1]))); s.listen(64)\n"
                "print('ready',flush=True)\nwhile True: s.accept()[0].close()\n")
        p = subprocess.Popen(["ip", "netns", "exec", self.server, "/usr/bin/python3", "-c", code,
                              str(port)], stdout=subprocess.PIPE, text=True)
        assert p.stdout.readline() == "ready\n"
        return p


class Guard:
    """One guard; `jails` is the text of jail.local, {dir} and {config} are filled in."""

    def __init__(self, directory, jails, net=None, filters=None, actions=None, config=None):
        self.dir = pathlib.Path(directory)
        self.net = net
        self.process = None
        self.conf = self.dir / "conf"
        shutil.copytree(config or ROOT / "config", self.conf)
        for path in (self.dir, *self.dir.parents):
            if path.stat().st_uid == 0 and path != pathlib.Path("/"):
                path.chmod(path.stat().st_mode | 0o011)  # the engine's user passes through
        (self.conf / "fail2ban.local").write_text(self.fill(FAIL2BAN_CONF))
        for name, text in {"knock": KNOCK, **(filters or {})}.items():
            (self.conf / "filter.d" / f"{name}.conf").write_text(text)
        for name, text in {"note": SHELL_ACTION, **(actions or {})}.items():
            (self.conf / "action.d" / f"{name}.conf").write_text(self.fill(text))
        self.set_jails(jails)

    def fill(self, text):
        return text.replace("{dir}", str(self.dir))

    def set_jails(self, jails):
        (self.conf / "jail.local").write_text(self.fill(jails))

    @property
    def socket(self):
        return str(self.dir / "run" / "guard.sock")

    @property
    def log(self):
        path = self.dir / "guard.log"
        return path.read_text() if path.exists() else ""

    def command(self, *options):
        inside = ["ip", "netns", "exec", self.net.server] if self.net else []
        return [*inside, LASTKNOCK, "guard", "-f", "-c", str(self.conf), *options]

    def start(self, *options, ready=True):
        with open(self.dir / "guard.err", "ab") as err:
            self.process = subprocess.Popen(self.command(*options), stdin=subprocess.DEVNULL,
                                            stdout=err, stderr=err)
        if ready:
            wait_for("the guard answers a ping", self.answers, 20)
        return self

    def errors(self):
        path = self.dir / "guard.err"
        return path.read_text() if path.exists() else ""

    def answers(self):
        assert self.process.poll() is None, f"the guard has ended: {self.errors()}{self.log}"
        return self.client("ping").returncode == 0

    def client(self, *words):
        """The real fail2ban-client if it is there, else ours."""
        program = (["fail2ban-client", "-s", self.socket] if shutil.which("fail2ban-client")
                   else [LASTKNOCK, "client", "-s", self.socket, "--"])
        return run(*program, *words, check=False)

    def ask(self, *words):
        return run(LASTKNOCK, "client", "-s", self.socket, "--", *words, check=False).stdout

    def banned(self, jail):
        return set(self.ask("get", jail, "banip").split())

    def total_failed(self, jail):
        for line in self.ask("status", jail).splitlines():
            if "Total failed" in line:
                return int(line.split()[-1])
        return None

    def roles(self):
        """role -> pid of the processes below this guard."""
        found = {}
        for entry in os.listdir("/proc"):
            try:
                words = open(f"/proc/{entry}/cmdline", "rb").read().split(b"\0")
                parent = int(open(f"/proc/{entry}/stat").read().rpartition(")")[2].split()[1])
            except OSError:
                continue
            if b"--role" in words and str(self.conf).encode() in words:
                found[int(entry)] = words[words.index(b"--role") + 1].decode(), parent
        # a shell that the warden is about to start looks like the warden until it is one
        return {role: pid for pid, (role, parent) in found.items()
                if found.get(parent, ("",))[0] != role}

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise
        return self.process.returncode if self.process else None


def stamp(when=None):
    return time.strftime("%b %d %H:%M:%S", time.localtime(when))


def knocks(address, count, when=None, user=None):
    tail = f" user {user}" if user else ""
    return f"{stamp(when)} knock from {address}{tail}\n" * count


def append(path, text):
    with open(path, "a") as f:
        f.write(text)
