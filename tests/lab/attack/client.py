"""What every attacker needs: a connection from a chosen address, in SMTP or IMAP words, that can be
broken off at any point; and the table of behaviours."""
import base64
import dataclasses
import socket
import ssl
import struct
import typing

SERVER4, SERVER6 = "198.18.0.25", "2001:db8:18::25"
PATIENCE = 40  # seconds: more than any of the servers' delays

careless_tls = ssl.create_default_context()
careless_tls.check_hostname = False
careless_tls.verify_mode = ssl.CERT_NONE

strict_tls = ssl.create_default_context()  # will not accept the laboratory's certificate
strict_tls.check_hostname = False


def old_tls():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1
    return context


def b64(text):
    return base64.b64encode(text.encode()).decode()


@dataclasses.dataclass
class Behaviour:
    """One thing a client does.  `run(source, attempt)` returns the server's last reply."""
    name: str
    kind: str  # attack, broken, legit or inject
    times: int
    run: typing.Callable
    number: int = 0  # of its source address, so that the address alone tells what was done


class Connection:
    """TCP to the server.  `last` is the server's last line, whatever happened since."""

    patience = PATIENCE

    def __init__(self, source, port, tls=None):
        self.last = ""
        v6 = ":" in source
        self.socket = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET)
        self.socket.settimeout(self.patience)
        self.socket.bind((source, 0))
        self.socket.connect((SERVER6 if v6 else SERVER4, port))
        if tls:
            self.start_tls(tls)

    def start_tls(self, context=careless_tls):
        self.socket = context.wrap_socket(self.socket)

    def line(self):
        text = b""
        while not text.endswith(b"\n"):
            byte = self.socket.recv(1)
            if not byte:
                self.last = "(closed)"
                raise EOFError
            text += byte
        self.last = text.decode("latin1").strip()
        return self.last

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode())

    def close(self):
        self.socket.close()

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


class Smtp(Connection):
    """Speaks SMTP; also POP3, whose replies are single lines."""

    subject = "lab"  # of the messages it sends

    def __init__(self, source, port, tls=None, banner=True):
        super().__init__(source, port, tls)
        if banner:
            self.reply()

    def reply(self):
        while True:
            line = self.line()
            if not (line[:3].isdigit() and line[3:4] == "-"):
                return line

    def command(self, text):
        self.send(text + "\r\n")
        return self.reply()

    def ehlo(self, name="attacker.example"):
        return self.command("EHLO " + name)

    def starttls(self, context=careless_tls):
        if self.command("STARTTLS").startswith("2"):
            self.start_tls(context)

    def quit(self):
        try:
            self.command("QUIT")
        finally:
            self.close()

    def plain(self, user, password):
        return self.command("AUTH PLAIN " + b64(f"\0{user}\0{password}"))

    def login(self, user, password):
        for text in ("AUTH LOGIN", b64(user)):
            if not self.command(text).startswith("3"):
                return self.last
        return self.command(b64(password))

    def mail(self, sender, recipient, header_from=None):
        for text in (f"MAIL FROM:<{sender}>", f"RCPT TO:<{recipient}>", "DATA"):
            if self.command(text)[:1] not in "23":
                return self.last
        return self.command(f"From: {header_from or sender}\r\nTo: {recipient}\r\n"
                            f"Subject: {self.subject}\r\n\r\nhello\r\n.")


def session(source, port, tls=True, helo="attacker.example"):
    """An SMTP session up to EHLO, with TLS the way the port has it."""
    connection = Smtp(source, port, tls=careless_tls if port == 465 else None)
    connection.ehlo(helo)
    if tls and port != 465:
        connection.starttls()
        connection.ehlo(helo)
    return connection


class Imap(Connection):
    def __init__(self, source, port, tls=careless_tls, banner=True):
        super().__init__(source, port, tls if port == 993 and banner else None)
        if banner:
            self.line()

    def command(self, text, tag="a"):
        self.send(f"{tag} {text}\r\n")
        while not self.line().startswith((tag + " ", "+")):
            pass
        return self.last
