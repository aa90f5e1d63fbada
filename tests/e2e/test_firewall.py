"""The native firewall against the real kernel: what `nft` lists, and what packets meet."""
import ast
import ipaddress
import json
import os
import random
import shutil
import subprocess
import sys
import time

import pytest
from netns import Network

pytestmark = pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("nft"),
                                reason="wants root and nft")

RULE = {"table": "f2b-table", "chain": "f2b-chain", "set4": "addr-set-j", "set6": "addr6-set-j",
        "family": "inet", "hook": "input", "priority": -1, "ports": [[25, 25], [587, 600]],
        "protocols": [6], "reject_type": 2, "reject_code": 1}
ENOENT, EBADF, EEXIST, EINVAL, EAFNOSUPPORT = 2, 9, 17, 22, 97


class Driver:
    def __init__(self, network, program):
        self.network = network
        self.child = network.start(network.guarded, str(program))

    def __call__(self, verb, expect=0, **words):
        self.child.stdin.write(json.dumps({"do": verb, **words}) + "\n")
        self.child.stdin.flush()
        answer = json.loads(self.child.stdout.readline())
        assert answer["r"] == expect, answer
        return answer

    def setup(self, expect=0, **changes):
        return self("setup", expect, rule={**RULE, **changes})

    def kill(self):
        self.child.kill()
        self.child.wait()


@pytest.fixture
def network():
    with Network() as n:
        yield n


@pytest.fixture
def program(lastknock):
    return lastknock.parent / "tests" / "firewall_driver"


@pytest.fixture
def firewall(network, program):
    return Driver(network, program)


def ruleset(network):
    return [item for item in json.loads(network.inside("nft", "-j", "list", "ruleset"))["nftables"]
            if "metainfo" not in item]


def kinds(network, kind):
    return [item[kind] for item in ruleset(network) if kind in item]


def rules(network):
    """As `nft` prints them."""
    return [line.strip() for line in network.inside("nft", "list", "ruleset").splitlines()
            if "saddr" in line]


def elements(network, name, table="f2b-table", family="inet"):
    """{text of the address, prefix or range: seconds left, or None}"""
    out = {}
    text = network.inside("nft", "-j", "list", "set", family, table, name)
    for item in json.loads(text)["nftables"][1]["set"].get("elem", []):
        value, left = item, None
        if isinstance(item, dict) and "elem" in item:
            value, left = item["elem"]["val"], item["elem"].get("expires")
        if isinstance(value, dict) and "prefix" in value:
            value = f"{value['prefix']['addr']}/{value['prefix']['len']}"
        elif isinstance(value, dict):
            value = "-".join(value["range"])
        out[value] = left
    return out


def until(check):
    """Waits for what the kernel does by its own clock."""
    deadline = time.monotonic() + 30
    while not check():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_it_looks_as_fail2ban_made_it(network, firewall):
    firewall.setup()
    [chain] = kinds(network, "chain")
    assert (chain["family"], chain["table"], chain["name"], chain["type"], chain["hook"],
            chain["prio"], chain["policy"]) == ("inet", "f2b-table", "f2b-chain", "filter",
                                                "input", -1, "accept")
    assert {s["name"]: (s["type"], s["flags"]) for s in kinds(network, "set")} == {
        "addr-set-j": ("ipv4_addr", ["timeout"]), "addr6-set-j": ("ipv6_addr", ["timeout"])}
    assert rules(network) == ["tcp dport { 25, 587-600 } ip saddr @addr-set-j reject",
                              "tcp dport { 25, 587-600 } ip6 saddr @addr6-set-j reject"]
    firewall("check", handle=0)


@pytest.mark.parametrize("changes, wanted", [
    ({"ports": [[25, 25]]}, "tcp dport 25 ip saddr @addr-set-j reject"),
    ({"ports": [[1, 65535]], "drop": True}, "tcp dport 1-65535 ip saddr @addr-set-j drop"),
    ({"ports": [[1, 2], [60000, 65535]]},
     "tcp dport { 1-2, 60000-65535 } ip saddr @addr-set-j reject"),
    ({"ports": [], "protocols": [6]}, "meta l4proto tcp ip saddr @addr-set-j reject"),
    ({"ports": [], "protocols": [6, 17]},
     "meta l4proto { tcp, udp } ip saddr @addr-set-j reject"),
    ({"ports": [], "protocols": [], "reject_code": 3},
     "ip saddr @addr-set-j reject with icmpx admin-prohibited"),
    ({"family": "ip", "reject_type": 0, "reject_code": 3},
     "tcp dport { 25, 587-600 } ip saddr @addr-set-j reject"),
    ({"reject_type": 1, "reject_code": 0},
     "tcp dport { 25, 587-600 } ip saddr @addr-set-j reject with tcp reset"),
])
def test_every_kind_of_rule(network, firewall, changes, wanted):
    firewall.setup(**changes)
    assert rules(network)[0] == wanted
    firewall("teardown", handle=0)
    assert ruleset(network) == []


def test_one_rule_for_each_protocol(network, firewall):
    firewall.setup(protocols=[6, 17], ports=[[53, 53]])
    assert [r.split()[0] for r in rules(network)] == ["tcp", "udp", "tcp", "udp"]


def test_packets_meet_a_ban(network, firewall):
    network.serve(25, 600, 80)
    firewall.setup()
    assert network.connect("192.0.2.1", 25) == "connected"
    firewall("add", handle=0, bans=[["192.0.2.2", 0], ["2001:db8::2", 0]])
    assert network.connect("192.0.2.1", 25, "192.0.2.2") == "refused"
    assert network.connect("192.0.2.1", 600, "192.0.2.2") == "refused"
    assert network.connect("192.0.2.1", 80, "192.0.2.2") == "connected"
    assert network.connect("192.0.2.1", 25, "192.0.2.3") == "connected"
    assert network.connect("2001:db8::1", 25, "2001:db8::2") == "refused"
    assert network.connect("2001:db8::1", 25, "2001:db8::3") == "connected"
    firewall("del", handle=0, ips=["192.0.2.2", "2001:db8::2", "192.0.2.77"])
    assert network.connect("192.0.2.1", 25, "192.0.2.2") == "connected"
    assert network.connect("2001:db8::1", 25, "2001:db8::2") == "connected"


def test_packets_meet_a_banned_prefix(network, firewall):
    network.serve(25)
    firewall.setup()
    firewall("add", handle=0, bans=[["192.0.2.0/30", 0], ["2001:db8::/64", 0]])
    assert network.connect("192.0.2.1", 25, "192.0.2.3") == "refused"
    assert network.connect("2001:db8::1", 25, "2001:db8::3") == "refused"
    firewall("del", handle=0, ips=["192.0.2.0/30", "2001:db8::/64"])
    assert network.connect("192.0.2.1", 25, "192.0.2.3") == "connected"
    assert network.connect("2001:db8::1", 25, "2001:db8::3") == "connected"


def test_dropped_packets_find_silence(network, firewall):
    network.serve(25)
    firewall.setup(drop=True)
    firewall("add", handle=0, bans=[["192.0.2.2", 0]])
    assert network.connect("192.0.2.1", 25, "192.0.2.2", patience=1) == "silence"
    assert network.connect("192.0.2.1", 25, "192.0.2.3") == "connected"


def test_a_ban_ends_by_itself(network, firewall):
    network.serve(25)
    firewall.setup()
    firewall("add", handle=0, bans=[["192.0.2.2", 1500], ["2001:db8::/126", 1500]])
    assert network.connect("192.0.2.1", 25, "192.0.2.2") == "refused"
    assert network.connect("2001:db8::1", 25, "2001:db8::3") == "refused"
    until(lambda: network.connect("192.0.2.1", 25, "192.0.2.2") == "connected")
    until(lambda: network.connect("2001:db8::1", 25, "2001:db8::3") == "connected")
    until(lambda: elements(network, "addr6-set-j-net") == {})
    firewall("add", handle=0, bans=[["2001:db8::/120", 60000]])
    assert network.connect("2001:db8::1", 25, "2001:db8::3") == "refused"


def test_a_ban_ends_what_is_open(network, firewall):
    network.serve(25)
    firewall.setup(reject_type=1, reject_code=0)
    network.inside("nft", "add table inet other; add chain inet other in "
                   "{ type filter hook input priority 0; policy drop; }; "
                   "add rule inet other in ct state established,related accept; "
                   "add rule inet other in tcp dport 25 accept; "
                   "add rule inet other in meta l4proto ipv6-icmp accept")
    talk = ("import socket, sys\n"
            "s = socket.create_connection(('192.0.2.1', 25), 10)\n"
            "for line in sys.stdin:\n"
            "    try:\n"
            "        s.sendall(line.encode()); print(s.recv(100).decode(), end='', flush=True)\n"
            "    except ConnectionResetError:\n"
            "        print('reset', flush=True)\n")
    client = network.start(network.outside, sys.executable, "-c", talk)

    def say(word):
        client.stdin.write(word + "\n")
        client.stdin.flush()
        return client.stdout.readline().strip()

    assert say("EHLO") == "EHLO"
    firewall("add", handle=0, bans=[["192.0.2.2", 0]])
    assert say("AUTH") == "reset"


@pytest.mark.parametrize("verb", ["add", "renew"])
def test_renewing_and_shortening(network, firewall, verb):
    firewall.setup()
    for seconds in (600, 3600, 60, None, 900):
        firewall(verb, handle=0, bans=[["192.0.2.9", (seconds or 0) * 1000],
                                        ["10.0.0.0/8", (seconds or 0) * 1000]])
        for name, item in (("addr-set-j", "192.0.2.9"), ("addr-set-j-net", "10.0.0.0/8")):
            left = elements(network, name)[item]
            if seconds is None:
                assert left is None
            else:
                assert seconds - 30 < left <= seconds


def test_a_ban_of_an_age(network, firewall):
    firewall.setup()
    firewall("add", handle=0, bans=[["192.0.2.9", 2**63 - 1], ["192.0.2.8", 99 * 365 * 86400000],
                                    ["10.0.0.0/8", 2**63 - 1]])
    left = elements(network, "addr-set-j")
    assert left["192.0.2.9"] is None and left["192.0.2.8"] > 98 * 365 * 86400
    assert elements(network, "addr-set-j-net") == {"10.0.0.0/8": None}


def test_the_same_address_twice_in_one_call(network, firewall):
    firewall.setup()
    bans = [["192.0.2.9", 60000], ["192.0.2.8", 60000], ["192.0.2.9", 900000]]
    for _ in range(2):
        firewall("add", handle=0, bans=bans)
        left = elements(network, "addr-set-j")
        assert set(left) == {"192.0.2.8", "192.0.2.9"} and left["192.0.2.9"] > 800
    firewall("del", handle=0, ips=["192.0.2.9", "192.0.2.9"])
    assert set(elements(network, "addr-set-j")) == {"192.0.2.8"}


def test_ten_thousand_bans_in_one_call(network, firewall):
    firewall.setup()
    bans = [[str(ipaddress.ip_address("10.0.0.0") + 7 * i), 600000] for i in range(10000)]
    took = firewall("add", handle=0, bans=bans)["ms"]
    assert len(elements(network, "addr-set-j")) == 10000
    again = firewall("add", handle=0, bans=bans)["ms"]
    assert len(elements(network, "addr-set-j")) == 10000
    out = firewall("del", handle=0, ips=[b[0] for b in bans])["ms"]
    assert elements(network, "addr-set-j") == {}
    print(f"10,000 bans: added in {took} ms, renewed in {again} ms, taken out in {out} ms")


def test_fifty_thousand_are_no_limit(network, firewall):
    firewall.setup()
    bans = [[str(ipaddress.ip_address("2001:db8::") + 3 * i), 0] for i in range(50000)]
    firewall("sync", handle=0, bans=bans)
    assert len(elements(network, "addr6-set-j")) == 50000
    firewall("sync", handle=0, bans=bans[:10])
    assert set(elements(network, "addr6-set-j")) == {b[0] for b in bans[:10]}


def covered(network, name, address):
    """Seconds left at that address, None: for ever, or False."""
    for item, left in elements_parsed(network, name):
        if item[0] <= address <= item[1]:
            return left
    return False


def elements_parsed(network, name):
    out = []
    for text, left in elements(network, name).items():
        if "-" in text:
            first, last = map(ipaddress.ip_address, text.split("-"))
        else:
            net = ipaddress.ip_network(text)
            first, last = net[0], net[-1]
        out.append(((first, last), left))
    return out


def test_two_thousand_mixed_with_overlapping_prefixes(network, firewall):
    """Everything banned is covered for as long as the longest ban over it, and nothing else."""
    dice = random.Random(1)
    firewall.setup()
    model = {}
    handle = 0
    for _ in range(2000):
        bits, base = (32, 0x0A000000) if dice.random() < 0.5 else (128, 0x20010DB8 << 96)
        prefix = bits if dice.random() < 0.3 else bits - dice.randrange(1, 14)
        number = base | dice.randrange(1 << 14) << (bits - 32 if bits == 128 and
                                                    dice.random() < 0.1 else 0)
        net = ipaddress.ip_network((number, prefix), strict=False)
        model[net] = dice.choice([0, 3600, 7200, 86400])

    def text(net):
        return str(net[0]) if net.prefixlen == net.max_prefixlen else str(net)

    bans = [[text(n), s * 1000] for n, s in model.items()]
    for part in (bans[:1500], bans[1500:1600], bans[1600:1601], bans[1601:]):
        firewall("add", handle=handle, bans=part)
    gone = dice.sample(list(model), 300)
    firewall("del", handle=handle, ips=[text(n) for n in gone])
    for n in gone:
        del model[n]

    for version, name in ((4, "addr-set-j-net"), (6, "addr6-set-j-net")):
        nets = [n for n in model if n.version == version and n.prefixlen < n.max_prefixlen]
        ranges = sorted(elements_parsed(network, name))
        edges = {a + d for n in nets for a in (n[0], n[-1]) for d in (-1, 0, 1)}
        for address in dice.sample(sorted(edges), 1000):
            over = [model[n] for n in nets if address in n]
            found = [left for (first, last), left in ranges if first <= address <= last]
            if not over:
                assert found == [], address
            elif 0 in over:
                assert found == [None], address
            else:
                assert len(found) == 1 and max(over) - 600 < found[0] <= max(over), address
        singles = {text(n) for n in model if n.version == version and n.prefixlen == n.max_prefixlen}
        assert set(elements(network, name[:-4])) == singles


def test_the_ends_of_the_address_space(network, firewall):
    firewall.setup()
    firewall("add", handle=0, bans=[["255.255.255.0/24", 0], ["0.0.0.0/8", 0], ["ff00::/8", 60000]])
    assert elements(network, "addr-set-j-net") == {"255.255.255.0/24": None, "0.0.0.0/8": None}
    firewall("add", handle=0, bans=[["255.255.0.0/16", 0]])
    assert elements(network, "addr-set-j-net") == {"255.255.0.0/16": None, "0.0.0.0/8": None}
    firewall("del", handle=0, ips=["255.255.0.0/16", "ff00::/8", "0.0.0.0/8"])
    assert elements(network, "addr-set-j-net") == {"255.255.255.0/24": None}
    assert elements(network, "addr6-set-j-net") == {}


def test_sync_makes_exactly_these(network, firewall):
    firewall.setup()
    firewall("add", handle=0, bans=[["192.0.2.1", 0], ["192.0.2.2", 60000], ["10.0.0.0/8", 0],
                                    ["2001:db8::1", 0], ["2001:db8:5::/64", 0]])
    firewall("sync", handle=0, bans=[["192.0.2.2", 600000], ["192.0.2.3", 0], ["10.1.0.0/16", 0]])
    left = elements(network, "addr-set-j")
    assert set(left) == {"192.0.2.2", "192.0.2.3"} and left["192.0.2.2"] > 500
    assert elements(network, "addr-set-j-net") == {"10.1.0.0/16": None}
    assert elements(network, "addr6-set-j") == elements(network, "addr6-set-j-net") == {}
    firewall("flush", handle=0)
    assert elements(network, "addr-set-j") == elements(network, "addr-set-j-net") == {}


def test_what_cannot_be(network, firewall):
    firewall.setup(family="ip", reject_type=0, reject_code=3)
    firewall("add", -EAFNOSUPPORT, handle=0, bans=[["2001:db8::1", 0], ["192.0.2.1", 0]])
    assert set(elements(network, "addr-set-j", family="ip")) == {"192.0.2.1"}
    firewall("add", -EINVAL, handle=0, bans=[["nonsense", 0]])
    firewall("add", -EINVAL, handle=0, bans=[["192.0.2.1", -5]])
    firewall("add", -EBADF, handle=1, bans=[])
    for changes in ({"table": "a b"}, {"set4": "x;flush ruleset"}, {"chain": ""},
                    {"table": "-x"}, {"set4": "x" * 252}, {"set6": "addr-set-j"},
                    {"hook": "sideways"}, {"ports": [[9, 3]]}, {"protocols": []}):
        assert firewall.setup(-EINVAL, **changes)["error"]
    assert len(kinds(network, "table")) == 1


def test_jails_share_table_and_chain(network, firewall):
    firewall.setup()
    assert firewall.setup(1, set4="addr-set-k", set6="addr6-set-k")["r"] == 1
    firewall("add", handle=0, bans=[["192.0.2.1", 0]])
    firewall("add", handle=1, bans=[["192.0.2.2", 0], ["10.0.0.0/8", 0]])
    firewall("teardown", handle=0)
    assert sorted(s["name"] for s in kinds(network, "set")) == [
        "addr-set-k", "addr-set-k-net", "addr6-set-k"]
    assert len(rules(network)) == 3
    firewall("add", -EBADF, handle=0, bans=[])
    assert firewall.setup(0)["r"] == 0
    firewall("teardown", handle=1)
    firewall("teardown", handle=0)
    assert ruleset(network) == []


def test_a_jail_named_as_anothers_prefixes(network, firewall):
    firewall.setup(set4="addr-set-j-net", set6="addr6-set-j-net")
    firewall.setup(1)
    firewall("add", handle=0, bans=[["192.0.2.1", 0]])
    firewall("add", handle=1, bans=[["10.0.0.0/8", 0]])
    assert elements(network, "addr-set-j-net") == {"192.0.2.1": None}
    [name] = [s["name"] for s in kinds(network, "set") if "interval" in s["flags"]]
    assert elements(network, name) == {"10.0.0.0/8": None}
    # and the other way round: the first has no prefixes yet, so its name makes way
    firewall.setup(2, set4="addr-set-k", set6="addr6-set-k")
    firewall.setup(3, set4="addr-set-k-net", set6="addr6-set-k-net")
    firewall("add", handle=2, bans=[["10.0.0.0/8", 0]])
    firewall("add", handle=3, bans=[["192.0.2.1", 0], ["10.0.0.0/8", 0]])
    assert elements(network, "addr-set-k-net") == {"192.0.2.1": None}
    # a set that stands does not make way
    firewall.setup(4, set4="addr-set-l", set6="addr6-set-l")
    firewall("add", handle=4, bans=[["10.0.0.0/8", 0]])
    assert "another action" in firewall.setup(-EEXIST, set4="addr-set-l-net", set6="x")["error"]
    for handle in range(5):
        firewall("teardown", handle=handle)
    assert ruleset(network) == []


def test_an_earlier_run_was_killed(network, firewall, program):
    firewall.setup()
    firewall("add", handle=0, bans=[["192.0.2.2", 600000], ["192.0.2.3", 0], ["10.0.0.0/8", 600000],
                                    ["10.2.0.0/16", 0], ["2001:db8:1::/64", 600000]])
    firewall.kill()
    before = len(rules(network))
    second = Driver(network, program)
    found = dict(second.setup()["found"])
    assert set(found) >= {"192.0.2.2", "192.0.2.3", "10.2.0.0/16", "2001:db8:1::/64"}
    assert found["192.0.2.3"] == found["10.2.0.0/16"] == 0
    assert 500000 < found["192.0.2.2"] <= 600000 and 500000 < found["10.0.0.0/15"] <= 600000
    assert len(rules(network)) == before
    assert set(elements(network, "addr-set-j")) == {"192.0.2.2", "192.0.2.3"}
    assert covered(network, "addr-set-j-net", ipaddress.ip_address("10.200.0.0")) > 500
    assert covered(network, "addr-set-j-net", ipaddress.ip_address("10.2.9.0")) is None
    second("check", handle=0)
    second("teardown", handle=0)
    assert ruleset(network) == []


def test_set_up_again_by_the_same_run(network, firewall):
    firewall.setup()
    firewall("add", handle=0, bans=[["192.0.2.2", 600000]])
    assert [ip for ip, _ in firewall.setup(drop=True)["found"]] == ["192.0.2.2"]
    assert [r.split()[-1] for r in rules(network)] == ["drop", "drop"]
    firewall("teardown", handle=0)
    assert ruleset(network) == []


def test_somebody_flushes_the_ruleset(network, firewall):
    firewall.setup()
    firewall("add", handle=0, bans=[["192.0.2.2", 0], ["10.0.0.0/8", 0]])
    network.inside("nft", "flush", "ruleset")
    assert "No such file" in firewall("check", -ENOENT, handle=0)["error"]
    firewall("add", -ENOENT, handle=0, bans=[["192.0.2.3", 0]])
    firewall("add", -ENOENT, handle=0, bans=[["172.16.0.0/12", 0]])
    firewall.setup(0)
    firewall("sync", handle=0, bans=[["192.0.2.2", 0], ["10.0.0.0/8", 0]])
    assert set(elements(network, "addr-set-j")) == {"192.0.2.2"}
    assert set(elements(network, "addr-set-j-net")) == {"10.0.0.0/8"}
    network.inside("nft", "flush", "chain", "inet", "f2b-table", "f2b-chain")
    firewall("check", -ENOENT, handle=0)
    network.inside("nft", "flush", "ruleset")
    firewall("teardown", handle=0)


def test_somebody_empties_the_interval_set(network, firewall):
    """The memory of what it held is wrong then, and is mended by the next change."""
    firewall.setup()
    firewall("add", handle=0, bans=[["10.0.0.0/8", 0], ["172.16.0.0/12", 0]])
    network.inside("nft", "flush", "set", "inet", "f2b-table", "addr-set-j-net")
    firewall("del", handle=0, ips=["10.0.0.0/8"])
    assert set(elements(network, "addr-set-j-net")) == {"172.16.0.0/12"}


@pytest.mark.parametrize("foreign, stays", [
    ("add rule inet f2b-table f2b-chain tcp dport 9 accept", True),
    ("add chain inet f2b-table mine; add rule inet f2b-table mine tcp dport 9 accept", True),
    ("add set inet f2b-table mine { type ipv4_addr; }", True),
    ("add counter inet f2b-table mine", True),
    ("add table ip f2b-table; add chain ip f2b-table f2b-chain", True),
])
def test_teardown_leaves_what_is_not_ours(network, firewall, foreign, stays):
    firewall.setup()
    network.inside("nft", foreign)
    firewall("add", handle=0, bans=[["192.0.2.2", 0], ["10.0.0.0/8", 0]])
    firewall("teardown", handle=0)
    assert rules(network) == []
    assert not [s for s in kinds(network, "set") if s["name"].startswith("addr")]
    text = network.inside("nft", "list", "ruleset")
    assert ("mine" in text or "dport 9" in text or "table ip " in text) == stays
    assert ("table inet f2b-table" in text) == ("table ip" not in foreign)


def test_a_set_that_a_foreign_rule_uses(network, firewall, program):
    firewall.setup()
    network.inside("nft", "add chain inet f2b-table mine; "
                   "add rule inet f2b-table mine ip saddr @addr-set-j counter")
    firewall("add", handle=0, bans=[["192.0.2.2", 0]])
    firewall.kill()
    second = Driver(network, program)
    assert second.setup()["found"] == [["192.0.2.2", 0]]
    second("teardown", handle=0)
    assert rules(network) == ["ip saddr @addr-set-j counter packets 0 bytes 0"]
    assert elements(network, "addr-set-j") == {}


# Beside the real Fail2ban

def dump_actions(tmp_path_factory, *lines, edit=lambda text: text):
    """The stock nftables.conf used in such ways, as Fail2ban reads it: lists of properties."""
    if not shutil.which("fail2ban-client"):
        pytest.skip("fail2ban is not installed")
    conf = tmp_path_factory.mktemp("f2b") / "fail2ban"
    shutil.copytree("/etc/fail2ban", conf)
    for extra in (conf / "jail.d").glob("*"):
        extra.unlink()
    stock_file = conf / "action.d" / "nftables.conf"
    stock_file.write_text(edit(stock_file.read_text()))
    (conf / "jail.local").write_text("".join(
        f"[{'j' * (i + 1)}]\nenabled=true\nfilter=sshd\nbackend=polling\nlogpath=/dev/null\n"
        f"{line}\n" for i, line in enumerate(lines)))
    dump = subprocess.run(["fail2ban-client", "-c", str(conf), "-d"], check=True, text=True,
                          capture_output=True).stdout
    return [ast.literal_eval(line)[4] for line in dump.splitlines()
            if line.startswith("['multi-set', 'j") and "'action'" in line]


@pytest.fixture(scope="module")
def stock(tmp_path_factory):
    """{property: text} of the stock action nftables[type=multiport], as Fail2ban would run it."""
    return dict(dump_actions(tmp_path_factory, 'action=nftables[port="25,587-600"]')[0])


@pytest.mark.parametrize("edit", [
    lambda text: text,
    lambda text: text.replace("<addr_type>\\;", "<addr_type>\\; flags interval\\;"),
    lambda text: text.replace("<addr_type>\\;", "<addr_type>\\; flags interval\\; auto-merge\\;"),
], ids=["1.0", "1.1", "auto-merge"])
def test_the_stock_action_is_recognised(network, firewall, tmp_path_factory, edit):
    usual, multi, allports, custom, odd = dump_actions(
        tmp_path_factory,
        "banaction=nftables\nport=smtp,465,8000:8010",
        'action=nftables-multiport[port="25", protocol="tcp,udp", blocktype=drop]',
        "action=nftables-allports[protocol=tcp]",
        "action=nftables[type=custom]",
        'action=nftables[table=filter, chain=input, chain_priority=-5, '
        'blocktype="reject with icmpx type no-route"]',
        edit=edit)
    rule = firewall("recognise", 1, properties=usual)["rule"]
    assert rule == {"table": "f2b-table", "chain": "f2b-chain", "set4": "addr-set-j",
                    "set6": "addr6-set-j", "family": "inet", "hook": "input", "priority": -1,
                    "ports": [[25, 25], [465, 465], [8000, 8010]], "protocols": [6],
                    "drop": False, "reject_type": 2, "reject_code": 1}
    rule = firewall("recognise", 1, properties=multi)["rule"]
    assert (rule["ports"], rule["protocols"], rule["drop"]) == ([[25, 25]], [6, 17], True)
    rule = firewall("recognise", 1, properties=allports)["rule"]
    assert (rule["ports"], rule["protocols"]) == ([], [6])
    rule = firewall("recognise", 1, properties=custom)["rule"]
    assert (rule["ports"], rule["protocols"]) == ([], [])
    rule = firewall("recognise", 1, properties=odd)["rule"]
    assert (rule["table"], rule["chain"], rule["priority"], rule["reject_code"]) == (
        "filter", "input", -5, 0)


def test_the_installed_configuration_is_recognised(network, firewall, tmp_path):
    """Debian's own jail.conf with nftables as its banaction, through our reader."""
    if not os.path.exists("/etc/fail2ban/action.d/nftables.conf"):
        pytest.skip("fail2ban is not installed")
    conf = tmp_path / "fail2ban"
    shutil.copytree("/etc/fail2ban", conf)
    (conf / "jail.local").write_text(
        "[DEFAULT]\nbanaction = nftables\nbanaction_allports = nftables[type=allports]\n"
        "[sshd]\nport = ssh,2222\nlogpath = /dev/null\nbackend = polling\n"
        "[recidive]\nlogpath = /dev/null\nbackend = polling\n")
    rule = firewall("recognise", 1, dir=str(conf), jail="sshd")["rule"]
    assert (rule["chain"], rule["ports"], rule["set6"]) == (
        "f2b-chain", [[22, 22], [2222, 2222]], "addr6-set-sshd")
    rule = firewall("recognise", 1, dir=str(conf), jail="recidive")["rule"]
    assert (rule["ports"], rule["protocols"], rule["set4"]) == ([], [6], "addr-set-recidive")


def test_our_own_configuration_is_native(network, firewall, root, tmp_path):
    conf = tmp_path / "lastknock"
    shutil.copytree(root / "config", conf)
    (conf / "jail.local").write_text("[postfix]\nbackend = polling\nlogpath = /dev/null\n")
    rule = firewall("recognise", 1, dir=str(conf), jail="postfix")["rule"]
    assert (rule["table"], rule["chain"], rule["set4"], rule["set6"], rule["drop"]) == (
        "f2b-table", "f2b-chain", "addr-set-postfix", "addr6-set-postfix", True)
    assert [25, 25] in rule["ports"]
    firewall("setup", rule=rule)
    firewall("check", handle=0)


@pytest.mark.parametrize("line, edit", [
    ("action=nftables[blocktype=\"counter drop\"]", None),
    ("action=nftables[nftables=\"ip netns exec x nft\"]", None),
    ("action=nftables[table=set]", None),
    ("action=nftables[actionban=\"nft add element inet x y { <ip> }\"]", None),
    ("action=nftables[actionprolong=\"echo x\"]", None),
    ("action=nftables[rule_match-custom=\"tcp dport 25\", type=custom]", None),
    ("action=nftables", ("saddr @", "daddr @")),
    ("action=nftables", ("actionunban = <nftables>", "actionunban = echo <ip>; <nftables>")),
    ("action=nftables", ("<nftables> delete table", "<nftables> flush table")),
    ("action=iptables-multiport", None),
])
def test_a_changed_action_is_not(network, firewall, tmp_path_factory, line, edit):
    [properties] = dump_actions(tmp_path_factory, line,
                                edit=lambda text: text.replace(*edit) if edit else text)
    firewall("recognise", 0, properties=properties)


def test_recognised_and_enforced_it_is_the_same(network, firewall, stock):
    """The rules that Fail2ban's shell makes and ours block the same, but for how a refusal is said
    (icmpx, so that one word serves both families)."""
    for family in ("inet4", "inet6"):
        run_stock(network, stock, "actionstart", family)
    theirs = [r.split(" reject")[0] for r in rules(network)]
    for family in ("inet4", "inet6"):
        run_stock(network, stock, "actionstop", family)
    rule = firewall("recognise", 1, properties=list(stock.items()))["rule"]
    firewall("setup", rule=rule)
    assert [r.split(" reject")[0] for r in rules(network)] == theirs


def expand(properties, name, family="", **tags):
    """One command of a dump as Fail2ban would run it for that family."""
    text = properties[name]
    for _ in range(5):
        for key in [k for k in properties if "?" not in k]:
            value = properties.get(f"{key}?family={family}", properties[key])
            text = text.replace(f"<{key}>", value)
    for key, value in tags.items():
        text = text.replace(f"<{key}>", value)
    return text


def run_stock(network, stock, name, family="inet4", check=True, **tags):
    return subprocess.run(["ip", "netns", "exec", network.guarded, "/bin/sh", "-c",
                           expand(stock, name, family, **tags)], text=True, capture_output=True,
                          check=check)


@pytest.mark.parametrize("interval", [False, True])
def test_what_fail2ban_left_is_taken_over(network, firewall, stock, interval):
    if interval:
        stock = {k: v.replace(r"<addr_type>\;", r"<addr_type>\; flags interval\;")
                 for k, v in stock.items()}
    for family, ip in (("inet4", "192.0.2.2"), ("inet6", "2001:db8::2")):
        run_stock(network, stock, "actionstart", family)
        run_stock(network, stock, "actionban", family, ip=ip)
    if interval:
        run_stock(network, stock, "actionban", ip="10.0.0.0/8")
    network.serve(25)
    before = rules(network)
    found = dict(firewall.setup()["found"])
    assert found == {"192.0.2.2": -1, "2001:db8::2": -1, **({"10.0.0.0/8": -1} if interval else {})}
    assert len(rules(network)) == len(before) + (1 if interval else 0)
    assert network.connect("192.0.2.1", 25, "192.0.2.2") == "refused"
    assert network.connect("2001:db8::1", 25, "2001:db8::2") == "refused"
    assert 500 < elements(network, "addr-set-j")["192.0.2.2"] <= 600
    if interval:
        assert 500 < elements(network, "addr-set-j-net")["10.0.0.0/8"] <= 600
    assert all(s["flags"][-1] == "timeout" for s in kinds(network, "set"))
    firewall("sync", handle=0, bans=[["192.0.2.2", 0]])
    assert elements(network, "addr-set-j") == {"192.0.2.2": None}
    firewall("teardown", handle=0)
    assert ruleset(network) == []


def test_fail2ban_works_after_we_left(network, firewall, stock):
    firewall.setup()
    firewall("add", handle=0, bans=[["192.0.2.2", 0], ["10.0.0.0/8", 0]])
    firewall("teardown", handle=0)
    network.serve(25)
    run_stock(network, stock, "actionstart")
    run_stock(network, stock, "actionban", ip="192.0.2.2")
    run_stock(network, stock, "actioncheck")
    assert network.connect("192.0.2.1", 25, "192.0.2.2") == "refused"
    run_stock(network, stock, "actionflush")
    assert network.connect("192.0.2.1", 25, "192.0.2.2") == "connected"
    run_stock(network, stock, "actionstop")
    assert ruleset(network) == []


def test_fail2ban_works_over_what_a_killed_run_left(network, firewall, stock):
    """Its shell finds our set with the time-out flag: adding the set again is accepted, bans have
    no end of their own, and stopping removes set, rules and table but for our prefixes."""
    firewall.setup()
    firewall("add", handle=0, bans=[["192.0.2.2", 600000]])
    firewall.kill()
    network.serve(25)
    run_stock(network, stock, "actionstart")
    run_stock(network, stock, "actionban", ip="192.0.2.3")
    run_stock(network, stock, "actioncheck")
    assert elements(network, "addr-set-j")["192.0.2.3"] is None
    assert network.connect("192.0.2.1", 25, "192.0.2.3") == "refused"
    run_stock(network, stock, "actionunban", ip="192.0.2.3")
    assert network.connect("192.0.2.1", 25, "192.0.2.3") == "connected"
    run_stock(network, stock, "actionstop")
    assert "addr-set-j" not in [s["name"] for s in kinds(network, "set")]


def test_others_change_the_ruleset_meanwhile(network, firewall):
    """Set up and torn down while another program commits all the time."""
    script = "while :; do nft add table ip busy; nft add chain ip busy c; nft delete table ip busy; done"
    other = network.start(network.guarded, "/bin/sh", "-c", script)
    for _ in range(30):
        firewall.setup()
        firewall("add", handle=0, bans=[["192.0.2.2", 0], ["10.0.0.0/8", 0]])
        firewall("teardown", handle=0)
    other.kill()
    other.wait()
    assert not [t for t in kinds(network, "table") if t["name"] == "f2b-table"]
