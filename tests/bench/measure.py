"""What tests/bench/run and tests/bench/soak share: processor time and memory of processes, a client
of the control socket that costs next to nothing, and the table at the end."""
import os
import pathlib
import pickle
import socket
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
sys.dont_write_bytecode = True

import guard as g  # noqa: E402

TOOLS = pathlib.Path(g.LASTKNOCK).parent / "tests"
TICKS = os.sysconf("SC_CLK_TCK")
END = b"<F2B_END_COMMAND>"


class Failure(Exception):
    """Something that must hold does not."""


def check(holds, text):
    if not holds:
        raise Failure(text)


def ask(path, *words, seconds=60):
    """The answer of a server, ours or Fail2ban's, as Python has it."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(seconds)
        s.connect(path)
        s.sendall(pickle.dumps(list(words), pickle.HIGHEST_PROTOCOL) + END)
        got = bytearray()
        while not got.endswith(END):
            more = s.recv(1 << 20)
            if not more:
                raise ConnectionError(f"{path}: the server has closed the connection")
            got += more
    code, value = pickle.loads(bytes(got[:-len(END)]))
    if code:
        raise ConnectionError(f"{words[:3]}: {value}")
    return value


def total_failed(path, jail):
    """None: the server is not there yet, or has no such jail yet."""
    try:
        return dict(dict(ask(path, "status", jail))["Filter"])["Total failed"]
    except (ConnectionError, FileNotFoundError):
        return None


def bans(path):
    """{(jail, address)} of what a server bans now."""
    return {(jail, ip) for one in ask(path, "banned") for jail, ips in one.items() for ip in ips}


def wait_until(what, condition, seconds, pause=0.02):
    """The monotonic time when it came true."""
    end = time.monotonic() + seconds
    while not condition():
        check(time.monotonic() < end, f"not within {seconds} s: {what}")
        time.sleep(pause)
    return time.monotonic()


def pids_of(server):
    """The processes of a guard or of a Fail2ban."""
    roles = server.roles().values() if hasattr(server, "roles") else []
    return [server.process.pid, *roles]


def cpu_seconds(pids):
    """Of the processes and of the children that they waited for."""
    ticks = 0
    for pid in pids:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
        ticks += sum(int(x) for x in text.rpartition(")")[2].split()[11:15])
    return ticks / TICKS


def peak_bytes(pids):
    """The sum of the peaks: pages that processes share count in each of them."""
    total = 0
    for pid in pids:
        for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                total += int(line.split()[1]) * 1024
    return total


def run_measured(*command):
    """(standard output, standard error, wall seconds, CPU seconds, peak bytes)."""
    start = time.monotonic()
    process = subprocess.Popen([str(c) for c in command], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
    out, err = process.stdout.read(), process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    check(process.returncode == 0, f"{command[0]} ended with {process.returncode}: {err}")
    return (out, err, time.monotonic() - start, usage.ru_utime + usage.ru_stime,
            usage.ru_maxrss * 1024)


def tool(name, *words, inside=None, seconds=120):
    """What one of our C programs prints, run in a network namespace if one is given."""
    prefix = ["ip", "netns", "exec", inside] if inside else []
    done = subprocess.run([*prefix, str(TOOLS / name), *map(str, words)], capture_output=True,
                          text=True, timeout=seconds)
    check(not done.stderr, f"{name}: {done.stderr}")
    return done.stdout


def figure(value, unit):
    if value is None:
        return "-"
    if unit == "MB":
        return f"{value / 1e6:.1f} MB"
    if unit in ("s", "ms"):
        return f"{value:.{3 if value < 1 else 2 if value < 100 else 0}f} {unit}"
    return f"{value:,.0f}{' ' + unit if unit else ''}"


class Table:
    """Rows of: what, ours, theirs, how many times better ours is."""

    def __init__(self, rival):
        self.rival, self.rows = rival, []

    def head(self, text):
        self.rows.append({"head": text})

    def add(self, what, ours, theirs, unit, less_is_better=True):
        ratio = None
        if ours and theirs:
            ratio = theirs / ours if less_is_better else ours / theirs
        self.rows.append({"what": what, "lastknock": ours, "fail2ban": theirs, "unit": unit,
                          "ratio": ratio})

    def text(self):
        out = [f"{'':44}{'lastknock':>14}{self.rival:>14}{'ratio':>10}"]
        for row in self.rows:
            if "head" in row:
                out += ["", row["head"]]
                continue
            ratio = row["ratio"]
            times = "" if not ratio else f"{ratio:,.0f} x" if ratio >= 10 else f"{ratio:.1f} x"
            out.append(f"  {row['what']:42}{figure(row['lastknock'], row['unit']):>14}"
                       f"{figure(row['fail2ban'], row['unit']):>14}{times:>10}")
        return "\n".join(out)
