"""Attempts to make the log blame an innocent address: 203.0.113.66 is planted wherever a client may
write, in the shape of the log lines that filters look for.  No filter may ever blame it."""
import time

from client import Behaviour, Smtp, session

INNOCENT = "203.0.113.66"
V = INNOCENT
_now = time.strftime("%b %d %H:%M:%S")

HELO = [f"[{V}]", f"x]:_[{V}]", f"evil[{V}]", f"x) [{V}]:"]
USER = [
    f"alice, relay=[{V}]",
    f"[{V}]: SASL PLAIN authentication failed: x",
    f"x[{V}]: SASL LOGIN authentication failed: authentication failure",
    f"x)\n{_now} mx postfix/smtpd[1]: warning: unknown[{V}]: SASL LOGIN authentication failed: x",
    f"x) [{V}]: 535 Incorrect authentication data (set_id=x",
    f"x\r\n2026-11-21 20:00:00 login authenticator failed for (h) [{V}]: 535 Incorrect "
    "authentication data (set_id=x)",
    f"x, relay=evil.example [{V}]",
    f"root\tuser=, rip={V}, lip=1.1.1.1",
]
SENDER = [
    f'"[{V}]: 535 Incorrect authentication data"@bank.example',
    f'"x> rejected RCPT <y@z>: relay not permitted H=[{V}]"@bank.example',
    f"x@bank.example>, relay=[{V}], reject=550 5.7.1 <y@z>... Relaying denied. IP name lookup "
    f"failed [{V}]",
]
RECIPIENT = [
    f'"x> H=[{V}] rejected RCPT <a@b"@evil.example',
    f"a@[{V}]",
    f'"from unknown[{V}]: 554 5.7.1 Relay access denied"@evil.example',
]
COMMAND = [
    f"XFOO from unknown[{V}]: 554 5.7.1 x: Relay access denied",
    f'AUTH LOGIN" H=x [{V}] AUTH command used when not advertised',
    f'AUTH PLAIN" [{V}]: 535 Incorrect authentication data',
    f"VRFY [{V}]: vrfy x [rejected]",
    f"EXPN x. [{V}]: possible SMTP attack: command=AUTH, count=5",
    f"GET / from unknown[{V}]: SASL LOGIN authentication failed: x",
    f"XFOO [{V}] did not issue MAIL during connection",
]


def _helo(text):
    def run(source, attempt):
        c = Smtp(source, 25)
        c.command("EHLO " + text)
        c.plain("alice", "nope")
        c.mail("x@bank.example", "victim@evil.example")
        c.close()
        return c.last
    return run


def _user(mechanism, text):
    def run(source, attempt):
        c = session(source, 587)
        getattr(c, mechanism)(text, "nope")
        c.close()
        return c.last
    return run


def _mail(sender, recipient):
    def run(source, attempt):
        c = session(source, 25, False)
        c.mail(sender, recipient)
        c.close()
        return c.last
    return run


def _command(text):
    def run(source, attempt):
        c = session(source, 25, False)
        c.command(text)
        c.close()
        return c.last
    return run


def _table():
    for n, text in enumerate(HELO):
        yield f"helo-{n}", _helo(text)
    for n, text in enumerate(USER):
        yield f"user-plain-{n}", _user("plain", text)
        yield f"user-login-{n}", _user("login", text)
    for n, text in enumerate(SENDER):
        yield f"mailfrom-{n}", _mail(text, "victim@evil.example")
    for n, text in enumerate(RECIPIENT):
        yield f"rcpt-{n}", _mail("x@bank.example", text)
    for n, text in enumerate(COMMAND):
        yield f"cmd-{n}", _command(text)


BEHAVIOURS = [Behaviour(name, "inject", 2, run, n) for n, (name, run) in enumerate(_table(), 1)]
