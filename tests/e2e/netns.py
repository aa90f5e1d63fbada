"""Two network namespaces joined by a cable, for tests with real packets: `guarded` has the
firewall and servers, `outside` has the clients."""
import os
import subprocess
import sys

CONNECT = """
import socket, sys
s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET)
s.settimeout(float(sys.argv[3]))
if len(sys.argv) > 4:
    s.bind((sys.argv[4], 0))
try:
    s.connect((sys.argv[1], int(sys.argv[2])))
    print("connected")
except ConnectionRefusedError:
    print("refused")
except TimeoutError:
    print("silence")
"""

SERVE = """
import socket, threading, sys
def answer(c):
    while True:
        data = c.recv(100)
        if not data:
            return
        c.sendall(data)
listening = []
for port in sys.argv[1:]:
    s = socket.create_server(("::", int(port)), family=socket.AF_INET6, dualstack_ipv6=True)
    listening.append(s)
print("ready", flush=True)
def accept(s):
    while True:
        threading.Thread(target=answer, args=(s.accept()[0],), daemon=True).start()
for s in listening[1:]:
    threading.Thread(target=accept, args=(s,), daemon=True).start()
accept(listening[0])
"""


def run(*command, **kw):
    return subprocess.run(command, check=True, text=True, capture_output=True, **kw).stdout


class Network:
    """Addresses: guarded 192.0.2.1, 2001:db8::1; outside 192.0.2.2, .3 and 2001:db8::2, ::3."""

    def __init__(self):
        self.guarded, self.outside = (f"lk{os.getpid()}{side}" for side in "go")
        self.children = []

    def __enter__(self):
        for name in (self.guarded, self.outside):
            run("ip", "netns", "add", name)
        run("ip", "-n", self.guarded, "link", "add", "cable", "type", "veth", "peer", "name",
            "cable", "netns", self.outside)
        for name, hosts in ((self.guarded, (1,)), (self.outside, (2, 3))):
            for host in hosts:
                run("ip", "-n", name, "address", "add", f"192.0.2.{host}/24", "dev", "cable")
                run("ip", "-n", name, "address", "add", f"2001:db8::{host}/64", "dev", "cable",
                    "nodad")
            run("ip", "-n", name, "link", "set", "lo", "up")
            run("ip", "-n", name, "link", "set", "cable", "up")
        return self

    def __exit__(self, *_):
        for child in self.children:
            child.kill()
            child.wait()
        for name in (self.guarded, self.outside):
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)

    def start(self, where, *command, **kw):
        child = subprocess.Popen(["ip", "netns", "exec", where, *command], text=True,
                                 stdout=subprocess.PIPE, stdin=subprocess.PIPE, **kw)
        self.children.append(child)
        return child

    def inside(self, *command, **kw):
        return run("ip", "netns", "exec", self.guarded, *command, **kw)

    def serve(self, *ports):
        child = self.start(self.guarded, sys.executable, "-c", SERVE, *map(str, ports))
        assert child.stdout.readline() == "ready\n"

    def connect(self, host, port, source=None, patience=10):
        """connected, refused or silence"""
        command = [sys.executable, "-c", CONNECT, host, str(port), str(patience)]
        return run("ip", "netns", "exec", self.outside, *command,
                   *([source] if source else [])).strip()
