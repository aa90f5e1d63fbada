"""What the story is told with: the printer, the laboratory, the guard, and the check."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import textwrap
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = ROOT / "build" / "lastknock"
LAB = ROOT / "tests" / "lab" / "lab"
LAB_ID = f"story{os.getpid()}"
LAB_RUN = pathlib.Path(f"/run/lastknock-lab/postfix-{LAB_ID}")
CERTIFICATE = pathlib.Path(os.environ.get("LAB_DIR", "/var/cache/lastknock-lab")) / "tls" / "server.crt"
NAMESPACE = f"lk-postfix-{LAB_ID}"


class Broken(Exception):
    """A promise of the story that was not kept."""


class Printer:
    CODES = {"bold": "1", "red": "31;1", "green": "32;1", "dim": "2"}

    def __init__(self, plain):
        self.colours = sys.stdout.isatty() and not plain and "NO_COLOR" not in os.environ

    def paint(self, colour, text):
        return f"\033[{self.CODES[colour]}m{text}\033[0m" if self.colours else text

    def say(self, text="", colour=None):
        print(self.paint(colour, text) if colour else text, flush=True)

    def paragraph(self, text):
        self.say(textwrap.fill(" ".join(text.split()), 76, initial_indent="   ",
                               subsequent_indent="   "))

    def cut(self, margin, text, colour=None):
        """A line after a margin, cut to the screen."""
        width = max(80, min(shutil.get_terminal_size((120, 24)).columns, 140)) - len(margin)
        text = text if len(text) <= width else text[:width - 3] + "..."
        self.say(margin + (self.paint(colour, text) if colour else text))


class Follower:
    """Reads what is appended to a log."""

    def __init__(self, path):
        self.path, self.position, self.unread = path, 0, []

    def lines(self):
        """The lines that came since the last call."""
        new, self.unread = self.unread, []
        try:
            with open(self.path, "rb") as log:
                log.seek(self.position)
                data = log.read()
        except FileNotFoundError:
            return new
        data = data[:data.rfind(b"\n") + 1]
        self.position += len(data)
        return new + data.decode(errors="replace").splitlines()

    def wait_for(self, pattern, seconds):
        """The first new line that the pattern is found in, or None."""
        end = time.monotonic() + seconds
        while True:
            lines = self.lines()
            for number, line in enumerate(lines):
                if re.search(pattern, line):
                    self.unread = lines[number + 1:]
                    return line
            if time.monotonic() > end:
                return None
            time.sleep(0.05)


def lab(*words, **options):
    return subprocess.run([LAB, *words], env=dict(os.environ, LAB_ID=LAB_ID), check=False,
                          text=True, **options)


def attack(behaviour, source, *options):
    """One attempt from the attacker's machine; what the server answered."""
    result = lab("attack", "postfix", behaviour, "--from", source, "--times", "1", *options,
                 capture_output=True)
    if result.returncode:
        raise Broken(f"the attack could not be made: {result.stderr}")
    return result.stdout.rstrip("\n").split("\t")[-1]


class Guard:
    """The guard in the server's network namespace, on our configuration and the server's log."""

    def __init__(self, directory):
        self.directory = directory
        self.process = None
        self.stand_in = os.environ.get("GUARD") == "fail2ban"
        self.name = "Fail2ban (in place of lastknock)" if self.stand_in else "lastknock"
        self.log_path = directory / "guard.log"
        self.log = Follower(self.log_path)

    def configure(self):
        config = self.directory / "config"
        shutil.copytree(ROOT / "config", config)
        (config / "paths.local").write_text(
            f"[DEFAULT]\nmail_log = {LAB_RUN}/log/mail.log\n")
        (config / "jail.local").write_text(
            "[dovecot]\nenabled = false\n[sshd]\nenabled = false\n")
        (config / "fail2ban.local").write_text(
            f"[Definition]\nlogtarget = {self.log_path}\nsocket = {self.directory}/socket\n"
            f"pidfile = {self.directory}/pid\ndbfile = {self.directory}/state/bans.sqlite3\n")
        (self.directory / "state").mkdir()
        return config

    def start(self):
        program = ["fail2ban-server", "-f"] if self.stand_in else \
            [PROGRAM, "guard", "-f"]
        output = open(self.directory / "guard.out", "wb")
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", NAMESPACE, *program, "-c", self.configure()],
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)
        if not self.log.wait_for(r"Jail 'postfix' started", 20):
            raise Broken("the guard did not start")

    def client(self, *words):
        program = ["fail2ban-client"] if self.stand_in else [PROGRAM]
        return subprocess.run([*program, "-s", self.directory / "socket", *words]
                              if self.stand_in else
                              [*program, words[0], "-s", self.directory / "socket", *words[1:]],
                              capture_output=True, text=True, check=False).stdout

    def last_words(self):
        """The end of what it said, for a story that broke off."""
        text = ""
        for name in ("guard.out", "guard.log"):
            path = self.directory / name
            if path.exists():
                text += "".join(path.read_text(errors="replace").splitlines(True)[-12:])
        return text

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Check:
    """lastknock check, from the attacker's machine; prints the essence of what it says."""

    # each suspicious act needs an address that has acts left, each behaviour one of its own
    SHOWN = re.compile(r"lastknock check|From |It will|from one|round |\[ (FAIL|WARN|UNKNOWN) |"
                       r"\[ PASS \]    GRD|R[123]  |VERDICT")

    def __init__(self, out, directory, first):
        self.out = out
        self.sources = [f"198.18.1.{n}" for n in range(first, first + 10)]
        self.password = directory / "alice.password"
        self.password.write_text("alice-pw\n")
        self.password.chmod(0o600)
        self.text, self.status = "", None

    def run(self):
        command = [LAB, "from", "postfix", PROGRAM, "check", "mx.lab.test",
                   "--connect", "198.18.0.25", "--ca", CERTIFICATE,
                   "--user", "alice", "--password-file", self.password]
        for source in self.sources[:-1]:
            command += ["--source", source]
        command += ["--observer", self.sources[-1], "--guard", "--yes", "--settle", "0.5"]
        with subprocess.Popen(command, env=dict(os.environ, LAB_ID=LAB_ID), text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, errors="replace") as process:
            for line in process.stdout:
                self.text += line
                self.show(line.rstrip("\n"))
        self.status = process.returncode
        self.out.say()

    def show(self, line):
        if not self.SHOWN.match(line):
            return
        colour = None
        if "[ FAIL ]" in line or line.endswith(" FAIL") or "NEEDS A" in line:
            colour = "red"
        elif "[ PASS ]" in line or line.endswith(" PASS") or "VERDICT: SAFE" in line:
            colour = "green"
        elif line.startswith("round"):
            colour = "dim"
        if line.startswith(("R1", "VERDICT")):
            self.out.say()
        if line.startswith("VERDICT") or "GRD-" in line:
            self.out.say("   " + self.out.paint(colour or "bold", line))
        else:
            self.out.cut("   ", line, colour)

    def fix(self, check):
        """The commands that it printed for this check."""
        block = re.search(rf"^   {check}: .*?\n    postfix.*?\n((?:      .*\n|\n)+)", self.text, re.M)
        if not block:
            raise Broken(f"no fix was printed for {check}")
        return textwrap.dedent(block[1])


def apply(out, title, commands):
    """Runs commands in the server's own system, as its administrator would."""
    out.say(f"   {title}")
    for line in commands.splitlines():
        if line and not line.startswith("#"):
            out.cut("      # ", line, "dim")
    result = lab("inside", "postfix", "sh", "-c", commands, capture_output=True)
    if result.returncode:
        raise Broken(f"the fix failed: {result.stderr}")
