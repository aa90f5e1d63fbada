"""The program's outermost skin: help, version, words it does not know."""
import re
import subprocess


def run(*words):
    return subprocess.run(words, capture_output=True, text=True, check=False)


def test_version_is_one_line(lastknock):
    result = run(lastknock, "--version")
    assert result.returncode == 0
    assert re.fullmatch(r"lastknock \d+\.\d+\.\d+\n", result.stdout)


def test_help_goes_to_standard_output(lastknock):
    result = run(lastknock, "--help")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("usage: lastknock COMMAND")


def test_no_argument_is_wrong_usage(lastknock):
    result = run(lastknock)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("usage:")


def test_an_unknown_command_is_named(lastknock):
    result = run(lastknock, "no-such-word")
    assert result.returncode == 2
    assert "'no-such-word'" in result.stderr
