"""Our filters on real log lines (tests/filters/README): each attempt is blamed once, nobody is blamed
who did nothing, and lastknock and Debian's Fail2ban agree on it."""
import collections
import ipaddress
import json
import pathlib
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CASES = sorted(p for p in (ROOT / "tests" / "filters").iterdir() if p.name != "README")


def read_cases(path):
    """The blocks' verdicts, {address: (what, matches)}, and the log lines alone."""
    verdicts, lines = {}, []
    for line in path.read_text().splitlines():
        if line.startswith("# {"):
            case = json.loads(line[2:])
            assert case["ip"] not in verdicts, f"{case['ip']} names two blocks"
            verdicts[case["ip"]] = (case["what"], case["matches"])
        elif line and not line.startswith("#"):
            lines.append(line)
    return verdicts, lines


def differences(verdicts, blamed):
    wrong = [f"{ip}: {blamed[ip]} times, not {matches}: {what}"
             for ip, (what, matches) in verdicts.items() if blamed[ip] != matches]
    return wrong + [f"{ip}: {n} times, and is innocent" for ip, n in blamed.items()
                    if ip not in verdicts]


@pytest.fixture(params=CASES, ids=lambda p: p.name)
def case(request, tmp_path):
    """(filter name, verdicts, path of a log with the lines)"""
    verdicts, lines = read_cases(request.param)
    log = tmp_path / "log"
    log.write_text("\n".join(lines) + "\n")
    return request.param.name.split(".")[0], verdicts, log


@pytest.mark.skipif(not shutil.which("fail2ban-regex"), reason="needs Debian's fail2ban")
def test_fail2ban_blames_each_attempt_once(case):
    name, verdicts, log = case
    result = subprocess.run(["fail2ban-regex", "-c", ROOT / "config", "--usedns", "no",
                             "--no-check-all", "-o", "id", log, name],
                            capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    blamed = collections.Counter(result.stdout.split())
    assert not differences(verdicts, blamed)


def write_config(directory, name, log, maxretry):
    """Our configuration with one jail, no action, and that many failures to a ban."""
    shutil.copytree(ROOT / "config", directory)
    sections = [f"[{jail}]\nenabled = {jail == name}\n" for jail in ("postfix", "dovecot", "sshd")]
    (directory / "jail.local").write_text(
        f"[DEFAULT]\nmaxretry = {maxretry}\naction =\n" + "".join(sections))
    (directory / "paths.local").write_text(f"[DEFAULT]\nmail_log = {log}\nauth_log = {log}\n")


def replay(lastknock, tmp_path, name, log, maxretry):
    """The addresses that lastknock would ban."""
    config = tmp_path / f"config-{maxretry}"
    write_config(config, name, log, maxretry)
    result = subprocess.run([lastknock, "replay", "-c", config, "--jail", name, "--json", log],
                            capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return {str(ipaddress.ip_address(json.loads(line)["ip"]))
            for line in result.stdout.splitlines() if line}


def test_lastknock_blames_the_same(case, lastknock, subcommands, tmp_path):
    """With maxretry N, exactly those are banned who are to be blamed N times or more."""
    if "replay" not in subcommands:
        pytest.skip("lastknock has no replay")
    name, verdicts, log = case
    most = max(matches for _, matches in verdicts.values())
    for maxretry in range(1, most + 2):
        expected = {ip for ip, (_, matches) in verdicts.items() if matches >= maxretry}
        assert replay(lastknock, tmp_path, name, log, maxretry) == expected, f"{maxretry=}"


@pytest.mark.skipif(not shutil.which("fail2ban-client"), reason="needs Debian's fail2ban")
def test_fail2ban_loads_our_configuration(tmp_path):
    config = tmp_path / "config"
    shutil.copytree(ROOT / "config", config)
    log = tmp_path / "log"
    log.touch()
    (config / "paths.local").write_text(f"[DEFAULT]\nmail_log = {log}\nauth_log = {log}\n")
    result = subprocess.run(["fail2ban-client", "-c", config, "-t"], capture_output=True, text=True,
                            check=False)
    assert (result.returncode, result.stderr) == (0, "")
