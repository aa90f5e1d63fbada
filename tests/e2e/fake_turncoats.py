"""The fake servers of fake_smtp.py that behave at first, or almost, and then do not: each once made
`lastknock check` end, or believe what it had not seen."""
import itertools
import socket

from fake_smtp import Session


class Counting(Session):
    """Knows how many connections a port has had."""

    @classmethod
    def begin(cls, server):
        server.visits = {port: itertools.count(1) for port in cls.ports}

    def arrive(self):
        self.visit = next(self.server.visits[self.port])
        super().arrive()


class SilentLater465(Counting):
    """465 takes the first look and is silent ever after."""

    def handshake(self):
        if self.port == 465 and self.visit > 1:
            self.hang()
        super().handshake()


class StarttlsLater(Counting):
    """From the third visit on, 587 has no TLS any more; who goes on in clear text hears a refusal."""

    def do_starttls(self, rest):
        if self.port == 587 and self.visit > 2:
            self.reply("454 4.7.0 TLS not available due to local problem")
        else:
            super().do_starttls(rest)

    def judge_mail(self, sender):
        if not self.tls:
            return "530 5.7.0 Must issue a STARTTLS command first"
        return super().judge_mail(sender)


class Unasked535(Session):
    """Says the refusal of a login that nobody has tried, and lets everybody in."""

    def do_ehlo(self, rest):
        super().do_ehlo(rest)
        if self.tls:
            self.reply("535 5.7.8 Error: authentication failed")

    def try_login(self, name, password):
        return "235 2.7.0 Authentication successful"


class Auth250(Session):
    """Answers logins as if they were any command."""

    def try_login(self, name, password):
        return "250 2.0.0 Ok"


class CutHello(Session):
    """Begins to accept TLS 1.1 and closes in the middle of its hello."""

    def handshake(self):
        hello = self.sock.recv(4096, socket.MSG_PEEK)
        if hello[9:11] == b"\x03\x02":  # the version of the hello, behind record and message header
            self.send(b"\x16\x03\x02\x00\x51\x02\x00\x00\x4d\x03\x02" + b"r" * 20)
            self.sock.shutdown(socket.SHUT_RDWR)
        super().handshake()
