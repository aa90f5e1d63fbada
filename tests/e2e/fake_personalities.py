"""What fake_smtp.py can be: one fault or one trap each.  The name on the command line is the
class's, `OpenRelay465` is open-relay-465.  Guards take two words more, and one may leave out the
second: guard:HOW:ACTS[:KIND+KIND...], for instance guard:app:5 or guard:reject:3:login+broken."""
import base64
import itertools
import pathlib
import re
import ssl
import sys
import time

import fake_guards  # noqa: F401 (its classes are found as children of Session)
import fake_turncoats  # noqa: F401
from fake_smtp import HOST, Gone, Server, Session, is_known, is_local

REFUSED = "554 5.7.1 Service unavailable; Client host blocked using bl.lab.test"


class Good(Session):
    """The control: nothing is wrong."""


class AuthOn25(Session):
    """Also good: AUTH on 25, after TLS."""
    auth_ports = (25, 465, 587)


class RefusesAtMail(Session):
    """Also good, as OpenSMTPD and many an Exim are: refusals at MAIL, without enhanced codes."""

    def judge_mail(self, sender):
        if self.user and not self.owns(sender):
            return "550 Sender rejected"
        return super().judge_mail(sender)

    def judge_rcpt(self, sender, recipient):
        answer = super().judge_rcpt(sender, recipient)
        return re.sub(r" \d\.\d\.\d+ .*", " Invalid recipient", answer)


class Closed(Session):
    """Nothing listens."""
    ports = ()


class Only465(Session):
    """Also good."""
    ports = (465,)


# Secure logins.

class ClearAuth(Session):
    """AUTH before TLS."""

    def has_auth(self):
        return self.port == 587 or super().has_auth()

    def judge_mail(self, _):
        return "250 2.1.0 Ok"


class ClearAuth25(Session):
    """AUTH before TLS, but not on 587."""

    def has_auth(self):
        return self.port == 25 or super().has_auth()


class ClearAuthHidden(Session):
    """AUTH before TLS for those who do not wait for the offer."""

    def has_auth(self):
        return self.port == 587 or super().has_auth()

    def abilities(self):
        return [w for w in super().abilities() if self.tls or not w.startswith("AUTH")]


class ClearAuthOld(Session):
    """Offered before TLS in the form of the last century only: AUTH=LOGIN."""

    def abilities(self):
        return super().abilities() + ([] if self.tls else ["AUTH=LOGIN PLAIN"])


class ClearAuthCram(Session):
    """CRAM-MD5 before TLS."""

    def abilities(self):
        return super().abilities() + ([] if self.tls else ["AUTH CRAM-MD5"])


class Anonymous(Session):
    mechanisms = "PLAIN ANONYMOUS LOGIN"


class AnyLogin(Session):
    """The password does not matter."""

    def try_login(self, name, password):
        return "235 2.7.0 Authentication successful"


class WrongPassword(Session):
    """The right password is wrong."""

    def is_right(self, name, password):
        return False


class AuthBackendDown(Session):
    def try_login(self, name, password):
        return "454 4.7.0 Temporary authentication failure: Connection lost to its server"


class AuthAsksForEver(Session):
    """Always one more question."""

    def login(self, mechanism, initial):
        while self.ask(b"And?") is not None:
            pass


class AuthDrops(Session):
    """Closes in the midst of AUTH."""

    def login(self, mechanism, initial):
        self.act("login")
        raise Gone


class NoAuth(Session):
    """Also good: a server for incoming mail; nobody can log in."""
    auth_ports = ()


class Echo(Session):
    """Its reply to AUTH has the password, plain and in base64."""

    def forms(self, name, password):
        blob = base64.b64encode(f"\0{name}\0{password}".encode()).decode()
        alone = base64.b64encode(password.encode()).decode()
        return [password, blob, alone, alone.rstrip("="), f"<{password}>", f"{blob}{password}"]

    def try_login(self, name, password):
        code, text = super().try_login(name, password).split(" ", 1)
        forms = self.forms(name, password)
        return "\r\n".join([f"{code}-{text[:6]}{form}" for form in forms] + [f"{code} {text}"])

    def reply(self, *lines):
        super().reply(*itertools.chain.from_iterable(line.split("\r\n") for line in lines))


class EchoOdd(Echo):
    """The same in forms that a search for the password does not find."""

    def forms(self, name, password):
        return [password.upper(), password[::-1], password.encode().hex(), " ".join(password),
                "".join(f"%{c:02x}" for c in password.encode()),
                password[:2] + "\0" + password[2:], password[:2] + "\x1b" + password[2:],
                *(base64.b64encode(b"xx"[:n] + password.encode() + b"yy").decode()
                  for n in range(3))]


class EchoLater(Session):
    """Tells the password in every reply after the login."""

    def reply(self, *lines):
        told = f" ({self.password} {base64.b64encode(self.password.encode()).decode()})"
        super().reply(*(line + told if self.password else line for line in lines))


# TLS.

class Clear465(Session):
    """No TLS on 465: 220 at once."""

    def handshake(self):
        if self.port != 465 or self.replies:
            super().handshake()


class Garbage465(Session):
    """465 speaks neither TLS nor SMTP."""

    def arrive(self):
        if self.port == 465:
            self.sock.recv(4096)
            self.send(bytes(range(1, 255)) * 2)
            self.hang()


class Mute465(Session):
    """465 never takes up the handshake."""

    def arrive(self):
        if self.port == 465:
            self.hang()


class StarttlsBroken(Session):
    """Says 220 and closes."""

    def do_starttls(self, _):
        self.reply("220 2.0.0 Ready to start TLS")
        raise Gone


class Starttls454(Session):
    def do_starttls(self, _):
        self.reply("454 4.7.0 TLS not available due to local problem")


class StarttlsMissing(Session):
    """587 has no STARTTLS, and nothing else either that needs it."""

    def abilities(self):
        return [w for w in super().abilities() if w != "STARTTLS" or self.port != 587]

    def do_starttls(self, rest):
        if self.port == 587:
            self.reply("502 5.5.1 Error: command not implemented")
        else:
            super().do_starttls(rest)


class StarttlsGarbage(Session):
    """Text where the handshake should be."""

    def do_starttls(self, _):
        self.reply("220 2.0.0 Ready to start TLS")
        self.sock.recv(4096)
        self.send(b"250 whatever you say\r\n" * 20)
        self.hang()


class StarttlsStalls(Session):
    """220, and the handshake never goes on."""

    def do_starttls(self, _):
        self.reply("220 2.0.0 Ready to start TLS")
        self.hang()


class OldTls(Session):
    """TLS 1.0 and 1.1 as well."""
    oldest = ssl.TLSVersion.TLSv1


class OldTls11(Session):
    """TLS 1.1 as well."""
    oldest = ssl.TLSVersion.TLSv1_1


class OldTlsAuthOn25(OldTls):
    auth_ports = (25, 465, 587)


class Expired(Session):
    certificate = {"expired": True}


class OtherName(Session):
    certificate = {"name": "www.lab.test"}


class Untrusted(Session):
    trusted = False


# Senders.

class AnySender(Session):
    def owns(self, sender):
        return True


class LocalSendersOnly(Session):
    """Checks addresses of its own domain only."""

    def owns(self, sender):
        return super().owns(sender) or not is_local(sender)


class KnownSendersOnly(Session):
    """Refuses what has another owner or another domain, but not a name nobody has."""

    def owns(self, sender):
        return super().owns(sender) or is_local(sender) and not is_known(sender)


class OwnSenderRefused(Session):
    """Nobody may write anything: then the refusals prove nothing."""

    def owns(self, sender):
        return False


class ForeignDomainRefused(Session):
    """Foreign senders are refused because their domain is bad, not because of their owner."""

    def judge_mail(self, sender):
        if self.user and not is_local(sender):
            return f"553 5.1.8 <{sender}>: Sender address rejected: Domain not found"
        return super().judge_mail(sender)

    def owns(self, sender):
        return super().owns(sender) or not is_local(sender)


class GreylistedUsers(Session):
    """Whoever logs in is asked to come back later."""

    def judge_rcpt(self, sender, recipient):
        if self.user:
            return f"450 4.7.1 <{recipient}>: Recipient address rejected: Greylisted"
        return super().judge_rcpt(sender, recipient)


# Relaying.

class OpenRelay(Session):
    def relays(self, sender, recipient):
        return not is_local(sender)


class OpenRelay251(OpenRelay):
    """The rarer way to accept."""

    def judge_rcpt(self, sender, recipient):
        answer = super().judge_rcpt(sender, recipient)
        if answer.startswith("2") and not self.user and not is_local(recipient):
            return f"251 2.1.5 User not local; will forward to <{recipient}>"
        return answer


class OpenRelayLocalSenders(Session):
    """The domain of the sender is taken for a proof."""

    def relays(self, sender, recipient):
        return self.port == 25 and is_local(sender)


class OpenRelay465(Session):
    def relays(self, sender, recipient):
        return self.port == 465


class OpenRelayAfterTls(Session):
    """On 25, and only after STARTTLS."""

    def relays(self, sender, recipient):
        return self.port == 25 and self.tls and not is_local(sender)


class RelayDeferred(Session):
    """Also good: Postfix's default."""

    def judge_rcpt(self, sender, recipient):
        answer = super().judge_rcpt(sender, recipient)
        return answer.replace("554 5.7.1", "454 4.7.1") if "Relay access" in answer else answer


class LocalSenderTaken(Session):
    """Port 25 lets anybody write to a local user as another one: a warning, no more."""

    def judge_rcpt(self, sender, recipient):
        if self.port == 25 and is_local(sender) and is_known(recipient):
            return "250 2.1.5 Ok"
        return super().judge_rcpt(sender, recipient)


class Greylisted(Session):
    """Every stranger is asked to come back later."""

    def judge_rcpt(self, sender, recipient):
        if not self.user:
            return f"450 4.7.1 <{recipient}>: Recipient address rejected: Greylisted"
        return super().judge_rcpt(sender, recipient)


class RelayLater465(Session):
    """Strangers on 465 are asked to come back later: it may be a relay, who knows."""

    def judge_rcpt(self, sender, recipient):
        if self.port == 465 and not self.user:
            return f"450 4.7.1 <{recipient}>: Recipient address rejected: Greylisted"
        return super().judge_rcpt(sender, recipient)


class Blocklisted(Session):
    """Port 25 refuses whatever we ask, for where we come from."""

    def judge_rcpt(self, sender, recipient):
        return REFUSED if self.port == 25 else super().judge_rcpt(sender, recipient)


# Greetings.

class Greets421(Session):
    greeting = f"421 4.3.2 {HOST} All server ports are busy"

    def greet(self):
        self.reply(self.greeting)
        raise Gone


class Greets554(Greets421):
    greeting = f"554 5.7.1 {HOST} No SMTP service here"


class Greets421Clear(Greets421):
    """As a proxy might: in clear text even where TLS should begin."""

    def arrive(self):
        self.greet()


class Teaser(Session):
    """Also good: postscreen's teaser on 25."""

    def greet(self):
        if self.port == 25:
            self.reply(f"220-{HOST} ESMTP Postfix")
            time.sleep(2)
        super().greet()


class Mute(Session):
    def arrive(self):
        self.hang()


class DropsAtOnce(Session):
    def arrive(self):
        raise Gone


class Helo(Session):
    """No ESMTP."""

    def do_ehlo(self, _):
        self.reply("502 5.5.2 Error: command not recognized")


class MuteAfterEhlo(Session):
    def do_ehlo(self, rest):
        super().do_ehlo(rest)
        self.hang()


class DropsAfterEhlo(Session):
    def do_ehlo(self, rest):
        super().do_ehlo(rest)
        raise Gone


class Rcpt421(Session):
    def do_rcpt(self, rest):
        self.reply(f"421 4.7.0 {HOST} Error: too many errors")
        raise Gone


# How it is said.

class Tarpit(Session):
    """Also good: each reply of 587 a second late."""

    def send(self, data):
        if self.port == 587:
            time.sleep(1)
        super().send(data)


class Drip(Session):
    """Also good: the greeting of 587 in single bytes."""

    def greet(self):
        if self.port != 587:
            super().greet()
            return
        for byte in f"220 {HOST} ESMTP\r\n".encode():
            time.sleep(0.05)
            self.send(bytes([byte]))


class DripsForEver(Session):
    """A byte, and in a second another one: each wait is short, and there is no end."""

    def greet(self):
        for byte in itertools.cycle(b"220-mx and so on and so on and so on\r\n"):
            self.send(bytes([byte]))
            time.sleep(1)


class CodesDifferEhlo(Session):
    def reply(self, *lines):
        if len(lines) > 2:
            lines = (*lines[:-1], "550 5.0.0 no")
        super().reply(*lines)


class CodesDifferRcpt(Session):
    """`250-ok` and then `550 no`, whatever was asked."""

    def do_rcpt(self, rest):
        self.reply("250-ok", "550 no")


class Nonsense(Session):
    """Words without a code."""

    def do_rcpt(self, rest):
        self.reply("why not, let us see")


class EndlessEhlo(Session):
    def do_ehlo(self, _):
        for i in itertools.count():
            self.send(b"250-X-%d\r\n" % i * 100)


class EndlessLine(Session):
    def do_ehlo(self, _):
        self.send(b"250-")
        while True:
            self.send(b"and so on, " * 100)


class BareNewline(Session):
    def send(self, data):
        super().send(data.replace(b"\r\n", b"\n"))


class TwoReplies(Session):
    """Each refused recipient is accepted right after, unasked: who reads on believes it."""

    def judge_rcpt(self, sender, recipient):
        answer = super().judge_rcpt(sender, recipient)
        return answer if answer.startswith("2") else answer + "\r\n250 2.1.5 Ok"


class TwoRepliesHideRelay(OpenRelay):
    """An open relay that says a refusal, unasked, just before it accepts."""

    def judge_mail(self, sender):
        answer = super().judge_mail(sender)
        return answer if self.user else answer + "\r\n554 5.7.1 Relay access denied"


class Control(Session):
    """Bytes that move the cursor, ring, hide and turn round."""
    bytes = "\x1b[31m\x1b]0;title\x07\x08\x9b2J\xc2\x9b2J\x7f\xe2\x80\xae\xff"

    def reply(self, *lines):
        super().reply(lines[0] + self.bytes, *lines[1:])

    def abilities(self):
        return ["X-" + self.bytes] + super().abilities()


class Nul(Control):
    bytes = "\0 and more\0"


def every(parent):
    for child in parent.__subclasses__():
        yield child
        yield from every(child)


def name_of(cls):
    return re.sub(r"(?<=[a-z])(?=[A-Z0-9])|(?<=[0-9])(?=[A-Z])", "-", cls.__name__).lower()


PERSONALITIES = {name_of(cls): cls for cls in every(Session)}


def find(text):
    """The class for a word of the command line."""
    if not text.startswith("guard:"):
        return PERSONALITIES[text]
    how, limit, *kinds = text.split(":")[1:]
    words = {"limit": int(limit)}
    if kinds:
        words["kinds"] = tuple(kinds[0].split("+"))
    return type("Chosen", (PERSONALITIES["guard-" + how],), words)


def main():
    if len(sys.argv) < 3:
        sys.exit("usage: fake_smtp.py PERSONALITY DIRECTORY [ADDRESS...]\n" +
                 "\n".join(sorted(PERSONALITIES)))
    personality, directory, *addresses = sys.argv[1:]
    Server(find(personality), pathlib.Path(directory)).serve(addresses or ["0.0.0.0"])
