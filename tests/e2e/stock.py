"""Debian's own configuration with the three jails of a mail server, and Debian's Fail2ban on it, in
a network namespace, to compare with.  Used by the end to end tests and by tests/bench."""
import ast
import pathlib
import shutil
import subprocess

import guard as g

JAILS = """[DEFAULT]
ignoreself = true
[sshd]
enabled = true
backend = auto
logpath = {log}
[postfix]
enabled = true
mode = aggressive
backend = auto
logpath = {log}
[dovecot]
enabled = true
backend = auto
logpath = {log}
"""


class Peer:
    """Fail2ban on a copy of Debian's configuration; in `net`'s namespace, or one of its own."""

    def __init__(self, directory, jails, net=None, filters=None):
        self.dir = pathlib.Path(directory)
        self.dir.mkdir()
        self.net = net
        self.process = None
        shutil.copytree("/etc/fail2ban", self.dir / "conf")
        for name, text in (filters or {}).items():
            (self.dir / "conf" / "filter.d" / f"{name}.conf").write_text(text)
        (self.dir / "conf" / "jail.local").write_text(jails)
        (self.dir / "conf" / "fail2ban.local").write_text(
            f"[DEFAULT]\nlogtarget = {self.dir}/f2b.log\nsocket = {self.socket}\n"
            f"pidfile = {self.dir}/f2b.pid\ndbfile = {self.dir}/f2b.sqlite3\n")

    @property
    def socket(self):
        return str(self.dir / "f2b.sock")

    def start(self):
        inside = ["ip", "netns", "exec", self.net.server] if self.net else ["unshare", "-n"]
        self.process = subprocess.Popen(
            [*inside, "fail2ban-server", "-f", "-c", str(self.dir / "conf")],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        return self

    def client(self, *words):
        return g.run("fail2ban-client", "-s", self.socket, *words, check=False).stdout

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait()

    def stop(self):
        if not self.process:
            return
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.kill()
            raise


def banned(text):
    """{(jail, ip)} of what `banned` printed."""
    return {(jail, ip) for one in ast.literal_eval(text) for jail, ips in one.items() for ip in ips}
