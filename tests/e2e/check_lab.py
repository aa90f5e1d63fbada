"""`lastknock check` against the real servers of tests/lab: a scene is one server in a laboratory of
its own, perhaps with a guard on its log, and the runs that are made there side by side."""
import ast
import base64
import itertools
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
LASTKNOCK = os.environ.get("LASTKNOCK", str(ROOT / "build" / "lastknock"))
LAB_DIR = pathlib.Path(os.environ.get("LAB_DIR", "/var/cache/lastknock-lab"))
HOST, SERVER4, SERVER6 = "mx.lab.test", "198.18.0.25", "2001:db8:18::25"
USER, PASSWORD = "alice", "alice-pw"
HANG = 400  # seconds after which a run is taken for dead; none comes near
CONTROL = "198.18.1.119"  # who is banned to see that a guard is awake


def password_forms():
    """The password, and whatever base64 makes of a text that holds it."""
    forms = {PASSWORD.encode()}
    for text in (PASSWORD, f"\0{USER}\0{PASSWORD}", f"{USER}\0{USER}\0{PASSWORD}"):
        forms.add(base64.b64encode(text.encode()))
    for before in range(3):
        text = base64.b64encode(b"\0" * before + PASSWORD.encode())
        # the letters that no neighbour has a bit of
        forms.add(text[(before * 8 + 5) // 6:(before + len(PASSWORD)) * 8 // 6])
    return forms


def sources4(first, number):
    return [f"198.18.1.{n}" for n in range(first, first + number)]


def sources6(first, number):
    return [f"2001:db8:{n:x}::1" for n in range(first, first + number)]


class Check:
    """One run of `lastknock check`, as it is to be made."""

    def __init__(self, name, sources, *words, ca=True, text=False, standard_input=False,
                 password=PASSWORD):
        self.name, self.sources, self.standard_input = name, sources, standard_input
        self.password = password
        self.words = [*(() if text else ("--json",)), *words]
        if ca:
            self.words += ["--ca", str(LAB_DIR / "tls" / "server.crt")]

    def command(self, directory):
        target = SERVER6 if ":" in self.sources[0] else SERVER4
        return [LASTKNOCK, "check", HOST, "--connect", target,
                *itertools.chain(*(("--source", s) for s in self.sources)), "--user", USER,
                "--password-file", "-" if self.standard_input else self.password_file(directory),
                *self.words]

    def password_file(self, directory):
        file = directory / f"{self.name}.password"
        file.write_text(self.password + "\n")
        return str(file)


class Run:
    """What came out of one."""

    def __init__(self, check, child, out, err, shown, seconds):
        self.check, self.exit = check, child.returncode
        self.out, self.err, self.seconds = out, err, seconds
        self.shown = shown  # command lines of the process while it ran
        self.report = json.loads(out) if "--json" in check.words else None

    @property
    def verdict(self):
        return self.report["verdict"]

    def findings(self, name, port=None):
        return [c for c in self.report["checks"] if c["id"] == name and port in (None, c["port"])]

    def statuses(self, name, port=None):
        return {c["status"] for c in self.findings(name, port)}

    def brief(self):
        """For a message: what is not as it should be, in lines."""
        lines = [f"exit {self.exit}, {self.verdict['text']}", *self.verdict["missing"]]
        for c in self.report["checks"]:
            if c["status"] in ("fail", "warn", "unknown"):
                lines.append(f"{c['id']}@{c['port']} {c['status']}: {c['why']} | {c['hint']}")
        for letter, series in (self.report["guard"] or {}).items():
            lines.append(f"{letter}: {json.dumps(series)}")
        return "\n".join(lines)


class Guard:
    """A guard in the server's network namespace, on our configuration; or Debian's Fail2ban on its
    own, if `stock` names jails of it, with the mode of each."""

    def __init__(self, default, program="lastknock", stock=None):
        self.program, self.default, self.stock = program, default, stock
        self.jails = list(stock or ["postfix"])
        self.directory = self.process = None

    def configure(self, log):
        directory = self.directory / "config"
        local = f"[DEFAULT]\n{self.default}\n"
        if not self.stock:
            shutil.copytree(ROOT / "config", directory)
            (directory / "paths.local").write_text(f"[DEFAULT]\nmail_log = {log}\n")
            local += "[dovecot]\nenabled = false\n[sshd]\nenabled = false\n"
        else:
            shutil.copytree("/etc/fail2ban", directory)
            for file in (directory / "jail.d").iterdir():
                file.unlink()
            local += "".join(f"[{jail}]\nenabled = true\nbackend = polling\nlogpath = {log}\n"
                             f"mode = {mode}\n" for jail, mode in self.stock.items())
        (directory / "jail.local").write_text(local)
        (directory / "fail2ban.local").write_text(
            f"[Definition]\nlogtarget = {self.directory}/guard.log\n"
            f"socket = {self.directory}/socket\npidfile = {self.directory}/pid\n"
            f"dbfile = {self.directory}/state/bans.sqlite3\n")
        (self.directory / "state").mkdir()
        return directory

    def log(self):
        path = self.directory / "guard.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def start(self, lab, log):
        # not below pytest's own directory, which lastknock's children may not enter
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="lastknock-chk-", dir="/run"))
        self.directory.chmod(0o755)
        program = ["fail2ban-server", "-f"] if self.program == "fail2ban" else \
            [LASTKNOCK, "guard", "-f"]
        with open(self.directory / "guard.out", "wb") as output:
            self.process = subprocess.Popen(
                lab.command("exec", *program, "-c", self.configure(log)), env=lab.environment,
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)
        self.wait_for("start", lambda: all(f"Jail '{jail}' started" in self.log()
                                           for jail in self.jails))

    def wait_for(self, what, condition, seconds=30):
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                output = (self.directory / "guard.out").read_text(errors="replace")
                raise AssertionError(f"the guard: no {what}\n{output}{self.log()}")
            time.sleep(0.1)

    def banned(self):
        """The addresses that each jail bans."""
        program = ["fail2ban-client", "-s", self.directory / "socket", "banned"] \
            if self.program == "fail2ban" else \
            [LASTKNOCK, "banned", "-s", self.directory / "socket"]
        answer = subprocess.run(program, capture_output=True, text=True, check=True).stdout
        return {name: set(ips) for jail in ast.literal_eval(answer) for name, ips in jail.items()}

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.directory:
            shutil.rmtree(self.directory, ignore_errors=True)


class Lab:
    """One server of the laboratory, among others."""
    numbers = itertools.count()

    def __init__(self, server):
        # no dash: "...-a" is the name of an attacker's namespace
        self.server, self.id = server, f"chk{os.getpid()}n{next(self.numbers)}"
        self.environment = dict(os.environ, LAB_ID=self.id)

    def command(self, word, *rest):
        return [str(w) for w in (ROOT / "tests" / "lab" / "lab", word, self.server, *rest)]

    def run(self, word, *rest):
        result = subprocess.run(self.command(word, *rest), env=self.environment, text=True,
                                capture_output=True, check=False, stdin=subprocess.DEVNULL)
        assert result.returncode == 0, result.stderr
        return result.stdout.strip()

    def check(self, check, directory):
        began = time.monotonic()
        with open(directory / f"{check.name}.out", "w+b") as out, \
                open(directory / f"{check.name}.err", "w+b") as err, \
                open(check.password_file(directory), "rb") as password:
            child = subprocess.Popen(
                self.command("from", *check.command(directory)), env=self.environment,
                stdin=password if check.standard_input else subprocess.DEVNULL,
                stdout=out, stderr=err)
            shown = set()
            # bash becomes ip, and that lastknock: it is one process
            while child.poll() is None:
                try:
                    shown.add(pathlib.Path(f"/proc/{child.pid}/cmdline").read_bytes())
                except OSError:
                    pass
                if time.monotonic() > began + HANG:
                    child.kill()
                time.sleep(0.1)
            out.seek(0)
            err.seek(0)
            return Run(check, child, out.read(), err.read(), shown, time.monotonic() - began)


class Scene:
    """A server, its guard, and the runs; `control`: see afterwards that the guard is awake."""

    def __init__(self, server, variant, checks, guard=None, control=False):
        self.server, self.variant, self.checks = server, variant, checks
        self.guard, self.control = guard, control

    def perform(self, pool, directory):
        lab = Lab(self.server)
        try:
            lab.run("start", self.variant)
            if self.guard:
                self.guard.start(lab, lab.run("log"))
            runs = [pool.submit(lab.check, check, directory) for check in self.checks]
            return Outcome(self, lab, {r.check.name: r for r in (f.result() for f in runs)})
        finally:
            if self.guard:
                self.guard.stop()
            lab.run("stop")


class Outcome:
    """What is left of a scene."""

    def __init__(self, scene, lab, runs):
        self.scene, self.runs = scene, runs
        self.mail = [f.name for f in pathlib.Path(lab.run("mail")).iterdir() if f.stat().st_size]
        self.banned, self.guard_log = set(), ""
        if scene.control:
            lab.run("attack", "wrong-login", "--times", "3", "--from", CONTROL, "--patience", "8")
            # its lines are the last ones: when it is banned, all others have been read
            scene.guard.wait_for("ban of the control", lambda: all(
                CONTROL in ips for ips in scene.guard.banned().values()))
        if scene.guard:
            self.banned = set().union(*scene.guard.banned().values()) - {CONTROL}
            self.guard_log = scene.guard.log()

    def __getitem__(self, name):
        return self.runs[name]
