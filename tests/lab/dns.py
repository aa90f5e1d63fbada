#!/usr/bin/python3
"""A name server for one laboratory: 127.0.0.1:53 inside the server's namespace.  A few A, AAAA, PTR
and MX records, NXDOMAIN for the rest, so that nothing waits for a resolver.

Sources 80 to 84 have no PTR; 85 to 89 have one whose name does not resolve back (Sendmail says "may
be forged", Postfix "unknown"); all the others have matching ones.
"""
import ipaddress
import socket
import struct

NO_PTR = range(80, 85)
FORGED_PTR = range(85, 90)
SERVER = {4: "198.18.0.25", 6: "2001:db8:18::25"}
A, PTR, MX, AAAA = 1, 12, 15, 28
NO_SUCH_NAME = object()


def source_number(ip):
    """The number of an attacker's address, or None."""
    if ip.version == 4 and str(ip).startswith("198.18.1."):
        return int(ip) & 0xFF
    if ip.version == 6 and str(ip).startswith("2001:db8:") and str(ip).endswith("::1"):
        return int(ip) >> 80 & 0xFFFF
    return None


def reverse(ip):
    if str(ip) in SERVER.values():
        return "mx.lab.test"
    n = source_number(ip)
    if n is None or n in NO_PTR:
        return NO_SUCH_NAME
    if n in FORGED_PTR:
        return f"host{n}.forged.example"
    return f"client{n}-v{ip.version}." + ("good.example" if n >= 90 else "isp.example")


def lookup(name, kind):
    """The record's value, None for a name without such a record, or NO_SUCH_NAME."""
    name = name.lower().rstrip(".")
    if kind == PTR and name.endswith(".in-addr.arpa"):
        return reverse(ipaddress.ip_address(".".join(name.split(".")[:4][::-1])))
    if kind == PTR and name.endswith(".ip6.arpa"):
        return reverse(ipaddress.ip_address(int("".join(name.split(".")[:32][::-1]), 16)))
    if name in ("mx.lab.test", "lab.test"):
        return {A: SERVER[4], AAAA: SERVER[6], MX: "mx.lab.test"}.get(kind)
    if name.startswith("client") and name.endswith((".good.example", ".isp.example")):
        n, version = name.split(".")[0][len("client"):].split("-v")
        if kind == A and version == "4":
            return f"198.18.1.{n}"
        if kind == AAAA and version == "6":
            return f"2001:db8:{int(n):x}::1"
        return None
    if name in ("peer.example", "mail.peer.example"):
        return {A: "198.18.1.120", MX: "mail.peer.example"}.get(kind)
    if name in ("bank.example", "evil.example", "attacker.example"):
        return {A: "198.18.0.99"}.get(kind)  # an address where nobody is
    return NO_SUCH_NAME


def encode_name(name):
    return b"".join(bytes([len(part)]) + part.encode() for part in name.split(".") if part) + b"\0"


def encode(kind, value):
    if kind == A:
        return socket.inet_aton(value)
    if kind == AAAA:
        return socket.inet_pton(socket.AF_INET6, value)
    return (b"\0\n" if kind == MX else b"") + encode_name(value)


def answer(query):
    position, labels = 12, []
    while query[position]:
        labels.append(query[position + 1:position + 1 + query[position]].decode("latin1"))
        position += 1 + query[position]
    kind = struct.unpack(">H", query[position + 1:position + 3])[0]
    try:
        value = lookup(".".join(labels), kind)
    except ValueError:
        value = NO_SUCH_NAME
    flags, record = 0x8580, b""
    if value is NO_SUCH_NAME:
        flags |= 3
    elif value:
        data = encode(kind, value)
        record = b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 60, len(data)) + data
    header = query[:2] + struct.pack(">HHHHH", flags, 1, 1 if record else 0, 0, 0)
    return header + query[12:position + 5] + record


def main():
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 53))
    while True:
        query, client = server.recvfrom(4096)
        try:
            server.sendto(answer(query), client)
        except (IndexError, struct.error):
            pass  # not a query


if __name__ == "__main__":
    main()
