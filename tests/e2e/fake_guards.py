"""The fake servers of fake_smtp.py that ban, each in its own way.  They count every act of a
source for ever."""
import subprocess
import time

from fake_smtp import HOST, Gone, Session


class Guarding(Session):
    """Forgets nothing: after a number of acts a source is banned."""
    limit = 5
    kinds = ("login", "sender", "broken", "abort")
    verdict = "drop"  # of the packet filter, where there is one

    def banned(self):
        acts = self.server.acts.get(self.source, ())
        return sum(kind in self.kinds for _, kind in acts) >= self.limit

    def act(self, kind):
        before = self.banned()
        super().act(kind)
        if self.banned() and not before:
            self.note("ban")
            self.ban()

    def ban(self):
        pass

    def arrive(self):
        if self.banned():
            self.note("turned away")
            self.turn_away()

    def turn_away(self):
        pass


class GuardNone(Guarding):
    """Counts, and does nothing."""


class GuardApp(Guarding):
    def turn_away(self):
        raise Gone


class GuardSmtp(Guarding):
    def turn_away(self):
        if self.port == 465:
            self.handshake()
        self.reply(f"554 5.7.1 {HOST} You are banned")
        raise Gone


class GuardLimit(Guarding):
    def turn_away(self):
        if self.port == 465:
            self.handshake()
        self.reply(f"421 4.7.0 {HOST} Error: too many connections from {self.source}")
        raise Gone


class GuardTarpit(Guarding):
    def turn_away(self):
        time.sleep(2)


class GuardSoft(Guarding):
    """Lets nobody log in, not even with the right password."""

    def is_right(self, name, password):
        return super().is_right(name, password) and not self.banned()


class GuardPort(GuardApp):
    """Bans on the port of the acts only."""

    def banned(self):
        acts = self.server.acts.get(self.source, ())
        return sum(kind in self.kinds and port == self.port for port, kind in acts) >= self.limit


class GuardDrop(Guarding):
    """The packet filter's."""

    @classmethod
    def begin(cls, server):
        rules = ("add table inet fake; add set inet fake banned { type ipv4_addr; };"
                 "add chain inet fake input { type filter hook input priority 0; };"
                 "add rule inet fake input tcp dport { 25, 465, 587 } ip saddr @banned "
                 f"{cls.verdict}")
        subprocess.run(["nft", rules], check=True)

    def ban(self):
        subprocess.run(["nft", "add", "element", "inet", "fake", "banned", f"{{ {self.source} }}"],
                       check=True)


class GuardReject(GuardDrop):
    verdict = "reject"
