"""Our pickles read by Python, and Python's, of every protocol, read by us."""
import math
import os
import pickle
import subprocess
import sys

import pytest

from fail2ban_peer import BUILD

sys.path.append("/usr/lib/python3/dist-packages")
TOOL = os.path.join(BUILD, "tests", "pickle_tool")
SHARED = ["set", "j1"]

OBJECTS = [
    ["ping"],
    ["status", "j1", "short"],
    [],
    (),
    {},
    (0, "pong"),
    (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4),
    [None, True, False],
    [0, 1, -1, 255, 256, 65535, 65536, 2**31 - 1, 2**31, -2**31, -2**31 - 1, 2**63 - 1, -2**63],
    [0.0, -0.0, 1.5, 1e300, -1e-300, math.inf, -math.inf, 0.1, 1e16],
    ["", "ü", "😀", "a\nb\\c'd\"e", "\\u0041", "\0", "x" * 300, "<F2B_END_COMMAND>ü😀\\\n"],
    [("Filter", [("Currently failed", 0), ("File list", ["/a", "/b"])]), ("Actions", [])],
    [{"j1": ["192.0.2.1"]}, {"j2": []}],
    ["reload", "--all", ["--unban"], [["set", "thread", {"stacksize": 0}],
                                      ["multi-set", "j1", "addfailregex", ["a", "b"]],
                                      ["set", "j1", "maxretry", 5], ["start", "j1"]]],
    [SHARED, SHARED, [SHARED, SHARED]],
    ["x%d" % (i % 100) for i in range(5000)],
    {i: str(i) for i in range(3000)},
]


def tool(data, *mode):
    return subprocess.run([TOOL, *mode], input=data, capture_output=True, timeout=60)


def same(a, b):
    return repr(a) == repr(b)  # tells -0.0 from 0.0, 1 from 1.0 and True


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_there_and_back(protocol):
    for o in OBJECTS:
        data = pickle.dumps(o, protocol)
        text, again = tool(data, "repr"), tool(data)
        assert text.returncode == again.returncode == 0, text.stderr
        assert text.stdout.decode() == repr(o)
        assert same(pickle.loads(again.stdout), o)
        assert b"<F2B_END" not in again.stdout


def test_pure_python_pickler():
    import io
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        for o in OBJECTS:
            f = io.BytesIO()
            pickle._Pickler(f, protocol).dump(o)
            assert tool(f.getvalue(), "repr").stdout.decode() == repr(o)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_exceptions(protocol):
    from fail2ban.exceptions import DuplicateJailException, UnknownJailException
    from fail2ban.server.failregex import RegexException
    for e in (UnknownJailException("nope"), DuplicateJailException("j1"), RegexException("bad"),
              Exception("text"), IndexError("list index out of range"), ValueError("x"),
              KeyError("k"), NameError("n"), LookupError("l"), AttributeError("a"),
              FileNotFoundError(2, "No such file or directory", "/x")):
        got = tool(pickle.dumps((1, e), protocol), "answer")
        assert got.returncode == 0, got.stderr
        status, back = pickle.loads(got.stdout)
        assert status == 1 and type(back) is type(e) and back.args == e.args and str(back) == str(e)
        # a request may not name a class
        assert tool(pickle.dumps((1, e), protocol)).returncode == 1


def test_surrogates_are_replaced():
    got = tool(pickle.dumps(["a\udcffb"]))
    assert pickle.loads(got.stdout) == ["a\ufffd\ufffd\ufffdb"]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_recursion_is_refused(protocol):
    loop = []
    loop.append([loop])
    assert tool(pickle.dumps(loop, protocol)).returncode == 1
    deep = []
    for _ in range(100):
        deep = [deep]
    assert tool(pickle.dumps(deep, protocol)).returncode == 1
    many = "text"
    for _ in range(20):
        many = [many] * 20
    assert tool(pickle.dumps(many, protocol)).returncode == 1
