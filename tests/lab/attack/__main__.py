"""The attacker's machine: does what it is told and says what the server answered.

    attack SERVER BEHAVIOUR...|all|inject|list [OPTION]...

      --from ADDRESS     instead of the behaviour's own
      --times N          how often, instead of its own number
      --family 4|6|both  4 by default
      --subject TEXT     of the messages it sends
      --patience SECONDS how long it waits for an answer

Run by `lab attack` inside the attacker's namespace.  Each behaviour has its own source address, so
that the address in a log line tells what was really done.  Prints, tab separated: time, source,
behaviour, attempt, kind, the server's last reply.
"""
import argparse
import datetime
import queue
import ssl
import sys
import threading

import client
import imap
import inject
import smtp

# Short names for the three things that lastknock must ban for, and their opposite.
ALIASES = {
    "wrong-login": "wrongpw-plain-tls587",
    "unauthorised-sender": "authsender-other-local",
    "broken-authentication": "close-after-auth-username",
    "honest-mail": "ok-submit-587",
}
DOVECOT_ALIASES = {
    "wrong-login": "imap-wrongpw-tls993",
    "broken-authentication": "close-after-auth-username",
    "honest-login": "ok-imap-993",
}


def attempt(behaviour, source, number):
    try:
        return behaviour.run(source, number)
    except (OSError, EOFError, ssl.SSLError) as error:
        return f"{type(error).__name__}: {error}"


def choose(server, names):
    """The behaviours that the words on the command line mean."""
    table = imap.BEHAVIOURS if server == "dovecot" else smtp.BEHAVIOURS
    aliases = DOVECOT_ALIASES if server == "dovecot" else ALIASES
    if names == ["all"]:
        return table
    if names == ["inject"]:
        return inject.BEHAVIOURS
    by_name = {b.name: b for b in table + inject.BEHAVIOURS}
    unknown = [n for n in names if aliases.get(n, n) not in by_name]
    if unknown:
        sys.exit(f"attack: no behaviour '{unknown[0]}'; `list` names them")
    return [by_name[aliases.get(n, n)] for n in names]


def sources(behaviour, options):
    if options.source:
        return [options.source]
    v4, v6 = f"198.18.1.{behaviour.number}", f"2001:db8:{behaviour.number:x}::1"
    return {"4": [v4], "6": [v6], "both": [v4, v6]}[options.family]


def show_list(server):
    aliases = DOVECOT_ALIASES if server == "dovecot" else ALIASES
    for short, name in aliases.items():
        print(f"{short:<36} ({name})")
    for b in choose(server, ["all"]):
        print(f"{b.name:<36} {b.kind}, {b.times} times, from 198.18.1.{b.number}")


def main():
    parser = argparse.ArgumentParser(prog="lab attack")
    parser.add_argument("server")
    parser.add_argument("behaviour", nargs="+")
    parser.add_argument("--from", dest="source")
    parser.add_argument("--times", type=int)
    parser.add_argument("--family", choices=["4", "6", "both"], default="4")
    parser.add_argument("--subject", default="lab")
    parser.add_argument("--patience", type=float, default=client.PATIENCE)
    options = parser.parse_args()
    client.Smtp.subject = options.subject
    client.Connection.patience = options.patience
    if options.behaviour == ["list"]:
        show_list(options.server)
        return

    jobs, output = queue.Queue(), threading.Lock()
    for behaviour in choose(options.server, options.behaviour):
        for source in sources(behaviour, options):
            jobs.put((behaviour, source))

    def work():
        while True:
            try:
                behaviour, source = jobs.get_nowait()
            except queue.Empty:
                return
            for number in range(1, (options.times or behaviour.times) + 1):
                started = datetime.datetime.now().isoformat(timespec="milliseconds")
                reply = str(attempt(behaviour, source, number) or "").replace("\t", " ")
                with output:
                    print(started, source, behaviour.name, number, behaviour.kind, reply,
                          sep="\t", flush=True)

    threads = [threading.Thread(target=work) for _ in range(min(10, jobs.qsize()))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
