"""`lastknock config dump` prints what `fail2ban-client -d` prints for the same directory."""

import pathlib
import re
import shutil
import subprocess

import pytest

import config_generator

STOCK = pathlib.Path("/etc/fail2ban")
GENERAL = (
    "[Definition]\nallowipv6 = auto\nloglevel = INFO\nlogtarget = STDOUT\nsyslogsocket = auto\n"
    "socket = /s\npidfile = /p\ndbfile = None\ndbmaxmatches = 10\ndbpurgeage = 1d\n"
)

needs_fail2ban = pytest.mark.skipif(
    not shutil.which("fail2ban-client") or not (STOCK / "jail.conf").exists(),
    reason="fail2ban-client and its configuration are not installed",
)


def run(*command):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)


def comparable(text):
    """The rows, without what differs on purpose (docs/compat.md)."""
    rows, logs = [], []
    for row in text.splitlines():
        if "'addlogpath'" in row:
            logs.append(row)  # Fail2ban lists the files of a pattern in the order of the directory
            continue
        rows += sorted(logs) + [row]
        logs = []
    rows += sorted(logs)
    rows = [re.sub(r"^(\['config-error', .Jail \\?'[^']*').*", r"\1", row).replace("\\'", "'") for row in rows]
    return [row.replace('\'config-error\', "', "'config-error', '").replace("Fail2Ban/1.0.2", "Fail2Ban/1.1.1") for row in rows]


def fail2ban_dump(directory):
    """Fail2ban's rows, or None where one bad value makes it refuse the whole directory."""
    result = run("fail2ban-client", "-c", directory, "-d")
    if "Failed during configuration" in result.stderr:
        return None
    return comparable(result.stdout)


def assert_same(lastknock, directory):
    ours = run(lastknock, "config", "dump", "-c", directory)
    theirs = fail2ban_dump(directory)
    assert theirs is not None, "Fail2ban refuses this configuration: the test is wrong"
    assert comparable(ours.stdout) == theirs, ours.stderr
    return ours


@pytest.fixture
def stock(tmp_path):
    """A copy of the distribution's configuration."""
    return pathlib.Path(shutil.copytree(STOCK, tmp_path / "fail2ban"))


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "some.log"
    path.touch()
    return path


def sections(path):
    names = re.findall(r"^\[([^\]]+)\]", path.read_text(), re.M)
    return [name for name in names if name not in ("DEFAULT", "INCLUDES")]


@needs_fail2ban
def test_stock(lastknock, stock, log):
    (stock / "jail.local").write_text(f"[sshd]\nlogpath = {log}\n")
    assert assert_same(lastknock, stock).returncode == 0


@needs_fail2ban
def test_every_jail(lastknock, stock, log):
    jails = sections(stock / "jail.conf")
    assert len(jails) > 50
    (stock / "jail.local").write_text(
        "".join(f"[{name}]\nenabled = true\nlogpath = {log}\n" for name in jails)
    )
    ours = assert_same(lastknock, stock)
    assert ours.stdout.count("['start', ") == len(jails)


@needs_fail2ban
def test_every_log_path(lastknock, stock, tmp_path):
    """Every jail with its own log files, below a temporary root."""
    root = tmp_path / "root"
    for path in [stock / "jail.conf", *stock.glob("paths-*.conf")]:
        path.write_text(re.sub(r"(?<=[=\s])/(?=(var|opt|home|root|service|usr)/)", f"{root}/", path.read_text()))
    (stock / "jail.local").write_text("[DEFAULT]\nenabled = true\n")
    dump = run(lastknock, "config", "dump", "-c", stock).stdout
    patterns = set(re.findall(r"'addlogpath', '([^']+)', 'head'", dump))
    assert len(patterns) > 30 and all(p.startswith(str(root)) for p in patterns)
    for pattern in patterns:
        file = pathlib.Path(pattern.replace("[0-9]", "7").replace("*", "some"))
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.is_dir():
            file.touch()
    assert_same(lastknock, stock)


@needs_fail2ban
def test_every_filter(lastknock, stock, log):
    names = sorted(p.stem for p in (stock / "filter.d").glob("*.conf") if not p.stem.endswith("common"))
    assert len(names) > 50
    (stock / "jail.d" / "all.conf").write_text(
        "".join(
            f"[any-{n}-{b}]\nenabled = true\nfilter = {n}\nlogpath = {log}\naction =\nbackend = {b}\n"
            for n in names
            for b in ("auto", "systemd")
        )
        + f"[sshd]\nlogpath = {log}\n"
    )
    assert_same(lastknock, stock)


@needs_fail2ban
def test_every_action(lastknock, stock, log):
    names = sorted(p.stem for p in (stock / "action.d").glob("*.conf") if not p.stem.endswith("common"))
    assert len(names) > 30
    (stock / "jail.d" / "all.conf").write_text(
        "".join(
            f'[any-{n}]\nenabled = true\nfilter =\nlogpath = {log}\naction = {n}[port="a,b", chain=C]\n' for n in names
        )
        + f"[plugin]\nenabled = true\nfilter = sshd\nlogpath = {log}\n"
        + 'action = smtp.py[host="h", sendername=\'Ä "q"\', matches=x]\n    smtp.py[actname=second]\n'
        + f"[sshd]\nlogpath = {log}\naction = %(action_mwl)s\n"
    )
    assert_same(lastknock, stock)


HARD = {
    "multi-line values and comments": {
        "jail.conf": "[DEFAULT]\nenabled: true\nlogpath = LOG\naction =\n"
        "[a] # remark\n# whole line\nFailRegex = one\n   # within\n two ; behind\n\n   three;not ;yes\n"
        "\t; tab\n    four = 4\nignoreregex =\n filter=f\n",
        "filter.d/f.conf": "[Definition]\nfailregex = never\n",
    },
    "a value of a section, a default and what was known": {
        "jail.conf": "[DEFAULT]\nenabled = true\nlogpath = LOG\naction =\nb = DB\na = %(known/b)s\n"
        "[t-1]\nenabled = no\nq = Q%(w)s\nw = no\n[j]\nfilter =\nw = 100%%\nb = JB\n"
        "ignorecommand = %(a)s %(b)s %(known/b)s %(default/b)s %(__name__)s %(t-1/q)s %(fail2ban_confpath)s\n",
        "jail.local": "[j]\nb = local\n",
    },
    "files in their order": {
        "jail.conf": "[INCLUDES]\nbefore = one.conf\nafter = two.conf\n nowhere.conf\n"
        "[DEFAULT]\nenabled = true\nlogpath = LOG\naction =\nfilter =\n[j]\nignorecommand = %(x)s %(y)s %(z)s\n",
        "one.conf": "[INCLUDES]\nbefore = two.conf\n[DEFAULT]\nx = one\ny = one\n",
        "one.local": "[DEFAULT]\nx = one local\n",
        "two.conf": "[INCLUDES]\nbefore = one.conf\n[DEFAULT]\ny = two\nz = two\n",
        "jail.d/b.conf": "[j]\nz = b.conf\n[late]\nignorecommand=x\n",
        "jail.d/a.conf": "[j]\nz = a.conf\nx = a.conf\n",
        "jail.d/.hidden.conf": "[j]\nz = hidden\n",
        "jail.d/a.local": "[j]\ny = a.local\n",
        "jail.local": "[j]\ny = jail.local\n",
    },
    "filter values from everywhere": {
        "jail.conf": "[DEFAULT]\nenabled = true\nlogpath = LOG\naction =\nbackend = systemd\n"
        "[a]\nfilter = f[mode=x]\n[b]\nfilter = f[MODE='y\n  z', maxlines=6]\nmaxlines = 4\nusedns = raw\n"
        "[c]\nfilter = f[logtype=short, failregex=own]\nfailregex = more %(known/failregex)s\n  %(known/mode)s\n"
        "[d]\nfilter = f\nfailregex =\njournalmatch = A='b c' + _X=\"d\\\"e\"\n  F=g\ndatepattern = %%Y\n %%m\n",
        "filter.d/f.conf": "[INCLUDES]\nbefore = c.conf\n[Definition]\nusedns = no\nprefregex = ^p<pre>\nmaxlines = 2\n"
        "failregex = <HOST> <mode> <logtype> <re-<mode>> <known/mode> <sec/u> <Sec/u> <default/dd> <Definition/other>\n"
        "   %(mode_of)s <nothing>\nre-norm = n <re-<m>>\nre-x = X\nre-y = Y\nm = y\nmode_of = <mode>!\n"
        "other = o\npre = <six>\njournalmatch = _S=1\nsix = 4\n[Init]\nmode = norm\nmaxlines = 3\n"
        "[Init?family=inet6]\nsix = 6\n",
        "filter.d/f.local": "[Definition]\nfailregex = %(known/failregex)s\n   local <known/other>\nother = new\n",
        "filter.d/c.conf": "[DEFAULT]\ndd = D\ndatepattern = <lt_<logtype>/datepattern>\n[sec]\nu = U <dd>\n"
        "[lt_journal]\ndatepattern = {J}\n[lt_short]\ndatepattern = {S}%%y\n",
    },
    "actions with options": {
        "jail.conf": "[DEFAULT]\nenabled = true\nfilter =\nlogpath = LOG\n"
        "[a]\naction = one[x=\"1, 2]\", y='\"', z= b c ][w=5]\n   one[name=%(__name__)s-udp, actionban=mine] [w=\"\"]\n"
        "   one [name=bad]\n[b]\naction = one[actname=u, timeout=3, bantime=4]\n\n  two[name=other,\n   x=6,]\n"
        "[c]\naction = one[x=\n[d]\naction = nowhere\n[e]\naction = one[x=\"<y>\", y=<z>, z=Z, norestored=on]\n",
        "action.d/one.conf": "[Definition]\nactionstart = <actionban> <x> <opt>\nactionban = b <name> <actname> <x> <ip>"
        " <port> <matches> <timeout>\nactionunban = <actionban> <w>\nactionstop = <helper>\nhelper = h <known/x> <extra/k>\n"
        "actionstart_on_demand = <flag>\nnorestored = 0\nactioncheck =\n[extra]\nk = K\n"
        "[Init]\nx = init\nport = 0:65535\nopt = <port>\nflag = yes\nw = v4\n[Init?family=inet6]\nw = v6\nport = six\n",
        "action.d/two.conf": "[INCLUDES]\nafter = one.conf\n[Definition]\nactionban = two\ntimeout = 9\n",
    },
    "odd sections": {
        "jail.conf": "[DEFAULT]\nenabled = true\nlogpath = LOG\naction =\nfilter =\n[x]y]\nignoreip = a,b , c,,d;e\n  f\n"
        "[n?x=y]\nfindtime = 1\n[DEFAULT]\nmaxretry = 1_000\n[bad int]\nmaxmatches = 7 \n[Jail]\n[jail]\nbantime = -1\n",
    },
}


@needs_fail2ban
@pytest.mark.parametrize("name", HARD)
def test_hard(lastknock, tmp_path, log, name):
    files = {"fail2ban.conf": GENERAL, **HARD[name]}
    config_generator.write({p: t.replace("LOG", str(log)) for p, t in files.items()}, tmp_path / "c")
    assert_same(lastknock, tmp_path / "c")


@needs_fail2ban
@pytest.mark.parametrize("seed", range(40))
def test_generated(lastknock, tmp_path, seed):
    logs = tmp_path / "logs"
    logs.mkdir()
    for name in ("one.log", "two.log"):
        (logs / name).touch()
    directory = tmp_path / "c"
    config_generator.write(config_generator.Generator(seed).generate(logs), directory)
    ours = run(lastknock, "config", "dump", "-c", directory)
    theirs = fail2ban_dump(directory)
    if theirs is None:
        assert ours.returncode == 1, "Fail2ban refuses what lastknock finds no fault with"
    else:
        assert comparable(ours.stdout) == theirs, ours.stderr


def write(tmp_path, files):
    config_generator.write({"fail2ban.conf": GENERAL, **files}, tmp_path / "c")
    return tmp_path / "c"


def test_a_log_that_is_missing_is_a_note(lastknock, tmp_path):
    missing = tmp_path / "later" / "*.log"
    conf = write(tmp_path, {"jail.conf": f"[j]\nenabled = true\nfilter =\naction =\nlogpath = {missing} tail\n"})
    dump = run(lastknock, "config", "dump", "-c", conf)
    assert dump.returncode == 0
    assert f"['set', 'j', 'addlogpath', '{missing}', 'tail']" in dump.stdout.splitlines()
    test = run(lastknock, "config", "test", "-c", conf)
    assert test.returncode == 0
    assert f"NOTE: jail j: {conf}/jail.conf:5: there is no file {missing} (yet)" in test.stdout
    assert test.stdout.endswith("OK: configuration test is successful\n")


def test_a_bad_value_is_the_fault_of_its_jails_only(lastknock, tmp_path):
    conf = write(
        tmp_path,
        {
            "jail.conf": "[DEFAULT]\nenabled = true\naction =\nlogpath = /dev/null\n[good]\nfilter =\n"
            "[bad]\nfilter = broken\n[worse]\nfilter =\nbantime = %(nowhere)s\n[worst]\nfilter =\nfindtime = soon\n",
            "filter.d/broken.conf": "[Definition]\nfailregex = a\nfailregex = b\n",
        },
    )
    test = run(lastknock, "config", "test", "-c", conf)
    assert test.returncode == 1
    errors = [line for line in test.stdout.splitlines() if line.startswith("ERROR: jail ")]
    assert len(errors) == 3
    assert f"jail bad: {conf}/filter.d/broken.conf:3:" in errors[0] and "failregex" in errors[0]
    assert f"jail worse: {conf}/jail.conf:11:" in errors[1] and "%(nowhere)s" in errors[1]
    assert f"jail worst: {conf}/jail.conf:14:" in errors[2] and "findtime: 'soon'" in errors[2]
    dump = run(lastknock, "config", "dump", "-c", conf).stdout
    assert "['start', 'good']" in dump and dump.count("'start'") == 1 and dump.count("'config-error'") == 3


def test_a_jail_of_the_journal_is_a_fault(lastknock, tmp_path):
    """It could read nothing: better said by `config test` than found out after an attack."""
    conf = write(tmp_path, {"jail.conf": "[j]\nenabled = true\nfilter =\naction =\nbackend = systemd\n"})
    test = run(lastknock, "config", "test", "-c", conf)
    assert test.returncode == 1
    assert "ERROR: jail j: backend systemd: the journal is not read, only files" in test.stdout


def test_a_syntax_error_in_jail_conf_refuses_everything(lastknock, tmp_path):
    conf = write(tmp_path, {"jail.conf": "[j]\nenabled = true\n", "jail.local": "[j]\nenabled = true\nmaxretry 5\n"})
    test = run(lastknock, "config", "test", "-c", conf)
    assert test.returncode == 1
    assert f"{conf}/jail.local:3:" in test.stderr and "maxretry 5" in test.stderr
    assert test.stdout == ""


def test_one_jail(lastknock, tmp_path):
    conf = write(tmp_path, {"jail.conf": "[DEFAULT]\nfilter=\naction=\nbackend=systemd\n[a]\n[b]\nenabled=true\n"})
    dump = run(lastknock, "config", "dump", "-c", conf, "--jail", "a").stdout
    assert "['start', 'a']" in dump and "'b'" not in dump
    assert run(lastknock, "config", "dump", "-c", conf, "--jail", "c").returncode == 1
