"""Debian's fail2ban as a peer, in a network namespace of its own, and a server that answers anything."""
import os
import pickle
import re
import shutil
import socket
import subprocess
import threading

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LASTKNOCK = os.environ.get("LASTKNOCK", os.path.join(ROOT, "build", "lastknock"))
BUILD = os.path.dirname(LASTKNOCK)
END = b"<F2B_END_COMMAND>"
CLOSE = b"<F2B_CLOSE_COMMAND>"

needs_fail2ban = pytest.mark.skipif(
    not shutil.which("fail2ban-client") or os.geteuid() != 0,
    reason="needs fail2ban and root (for a network namespace)")

FILES = {
    "fail2ban.conf": """[Definition]
loglevel = INFO
logtarget = {dir}/f2b.log
syslogsocket = auto
socket = {dir}/f2b.sock
pidfile = {dir}/f2b.pid
dbfile = {dir}/f2b.sqlite3
dbpurgeage = 86400
dbmaxmatches = 10
allowipv6 = auto
[Thread]
stacksize = 0
""",
    "filter.d/demo.conf": """[Definition]
failregex = ^ fail from <ADDR>(?: user <F-USER>\\S+</F-USER>)?$
            ^ bad <ADDR>$
ignoreregex = ^ fail from 9\\.9\\.9\\.9
datepattern = ^%%Y-%%m-%%d %%H:%%M:%%S
""",
    "action.d/dummy.conf": """[Definition]
actionstart =
actionstop =
actioncheck =
actionban = echo BAN <ip> >> {dir}/actions.out
actionunban = echo UNBAN <ip> >> {dir}/actions.out
[Init]
name = default
""",
    "jail.conf": """[DEFAULT]
backend = polling
usedns = no
maxretry = 3
findtime = 600
bantime = 600
ignoreself = false
action = dummy
[j1]
enabled = true
filter = demo
logpath = {dir}/j1.log
[j2]
enabled = true
filter = demo
logpath = {dir}/j2.log
          {dir}/j2b.log
ignoreip = 127.0.0.0/8 10.0.0.0/8 example.invalid ::1
bantime.increment = true
bantime.multipliers = 1 2 4
bantime.maxtime = 86400
maxmatches = 5
action = dummy
         dummy[actname=second]
""",
}


class Peer:
    """A fail2ban-server with its own configuration, socket, database and logs below `path`."""

    def __init__(self, path):
        self.dir = str(path)
        self.socket = self.dir + "/f2b.sock"
        self.database = self.dir + "/f2b.sqlite3"
        for name, text in FILES.items():
            file = os.path.join(self.dir, "conf", name)
            os.makedirs(os.path.dirname(file), exist_ok=True)
            with open(file, "w") as f:
                f.write(text.replace("{dir}", self.dir))
        for name in ("j1", "j2", "j2b"):
            open(f"{self.dir}/{name}.log", "a").close()

    def start(self):
        # the client waits until the server is ready; both stay in the new namespace
        r = subprocess.run(["unshare", "-n", "fail2ban-client", "-c", self.dir + "/conf", "start"],
                           capture_output=True, text=True, timeout=60)
        assert r.returncode == 0, r.stdout + r.stderr
        return self

    def client(self, *words):
        return subprocess.run(["fail2ban-client", "-c", self.dir + "/conf", *words],
                              capture_output=True, text=True, timeout=60)

    def lastknock(self, *words):
        return run_lastknock(self.socket, *words, directory=self.dir + "/conf")

    def stop(self):
        """Asks it to end and waits until it has."""
        try:
            with open(self.dir + "/f2b.pid") as f:
                pid = int(f.read())
            end = os.pidfd_open(pid)
        except (OSError, ValueError):
            return
        self.client("stop")
        import select
        select.select([end], [], [], 60)
        os.close(end)


OWN_WORDS = ("status", "banned", "get", "set", "unban", "ping", "version", "stop", "flushlogs",
             "reload")


def run_lastknock(sock, *words, directory=None):
    options = ["-s", sock] + (["-c", directory] if directory else []) + ["--"]
    if words[0] in OWN_WORDS:
        words = [words[0], *options, *words[1:]]
    else:
        words = ["client", *options, *words]
    return subprocess.run([LASTKNOCK, *words], capture_output=True, text=True, timeout=60)


def normal(text, directory=None):
    """Without what differs from run to run."""
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(,\d+)?", "TIME", text)
    text = re.sub(r"\[\d+\]: ERROR", "[PID]: ERROR", text)
    return text.replace(directory, "DIR") if directory else text


class Fake:
    """A server that answers every request with `answer` (bytes: as they are, in `pieces`)."""

    def __init__(self, path):
        self.socket = str(path)
        self.answer = None
        self.pieces = None
        self.seen = []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.socket)
        self.listener.listen(5)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                self.serve(connection)

    def serve(self, connection):
        got = b""
        while True:
            try:
                more = connection.recv(65536)
            except OSError:
                return
            if not more:
                return
            got += more
            while END in got:
                frame, got = got.split(END, 1)
                if frame == CLOSE:
                    return
                self.seen.append(pickle.loads(frame))
                if not self.reply(connection):
                    return

    def reply(self, connection):
        data = self.answer
        if data is None:
            return False
        if not isinstance(data, bytes):
            data = pickle.dumps(data, pickle.HIGHEST_PROTOCOL) + END
        try:
            for i in range(0, len(data), self.pieces or len(data)):
                connection.sendall(data[i:i + (self.pieces or len(data))])
        except OSError:
            return False
        return True

    def close(self):
        # first end the thread: it would go on to accept on the same number, which the next server gets
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.listener.close()
