#!/usr/bin/python3
"""A mail server of make-believe for the tests of `lastknock check`: no mail, but every reply.

    fake_smtp.py PERSONALITY DIRECTORY [ADDRESS...]

Listens on ports 25, 465 and 587 and prints "ready".  `Session` here is the well-behaved server
that says what Postfix says; fake_personalities.py has its children with one fault or trap each.
DIRECTORY gets ca.pem (what a client is to trust), cert.pem, key.pem and log: one JSON object a
line, the connections, commands (never a secret) and acts a guard may count.
"""
import base64
import json
import re
import selectors
import socket
import ssl
import subprocess
import threading
import time
import warnings

HOST, DOMAIN = "mx.lab.test", "lab.test"
PASSWORDS = {"alice": "alice-pw", "bob": "bob-pw"}
LOCAL = {"alice", "bob", "postmaster"}
PATIENCE = 100  # seconds to wait for a client that says nothing
LONGEST_LINE = 20000
TCP_ESTABLISHED = 1

CA_CONFIG = """
[ca]
default_ca = here
[here]
database = {0}/index.txt
serial = {0}/serial
new_certs_dir = {0}
default_md = sha256
policy = anything
x509_extensions = extensions
[anything]
commonName = supplied
[extensions]
subjectAltName = DNS:{1}
"""


class Gone(Exception):
    """The session is over."""


def openssl(*words):
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)


def make_certificate(directory, name=HOST, expired=False):
    """cert.pem and key.pem: signed by itself."""
    key, cert = directory / "key.pem", directory / "cert.pem"
    common = ["-newkey", "rsa:2048", "-nodes", "-keyout", key, "-subj", f"/CN={name}"]
    if not expired:
        openssl("req", "-x509", *common, "-out", cert, "-days", 90, "-addext",
                f"subjectAltName=DNS:{name}")
        return cert, key
    config, request = directory / "ca.conf", directory / "request.pem"
    config.write_text(CA_CONFIG.format(directory, name))
    (directory / "index.txt").touch()
    (directory / "serial").write_text("01\n")
    openssl("req", "-new", *common, "-out", request)
    openssl("ca", "-batch", "-selfsign", "-config", config, "-keyfile", key, "-in", request,
            "-out", cert, "-notext", "-startdate", "20200101000000Z", "-enddate",
            "20200301000000Z")
    return cert, key


def part_of(address):
    """(local part, domain), in lower case; a bare name belongs to us."""
    local, _, domain = address.lower().rpartition("@")
    return (local, domain) if local else (domain, DOMAIN)


def is_local(address):
    return part_of(address)[1] == DOMAIN


def is_known(address):
    return is_local(address) and part_of(address)[0] in LOCAL


class Session:
    """One connection to a server as it should be."""
    ports = (25, 465, 587)
    auth_ports = (465, 587)  # where AUTH is there once TLS is on
    mechanisms = "PLAIN LOGIN"
    certificate = {}         # what make_certificate is told
    trusted = True           # ca.pem is the server's certificate
    oldest = ssl.TLSVersion.TLSv1_2

    @classmethod
    def begin(cls, server):
        """Called once, before the server listens."""

    def __init__(self, server, sock, number, port, source):
        self.server, self.sock, self.number = server, sock, number
        self.port, self.source = port, source
        self.tls = False
        self.inbox = b""
        self.user = self.sender = None
        self.replies = 0
        self.password = ""  # the last one we were told

    def note(self, event, **words):
        self.server.note(event, id=self.number, port=self.port, source=self.source, **words)

    def act(self, kind):
        """What a guard may count."""
        self.note("act", kind=kind, tls=self.tls)
        self.server.count(self, kind)

    # The wire.

    def send(self, data):
        self.sock.sendall(data)

    def reply(self, *lines):
        self.replies += 1
        self.send("".join(line + "\r\n" for line in lines).encode("latin-1"))

    def read(self):
        """A line without its end."""
        while b"\n" not in self.inbox:
            data = self.sock.recv(4096)
            if not data or len(self.inbox) > LONGEST_LINE:
                raise Gone
            self.inbox += data
        line, _, self.inbox = self.inbox.partition(b"\n")
        return line.rstrip(b"\r").decode("latin-1")

    def hang(self):
        """Says nothing until the client leaves."""
        while self.sock.recv(4096):
            pass
        raise Gone

    def handshake(self):
        try:
            self.sock = self.server.context.wrap_socket(self.sock, server_side=True,
                                                        do_handshake_on_connect=False)
            self.sock.do_handshake()
        except (ssl.SSLError, OSError) as error:
            self.act("tls")
            raise Gone from error
        self.tls = True
        self.inbox = b""

    # The talk.

    def run(self):
        self.arrive()
        if self.port == 465:
            self.handshake()
        self.greet()
        while True:
            line = self.read()
            verb, _, rest = line.partition(" ")
            verb = verb.upper()
            shown = rest.split(" ")[0] if verb == "AUTH" else rest
            self.note("command", verb=verb, rest=shown, tls=self.tls)
            method = getattr(self, "do_" + verb.lower(), None) if verb.isalpha() else None
            if method:
                method(rest.strip())
            else:
                self.reply("502 5.5.2 Error: command not recognized")

    def arrive(self):
        """Before anything is said."""

    def greet(self):
        self.reply(f"220 {HOST} ESMTP Postfix (Debian/GNU)")

    def has_auth(self):
        """Is AUTH offered, and taken, at this moment?"""
        return self.tls and self.port in self.auth_ports

    def abilities(self):
        words = ["PIPELINING", "SIZE 10240000"]
        if not self.tls:
            words.append("STARTTLS")
        if self.has_auth():
            words.append("AUTH " + self.mechanisms)
        return words + ["ENHANCEDSTATUSCODES", "8BITMIME", "DSN", "CHUNKING"]

    def do_ehlo(self, _):
        self.sender = None
        lines = [HOST, *self.abilities()]
        self.reply(*(f"250-{line}" for line in lines[:-1]), f"250 {lines[-1]}")

    def do_helo(self, _):
        self.sender = None
        self.reply(f"250 {HOST}")

    def do_noop(self, _):
        self.reply("250 2.0.0 Ok")

    def do_rset(self, _):
        self.sender = None
        self.reply("250 2.0.0 Ok")

    def do_quit(self, _):
        self.reply("221 2.0.0 Bye")
        raise Gone

    def do_data(self, _):
        self.reply("554 5.5.1 Error: no valid recipients")

    def do_starttls(self, _):
        if self.tls:
            self.reply("554 5.5.1 Error: TLS already active")
            return
        self.reply("220 2.0.0 Ready to start TLS")
        self.handshake()
        self.sender = None

    def do_auth(self, rest):
        mechanism, _, initial = rest.partition(" ")
        if initial and not self.tls:
            self.note("secret-in-clear")
        if not self.has_auth():
            self.act("login" if self.tls else "clear")
            self.reply("503 5.5.1 Error: authentication not enabled")
        elif self.user:
            self.reply("503 5.5.1 Error: already authenticated")
        elif mechanism.upper() not in ("PLAIN", "LOGIN"):
            self.act("login" if self.tls else "clear")
            self.reply("504 5.5.4 Unrecognized authentication type")
        else:
            self.login(mechanism.upper(), initial)

    def ask(self, prompt):
        """What the client answers to 334."""
        self.reply("334 " + base64.b64encode(prompt).decode())
        try:
            answer = self.read()
        except (Gone, OSError):
            self.act("broken")
            raise
        if answer == "*":
            self.act("abort")
            self.reply("501 5.7.0 Authentication aborted")
            return None
        if not self.tls:
            self.note("secret-in-clear")
        return answer

    def login(self, mechanism, initial):
        if mechanism == "PLAIN":
            answer = initial or self.ask(b"")
            answers = [answer]
        else:
            name = initial or self.ask(b"Username:")
            answers = [name, name and self.ask(b"Password:")]
        if None in answers:
            return
        try:
            decoded = [base64.b64decode(a, validate=True).decode("latin-1") for a in answers]
        except ValueError:
            self.act("login")
            self.reply("501 5.5.2 Authentication failed: malformed response")
            return
        name, self.password = (decoded[0].split("\0") * 3)[1:3] if mechanism == "PLAIN" else decoded
        self.note("login", user=name, right=self.is_right(name, self.password), tls=self.tls)
        answer = self.try_login(name, self.password)
        if answer.startswith("235"):
            self.user = name.partition("@")[0].lower()
        else:
            self.act("login")
        self.reply(answer)

    def is_right(self, name, password):
        user, _, domain = name.partition("@")
        return domain.lower() in ("", DOMAIN) and PASSWORDS.get(user.lower()) == password

    def try_login(self, name, password):
        """The reply to a whole login."""
        if self.is_right(name, password):
            return "235 2.7.0 Authentication successful"
        return "535 5.7.8 Error: authentication failed: (reason unavailable)"

    def do_mail(self, rest):
        found = re.match(r"FROM: ?<([^>]*)>", rest, re.I)
        if not found:
            self.reply("501 5.5.4 Syntax: MAIL FROM:<address>")
            return
        answer = self.judge_mail(found[1])
        self.refused(answer)
        if answer.startswith("2"):
            self.sender = found[1]
        self.reply(*answer.split("\r\n"))

    def do_rcpt(self, rest):
        found = re.match(r"TO: ?<([^>]*)>", rest, re.I)
        if not found:
            self.reply("501 5.5.4 Syntax: RCPT TO:<address>")
        elif self.sender is None:
            self.reply("503 5.5.1 Error: need MAIL command")
        else:
            answer = self.judge_rcpt(self.sender, found[1])
            self.refused(answer)
            self.reply(*answer.split("\r\n"))

    def refused(self, answer):
        if not answer.startswith("2"):
            self.act("sender" if self.user else "relay")

    # The rules.

    def owns(self, sender):
        """May the user who is logged in write as `sender`?"""
        return part_of(sender) == (self.user, DOMAIN)

    def relays(self, _sender, _recipient):
        """Does a stranger's mail leave here?"""
        return False

    def judge_mail(self, _sender):
        if self.port == 587 and not self.tls:
            return "530 5.7.0 Must issue a STARTTLS command first"
        return "250 2.1.0 Ok"

    def judge_rcpt(self, sender, recipient):
        if self.user:
            if not self.owns(sender):
                return (f"553 5.7.1 <{sender}>: Sender address rejected: "
                        f"not owned by user {self.user}")
        elif not is_local(recipient) and self.relays(sender, recipient):
            return "250 2.1.5 Ok"
        elif self.port != 25:
            return f"554 5.7.1 <unknown[{self.source}]>: Client host rejected: Access denied"
        elif sender and is_local(sender):
            return f"553 5.7.1 <{sender}>: Sender address rejected: not logged in"
        elif not is_local(recipient):
            return f"554 5.7.1 <{recipient}>: Relay access denied"
        if is_local(recipient) and not is_known(recipient):
            return (f"550 5.1.1 <{recipient}>: Recipient address rejected: "
                    "User unknown in local recipient table")
        return "250 2.1.5 Ok"


class Server:
    """Takes the connections; one thread each."""

    def __init__(self, personality, directory):
        self.personality, self.directory = personality, directory
        self.lock = threading.Lock()
        self.log = (directory / "log").open("a", encoding="utf-8")
        self.open = {}
        self.acts = {}
        cert, key = make_certificate(directory, **personality.certificate)
        trust = cert
        if not personality.trusted:
            (directory / "other").mkdir(exist_ok=True)
            trust, _ = make_certificate(directory / "other")
        (directory / "ca.pem").write_text(trust.read_text())
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(cert, key)
        if personality.oldest < ssl.TLSVersion.TLSv1_2:
            self.context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            self.context.minimum_version = personality.oldest
        personality.begin(self)

    def note(self, event, **words):
        line = json.dumps({"t": round(time.monotonic(), 3), "event": event, **words})
        with self.lock:
            self.log.write(line + "\n")
            self.log.flush()

    def count(self, session, kind):
        with self.lock:
            self.acts.setdefault(session.source, []).append((session.port, kind))

    def serve(self, addresses):
        with selectors.DefaultSelector() as ready:
            for port in self.personality.ports:
                for address in addresses:
                    family = socket.AF_INET6 if ":" in address else socket.AF_INET
                    listening = socket.create_server((address, port), family=family, backlog=64)
                    ready.register(listening, selectors.EVENT_READ, port)
            print("ready", flush=True)
            number = 0
            while True:
                for key, _ in ready.select():
                    number += 1
                    self.take(number, key.data, *key.fileobj.accept())

    def take(self, number, port, sock, peer):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.settimeout(PATIENCE)
        session = self.personality(self, sock, number, port, peer[0])
        with self.lock:
            others = list(self.open.values())
            self.open[number] = session
        overlap = [o.number for o in others if is_established(sock) and is_established(o.sock)]
        session.note("connect", overlap=overlap)
        threading.Thread(target=self.attend, args=(session,), daemon=True).start()

    def attend(self, session):
        try:
            session.run()
        except (Gone, OSError):  # ssl.SSLError is an OSError
            pass
        finally:
            with self.lock:
                del self.open[session.number]
            session.note("close")
            session.sock.close()


def is_established(sock):
    """Has the client not closed it yet?  The kernel knows before we read the end of it."""
    try:
        return sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == TCP_ESTABLISHED
    except OSError:
        return False


if __name__ == "__main__":
    from fake_personalities import main
    main()
