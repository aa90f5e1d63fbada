"""Behaviours towards Dovecot: IMAP, POP3 and its submission service (see smtp.py)."""
import time

from client import Behaviour, Imap, Smtp, b64, careless_tls, old_tls, session, strict_tls

BEHAVIOURS = []


def behaviour(name, kind="attack", times=5):
    def enter(run):
        honest = kind == "legit"
        n = (95 if honest else 1) + sum((b.kind == "legit") == honest for b in BEHAVIOURS)
        BEHAVIOURS.append(Behaviour(name, kind, times, run, n))
        return run
    return enter


def guess(port, user, password, starttls=False, plain=False, logout=True):
    def run(source, attempt):
        c = Imap(source, port)
        if starttls:
            c.command("STARTTLS")
            c.start_tls()
        name, word = user.replace("%", str(attempt)), password.replace("%", str(attempt))
        reply = c.command("AUTHENTICATE PLAIN " + b64(f"\0{name}\0{word}") if plain else
                          f"LOGIN {name} {word}", "b")
        if logout:
            c.command("LOGOUT", "z")
        c.close()
        return reply
    return run


behaviour("imap-wrongpw-tls993")(guess(993, "alice", "nope"))
behaviour("imap-wrongpw-starttls")(guess(143, "alice", "nope", starttls=True))
behaviour("imap-wrongpw-notls")(guess(143, "alice", "nope"))
behaviour("imap-wrongpw-authplain")(guess(993, "alice", "nope", plain=True))
behaviour("imap-wrongpw-no-logout")(guess(993, "alice", "nope", logout=False))
behaviour("imap-unknownuser")(guess(993, "root%", "nope"))
behaviour("imap-wrongpw-varying-x8", times=8)(guess(993, "alice", "guess%"))


@behaviour("imap-wrongpw-5-in-one-connection", times=1)
def _(source, attempt):
    c = Imap(source, 993)
    for n in range(5):
        reply = c.command(f"LOGIN bob bad{n}", f"b{n}")
    c.close()
    return reply


def pop3(tls, password, user="alice"):
    def run(source, attempt):
        c = Smtp(source, 995 if tls else 110, careless_tls if tls else None)
        c.command("USER " + user)
        reply = c.command("PASS " + password)
        c.command("QUIT")
        c.close()
        return reply
    return run


behaviour("pop3-wrongpw-tls995")(pop3(True, "nope"))
behaviour("pop3-wrongpw-notls")(pop3(False, "nope"))


def submission(port):
    def run(source, attempt):
        c = session(source, port)
        reply = c.plain("alice", "nope")
        c.quit()
        return reply
    return run


behaviour("submission-wrongpw-tls465")(submission(465))
behaviour("submission-wrongpw-starttls587")(submission(587))


def break_off(port, *steps, tls=careless_tls, banner=True, abort=False):
    """IMAP: strings are commands, bytes are sent as they are; then closes or resets."""
    def run(source, attempt):
        c = Imap(source, port, tls, banner)
        for step in steps:
            if isinstance(step, bytes):
                c.send(step)
                time.sleep(0.2)
            else:
                c.command(step)
        (c.reset if abort else c.close)()
        return c.last
    return run


behaviour("close-before-banner", "broken")(break_off(143, banner=False))
behaviour("rst-before-banner", "broken")(break_off(143, banner=False, abort=True))
behaviour("close-after-banner", "broken")(break_off(143))
behaviour("993-close-no-handshake", "broken")(break_off(993, b"", banner=False))
behaviour("993-plaintext", "broken")(break_off(993, b"a LOGIN a b\r\n", banner=False))
behaviour("close-after-starttls", "broken")(break_off(143, "STARTTLS"))
behaviour("garbage-tls-handshake", "broken")(
    break_off(143, "STARTTLS", b"GET / HTTP/1.0\r\n\r\n"))
behaviour("close-at-auth-challenge-tls", "broken")(break_off(993, "AUTHENTICATE LOGIN"))
behaviour("close-after-auth-username", "broken")(
    break_off(993, "AUTHENTICATE LOGIN", (b64("alice") + "\r\n").encode()))
behaviour("close-before-auth-reply", "broken")(break_off(993, b"a LOGIN alice nope\r\n"))
behaviour("http-on-143", "broken")(break_off(143, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"))


@behaviour("tls-old-version", "broken")
def _(source, attempt):
    c = Imap(source, 143)
    c.command("STARTTLS")
    c.start_tls(old_tls())


@behaviour("pop3-close-after-user", "broken")
def _(source, attempt):
    c = Smtp(source, 995, careless_tls)
    c.command("USER alice")
    c.close()
    return c.last


@behaviour("unknown-commands-30", "broken", 2)
def _(source, attempt):
    c = Imap(source, 143)
    for n in range(30):
        c.command("XFOO", f"x{n}")


@behaviour("auth-cancelled")
def _(source, attempt):
    c = Imap(source, 993)
    c.command("AUTHENTICATE LOGIN")
    c.send("*\r\n")
    reply = c.line()
    c.command("LOGOUT", "z")
    c.close()
    return reply


def one_command(text):
    def run(source, attempt):
        c = Imap(source, 993)
        reply = c.command(text)
        c.command("LOGOUT", "z")
        c.close()
        return reply
    return run


behaviour("auth-bad-base64")(one_command("AUTHENTICATE PLAIN !!!x"))
behaviour("auth-unsupported-mech")(one_command("AUTHENTICATE NTLM"))

# ---- honest clients


@behaviour("ok-imap-993", "legit", 3)
def _(source, attempt):
    c = Imap(source, 993)
    reply = c.command("LOGIN alice alice-pw", "b")
    c.command("SELECT INBOX", "c")
    c.command("LOGOUT", "z")
    c.close()
    return reply


behaviour("ok-imap-starttls-no-logout", "legit", 3)(
    guess(143, "alice", "alice-pw", starttls=True, logout=False))
behaviour("ok-pop3-995", "legit", 3)(pop3(True, "bob-pw", "bob"))


@behaviour("typo-then-good-login", "legit", 3)
def _(source, attempt):
    c = Imap(source, 993)
    if attempt == 1:
        c.command("LOGIN alice alise-pw", "b")
    reply = c.command("LOGIN alice alice-pw", "c")
    c.command("LOGOUT", "z")
    c.close()
    return reply


@behaviour("typo-once-then-later-good", "legit", 3)
def _(source, attempt):
    return guess(993, "alice", "alise-pw" if attempt == 1 else "alice-pw")(source, attempt)


behaviour("healthcheck-connect-only", "legit", 3)(break_off(143))
behaviour("healthcheck-capability-logout", "legit", 3)(one_command("CAPABILITY"))


@behaviour("client-rejects-cert", "legit", 3)
def _(source, attempt):
    Imap(source, 993, strict_tls)
