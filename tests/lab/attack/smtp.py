"""Behaviours towards an SMTP server: attacks, broken connections, and honest clients that must never
be blamed.  The names are the labels of the signatures that the filters were written from."""
import time

from client import Behaviour, Smtp, b64, careless_tls, old_tls, session, strict_tls

BEHAVIOURS = []
HONEST = "client.good.example"
HALF_A_HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"


def behaviour(name, kind, times=5, number=None):
    """Enters the function below into the table.  Honest clients have numbers from 95 on."""
    def enter(run):
        n = number or (1 + sum(b.number < 80 for b in BEHAVIOURS) if kind != "legit" else
                       95 + sum(b.number >= 95 for b in BEHAVIOURS))
        BEHAVIOURS.append(Behaviour(name, kind, times, run, n))
        return run
    return enter


# ---- wrong logins

def guess(port, tls, mechanism, user, password):
    def run(source, attempt):
        c = session(source, port, tls)
        reply = getattr(c, mechanism)(user.replace("%", str(attempt)),
                                      password.replace("%", str(attempt)))
        c.quit()
        return reply
    return run


for _port, _tls, _where in ((587, True, "tls587"), (465, True, "tls465"), (25, True, "tls25"),
                            (25, False, "notls25"), (587, False, "notls587")):
    for _mechanism in ("plain", "login"):
        behaviour(f"wrongpw-{_mechanism}-{_where}", "attack")(
            guess(_port, _tls, _mechanism, "alice", "nope"))
behaviour("wrongpw-plain-tls587-x12", "attack", 12)(guess(587, True, "plain", "alice", "nope"))
behaviour("unknownuser-plain-tls", "attack")(guess(587, True, "plain", "root%", "nope"))
behaviour("unknownuser-login-notls", "attack")(guess(25, False, "login", "root%", "nope"))
# Dovecot's penalty grows only with new passwords, so this differs from the same one repeated.
behaviour("wrongpw-varying-x12", "attack", 12)(guess(587, True, "plain", "alice", "guess%"))


@behaviour("wrongpw-5-in-one-connection", "attack", 1)
def _(source, attempt):
    c = session(source, 587)
    for n in range(5):
        reply = c.login("bob", f"bad{n}")
    c.quit()
    return reply


@behaviour("wrongpw-plain-no-quit", "attack")
def _(source, attempt):
    c = session(source, 587)
    reply = c.plain("alice", "nope")
    c.close()
    return reply


def one_command(port, tls, text):
    def run(source, attempt):
        c = session(source, port, tls)
        reply = c.command(text.replace("%", str(attempt)))
        c.quit()
        return reply
    return run


behaviour("auth-bad-base64", "attack")(one_command(587, True, "AUTH PLAIN !!!notbase64"))
behaviour("auth-unsupported-mech", "attack")(one_command(587, True, "AUTH NTLM"))


@behaviour("auth-cancelled", "attack")
def _(source, attempt):
    c = session(source, 587)
    c.command("AUTH LOGIN")
    reply = c.command("*")
    c.quit()
    return reply


@behaviour("auth-empty-password", "attack")
def _(source, attempt):
    c = session(source, 587)
    reply = c.login("alice", "")
    c.quit()
    return reply


# ---- senders that are not the client's to use

def as_alice(sender, header_from=None):
    def run(source, attempt):
        c = session(source, 587)
        c.plain("alice", "alice-pw")
        reply = c.mail(sender, "bob@lab.test", header_from)
        c.quit()
        return reply
    return run


def without_login(port, tls, sender, recipient, helo="attacker.example"):
    def run(source, attempt):
        c = session(source, port, tls, helo)
        reply = c.mail(sender, recipient.replace("#", str(attempt)))
        c.quit()
        return reply
    return run


behaviour("authsender-other-local", "attack")(as_alice("bob@lab.test"))
behaviour("authsender-foreign", "attack")(as_alice("ceo@bank.example"))
behaviour("authsender-header-from-only", "attack")(as_alice("alice@lab.test", "bob@lab.test"))
behaviour("unauth-local-sender-25", "attack")(
    without_login(25, False, "alice@lab.test", "bob@lab.test"))
behaviour("unauth-submission-587", "attack")(
    without_login(587, True, "alice@lab.test", "bob@lab.test"))
behaviour("unauth-submission-465", "attack")(
    without_login(465, True, "ceo@bank.example", "bob@lab.test"))

# ---- relaying, probing for users

relay = without_login(25, False, "x@bank.example", "victim@evil.example")
behaviour("relay-foreign-to-foreign", "attack")(relay)
behaviour("relay-local-to-foreign", "attack")(
    without_login(25, False, "alice@lab.test", "victim@evil.example"))
behaviour("relay-percent-hack", "attack")(
    without_login(25, False, "x@bank.example", "victim%evil.example@lab.test"))
behaviour("enum-rcpt-unknown", "attack")(
    without_login(25, False, "x@bank.example", "nouser#@lab.test"))
behaviour("enum-vrfy", "attack")(one_command(25, False, "VRFY nouser%@lab.test"))
behaviour("enum-expn", "attack")(one_command(25, False, "EXPN staff%"))


@behaviour("relay-rcpt-no-quit", "attack")
def _(source, attempt):
    c = session(source, 25, False)
    reply = c.mail("x@bank.example", "victim@evil.example")
    c.close()
    return reply


@behaviour("starttls-injection", "attack")
def _(source, attempt):
    c = Smtp(source, 587)
    c.ehlo()
    c.send("STARTTLS\r\nRSET\r\n")
    c.reply()
    c.start_tls()
    c.ehlo()
    c.quit()
    return c.last


# ---- connections broken off

def break_off(port, *steps, tls=None, opened=None, abort=False, banner=True):
    """Takes the steps (strings are commands, bytes are sent as they are), then closes or resets."""
    def run(source, attempt):
        c = session(source, port, opened) if opened is not None else \
            Smtp(source, port, tls, banner)
        for step in steps:
            if isinstance(step, bytes):
                c.send(step)
                time.sleep(0.2)  # let it arrive before the end does
            else:
                c.command(step)
        (c.reset if abort else c.close)()
        return c.last
    return run


behaviour("close-before-banner", "broken")(break_off(25, banner=False))
behaviour("rst-before-banner", "broken")(break_off(25, banner=False, abort=True))
behaviour("close-after-banner", "broken")(break_off(25))
behaviour("close-after-ehlo", "broken")(break_off(25, "EHLO attacker.example"))
behaviour("rst-after-ehlo", "broken")(break_off(25, "EHLO attacker.example", abort=True))
behaviour("close-after-starttls", "broken")(break_off(587, "EHLO attacker.example", "STARTTLS"))
behaviour("close-mid-tls-handshake", "broken")(
    break_off(587, "EHLO attacker.example", "STARTTLS", HALF_A_HELLO))
behaviour("garbage-tls-handshake", "broken")(
    break_off(587, "EHLO attacker.example", "STARTTLS", b"GET / HTTP/1.0\r\n\r\n"))
behaviour("465-close-no-handshake", "broken")(break_off(465, b"", banner=False))
behaviour("465-plaintext", "broken")(break_off(465, b"EHLO attacker.example\r\n", banner=False))
behaviour("close-at-auth-login-challenge-tls", "broken")(
    break_off(587, "AUTH LOGIN", opened=True))
behaviour("close-at-auth-login-challenge-notls", "broken")(
    break_off(25, "AUTH LOGIN", opened=False))
behaviour("close-after-auth-username", "broken")(
    break_off(587, "AUTH LOGIN", b64("alice"), opened=True))
behaviour("close-mid-auth-plain", "broken")(break_off(465, "AUTH PLAIN", b"AGFsaWNl", opened=True))
behaviour("rst-at-auth-login-challenge-tls", "broken")(
    break_off(587, "AUTH LOGIN", opened=True, abort=True))
behaviour("close-before-auth-reply", "broken")(
    break_off(587, b"AUTH PLAIN " + b64("\0alice\0nope").encode() + b"\r\n", opened=True))
behaviour("close-after-mail-from", "broken")(
    break_off(25, "MAIL FROM:<x@bank.example>", opened=False))
behaviour("close-in-data", "broken")(
    break_off(25, "MAIL FROM:<x@bank.example>", "RCPT TO:<bob@lab.test>", "DATA",
              b"Subject: x\r\n\r\nhalf", opened=False))


@behaviour("close-after-starttls-done", "broken")
def _(source, attempt):
    c = Smtp(source, 587)
    c.ehlo()
    c.starttls()
    c.close()
    return c.last


@behaviour("tls-old-version", "broken")
def _(source, attempt):
    c = Smtp(source, 587)
    c.ehlo()
    c.starttls(old_tls())
    c.quit()
    return c.last


@behaviour("pregreet-talk", "broken")
def _(source, attempt):
    c = Smtp(source, 25, banner=False)
    c.send("EHLO attacker.example\r\n")
    c.reply()
    reply = c.reply()
    c.close()
    return reply


@behaviour("http-on-25", "broken")
def _(source, attempt):
    c = Smtp(source, 25)
    c.send("GET / HTTP/1.1\r\nHost: mx\r\nUser-Agent: x\r\n\r\n")
    reply = c.reply()
    c.close()
    return reply


@behaviour("unknown-commands-30", "broken", 2)
def _(source, attempt):
    c = Smtp(source, 25)
    c.ehlo()
    for n in range(30):
        reply = c.command(f"XFOO{n} bar")
    c.close()
    return reply


@behaviour("idle-after-ehlo", "broken", 2)
def _(source, attempt):
    c = session(source, 25, False)
    return c.reply()


@behaviour("idle-at-auth-challenge", "broken", 2)
def _(source, attempt):
    c = session(source, 587)
    c.command("AUTH LOGIN")
    return c.reply()


# ---- honest clients

def submit(port, mechanism, user, recipient, goodbye=True):
    def run(source, attempt):
        c = session(source, port, helo=HONEST)
        getattr(c, mechanism)(user, user + "-pw")
        reply = c.mail(user + "@lab.test", recipient)
        (c.quit if goodbye else c.close)()
        return reply
    return run


behaviour("ok-submit-587", "legit", 3)(submit(587, "plain", "alice", "bob@lab.test"))
behaviour("ok-submit-465", "legit", 3)(submit(465, "login", "bob", "alice@lab.test"))
behaviour("ok-submit-to-foreign", "legit", 3)(submit(465, "login", "bob", "friend@bank.example"))
behaviour("ok-submit-no-quit", "legit", 3)(submit(587, "plain", "alice", "bob@lab.test", False))
inbound = without_login(25, False, "news@peer.example", "alice@lab.test", HONEST)
behaviour("ok-inbound-25", "legit", 3)(inbound)
behaviour("ok-inbound-25-tls", "legit", 3)(
    without_login(25, True, "news@peer.example", "bob@lab.test", HONEST))
behaviour("bounce-null-sender", "legit", 3)(
    without_login(25, False, "", "bob@lab.test", HONEST))
behaviour("healthcheck-connect-only", "legit", 3)(break_off(25))
behaviour("client-rejects-cert", "legit", 3)(
    lambda source, attempt: session_refusing_certificate(source))


def session_refusing_certificate(source):
    c = Smtp(source, 587)
    c.ehlo(HONEST)
    c.starttls(strict_tls)


@behaviour("typo-then-good-login", "legit", 3)
def _(source, attempt):
    c = session(source, 587, helo=HONEST)
    reply = c.plain("alice", "alise-pw" if attempt == 1 else "alice-pw")
    if attempt > 1:
        reply = c.mail("alice@lab.test", "bob@lab.test")
    c.quit()
    return reply


@behaviour("typo-rcpt", "legit", 3)
def _(source, attempt):
    recipient = "alcie@lab.test" if attempt == 1 else "alice@lab.test"
    return without_login(25, False, "news@peer.example", recipient, HONEST)(source, attempt)


@behaviour("healthcheck-ehlo-quit", "legit", 3)
def _(source, attempt):
    c = Smtp(source, 25)
    c.ehlo(HONEST)
    c.quit()
    return c.last


@behaviour("healthcheck-starttls-quit", "legit", 3)
def _(source, attempt):
    c = session(source, 587, helo=HONEST)
    c.quit()
    return c.last


@behaviour("wifi-lost-mid-data", "legit", 1)
def _(source, attempt):
    c = session(source, 587, helo=HONEST)
    c.plain("alice", "alice-pw")
    for text in ("MAIL FROM:<alice@lab.test>", "RCPT TO:<bob@lab.test>", "DATA"):
        c.command(text)
    c.send("Subject: x\r\n\r\nhalf")
    time.sleep(0.2)
    c.reset()
    return c.last


# ---- sources without a reverse name (80 to 84) or with a forged one (85 to 89), see dns.py

behaviour("wrongpw-noptr", "attack", number=80)(guess(587, True, "plain", "alice", "nope"))
behaviour("relay-noptr", "attack", number=81)(relay)
behaviour("ok-inbound-noptr", "legit", 3, number=82)(inbound)
behaviour("ok-submit-noptr", "legit", 3, number=83)(submit(587, "plain", "alice", "bob@lab.test"))
behaviour("wrongpw-forgedptr", "attack", number=85)(guess(587, True, "plain", "alice", "nope"))
behaviour("relay-forgedptr", "attack", number=86)(relay)
behaviour("ok-inbound-forgedptr", "legit", 3, number=87)(inbound)
behaviour("ok-submit-forgedptr", "legit", 3, number=88)(
    submit(587, "plain", "alice", "bob@lab.test"))
