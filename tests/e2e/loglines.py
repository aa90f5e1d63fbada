"""Generated mail and SSH logs: real line shapes, invented people.  Same seed, same log."""
import random
import time

HOSTS = ["mx", "mail01"]


def traditional(t):
    return time.strftime("%b ", time.localtime(t)) + \
        "%2d" % time.localtime(t).tm_mday + time.strftime(" %H:%M:%S", time.localtime(t))


def iso(t):
    zone = time.strftime("%z", time.localtime(t))
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(t)) + \
        ".%06d" % int(t % 1 * 1e6) + zone[:3] + ":" + zone[3:]


# harmless lines: (weight, text); {ip} is an address that is never an attacker's
NOISE = [
    (8, "postfix/smtpd[{pid}]: connect from {name}[{ip}]"),
    (8, "postfix/smtpd[{pid}]: disconnect from {name}[{ip}] ehlo=1 mail=1 rcpt=1 data=1 quit=1 commands=5"),
    (6, "postfix/qmgr[{pid}]: {qid}: from=<news@{name}>, size=4711, nrcpt=1 (queue active)"),
    (6, "postfix/cleanup[{pid}]: {qid}: message-id=<{qid}@{name}>"),
    (5, "postfix/local[{pid}]: {qid}: to=<bob@lab.test>, relay=local, delay=0.1, dsn=2.0.0, status=sent (delivered to mailbox)"),
    (4, "dovecot: imap-login: Login: user=<alice>, method=PLAIN, rip={ip}, lip=198.18.0.25, mpid={pid}, TLS, session=<{qid}>"),
    (4, "dovecot: imap(alice)<{pid}><{qid}>: Disconnected: Logged out in=511 out=1337 deleted=0 expunged=0"),
    (2, "sshd[{pid}]: Accepted publickey for alice from {ip} port {port} ssh2: ED25519 SHA256:{qid}"),
    (2, "sshd[{pid}]: pam_unix(sshd:session): session opened for user alice(uid=1000) by (uid=0)"),
    (2, "CRON[{pid}]: pam_unix(cron:session): session closed for user root"),
]

# failures: each entry is what one attempt writes
ATTACKS = {
    "postfix": [
        ["postfix/submission/smtpd[{pid}]: connect from unknown[{ip}]",
         "postfix/submission/smtpd[{pid}]: warning: unknown[{ip}]: SASL LOGIN authentication failed: authentication failure, sasl_username={user}",
         "postfix/submission/smtpd[{pid}]: disconnect from unknown[{ip}] ehlo=2 starttls=1 auth=0/1 quit=1 commands=4/5"],
        ["postfix/smtpd[{pid}]: NOQUEUE: reject: RCPT from unknown[{ip}]: 554 5.7.1 <x@evil.example>: Relay access denied; from=<a@bank.example> to=<x@evil.example> proto=ESMTP helo=<evil>"],
        ["postfix/smtpd[{pid}]: lost connection after AUTH from unknown[{ip}]"],
        ["postfix/smtpd[{pid}]: NOQUEUE: reject: RCPT from unknown[{ip}]: 550 5.1.1 <{user}@lab.test>: Recipient address rejected: User unknown in local recipient table; from=<a@bank.example> to=<{user}@lab.test> proto=ESMTP helo=<evil>"],
    ],
    "dovecot": [
        ["dovecot: imap-login: Disconnected: Connection closed (auth failed, 1 attempts in 2 secs): user=<{user}>, method=PLAIN, rip={ip}, lip=198.18.0.25, TLS, session=<{qid}>"],
        ["dovecot: pop3-login: Aborted login (auth failed, 1 attempts in 2 secs): user=<{user}>, method=PLAIN, rip={ip}, lip=198.18.0.25, session=<{qid}>"],
    ],
    "sshd": [
        ["sshd[{pid}]: Invalid user {user} from {ip} port {port}",
         "sshd[{pid}]: Failed password for invalid user {user} from {ip} port {port} ssh2",
         "sshd[{pid}]: Connection closed by invalid user {user} {ip} port {port} [preauth]"],
        ["sshd[{pid}]: Failed password for root from {ip} port {port} ssh2",
         "sshd[{pid}]: Received disconnect from {ip} port {port}:11: Bye Bye [preauth]"],
        ["sshd[{pid}]: Connection closed by authenticating user root {ip} port {port} [preauth]"],
    ],
}


def lines(seed, count, start, end, date=traditional, attackers=150, share=0.1):
    """`count` lines between two times; about `share` of them are attackers' lines."""
    rnd = random.Random(seed)
    evil = []
    for n in range(attackers):
        service = rnd.choice(sorted(ATTACKS))
        ip = (f"2001:db8:{n:x}::{rnd.randrange(1, 9999):x}" if n % 8 == 0
              else f"203.0.{n // 250 + 1}.{n % 250 + 1}")
        evil.append((service, ip, rnd.choice([1, 1, 2, 3, 4, 5, 6, 8, 12])))
    attempts = [(s, ip) for s, ip, weight in evil for _ in range(weight)]
    weights = [w for w, _ in NOISE]
    out, serial = [], 0
    while len(out) < count:
        t = start + (end - start) * len(out) / count
        host = rnd.choice(HOSTS)
        values = {"pid": rnd.randrange(1000, 30000), "qid": "%010X" % rnd.getrandbits(40),
                  "port": rnd.randrange(1024, 65535), "name": f"client{serial % 500}.example.org",
                  "user": rnd.choice(["root", "admin", "info", "bob@lab.test", "test"])}
        serial += 1
        if rnd.random() < share and attempts:
            service, ip = rnd.choice(attempts)
            texts = rnd.choice(ATTACKS[service])
            # an attempt is over before the next one of the same address begins
        else:
            ip = f"198.51.100.{rnd.randrange(1, 250)}"
            texts = [rnd.choices([x for _, x in NOISE], weights)[0]]
        for text in texts:
            out.append(f"{date(t)} {host} {text.format(ip=ip, **values)}\n")
    return out[:count]
