"""Random but valid-looking Fail2ban configurations that use every corner of the format.

A seed gives the same files every time.  Names are few, so that files, sections, options and tags
meet each other often; some references are to nothing, as in real life.
"""

import os
import random

KEYS = ["alpha", "beta", "gamma", "delta_1", "Mixed"]
WORDS = ["one", "two", "x=1", "a b", "<HOST>", "^a$", "#no comment", "a;b", "100%%", '"q"', "it's", "[x]"]
FILTER_KEYS = ["failregex", "ignoreregex", "prefregex", "datepattern", "journalmatch", "maxlines", "usedns"]
ACTION_KEYS = ["actionstart", "actionstop", "actionban", "actionunban", "actioncheck", "actionflush",
               "actionstart_on_demand", "norestored", "actionrepair", "timeout"]


class Generator:
    def __init__(self, seed):
        self.r = random.Random(seed)
        self.files = {}

    def chance(self, p):
        return self.r.random() < p

    def tag(self, keys, depth=0):
        kind = self.r.randrange(10)
        key = self.r.choice(keys)
        if kind == 0 and depth < 2:
            return "<%s%s>" % (self.r.choice(["", "l_", "alp", "extra/"]), self.tag(keys, depth + 1))
        if kind == 1:
            return "<%s/%s>" % (self.r.choice(["known", "extra", "default", "Init", "Definition", "nix"]), key)
        if kind == 2:
            return self.r.choice(["<HOST>", "<ip>", "<STDIN>", "<F-USER>x</F-USER>", "< a>", "<>", "<<"])
        if kind == 3 and self.chance(0.5):
            return self.r.choice(["<maxretry>", "<backend>", "<usedns>", "<logencoding>", "<ignoreself>", "<bantime>"])
        return "<%s>" % key

    def word(self, keys, tags, names):
        kind = self.r.random()
        if tags and kind < 0.4:
            return self.tag(keys)
        if names and kind < 0.6:
            return "%%(%s)s" % self.r.choice(names)
        return self.r.choice(WORDS)

    def value(self, keys, tags, names, lines=3):
        out = []
        for i in range(self.r.randint(0 if lines > 1 else 1, lines)):
            out.append(" ".join(self.word(keys, tags, names) for _ in range(self.r.randint(1, 3))))
            if self.chance(0.15):
                out[-1] += self.r.choice([" ; comment", "\t;c", " ;", " # not one"])
        text = ""
        for i, line in enumerate(out):
            if i or self.chance(0.2):
                text += "\n" + self.r.choice(["  ", "\t", "    "])
                if self.chance(0.2):
                    text = text.rstrip(" \t") + self.r.choice(["\n  ", "  # comment\n   ", ";c\n  ", "   ; c\n\t"])
            text += line
        return text

    def entry(self, key, value):
        return "%s%s%s\n" % (key, self.r.choice([" = ", "=", ": ", " : ", "  =  "]), value)

    def noise(self):
        return self.r.choice(["", "", "\n", "# comment = 1\n", "; comment\n", "\n\n"])

    def section(self, name, entries):
        self.r.shuffle(entries)
        text = self.r.choice(["[%s]\n", "[%s] # x\n", "[%s]  \n"]) % name
        for key, value in entries:
            text += self.noise() + self.entry(key, value)
        return text

    def pick(self, keys, p):
        return [k for k in keys if self.chance(p)]

    # a key refers only to those before it, so that there are no circles (they are tested apart)
    def before(self, key):
        return KEYS[: KEYS.index(key)]

    def definition_values(self, keys, own, allow_known):
        entries = []
        for key in keys:
            names = ["extra/" + k.lower() for k in self.extra] + ["default/zeta", "zeta", "__name__"]
            if allow_known and key in allow_known:
                names.append("known/" + key.lower())
            entries.append((key, self.value(self.before(key), key != KEYS[0], names)))
        for key in own:
            if key == "maxlines":
                value = self.r.choice(["1", "2", " 7 ", "<alpha>", "no"])
            elif key in ("actionstart_on_demand", "norestored"):
                value = self.r.choice(["true", "1", "no", "", "<beta>"])
            elif key == "journalmatch":
                value = self.r.choice(["_A=b", "_A=b + _C=\"d e\"", "A='b c'\n  D=e\\ f", ""])
            else:
                value = self.value(KEYS, True, [])
            entries.append((key, value))
        return entries

    def definition(self, path, own, base=None):
        self.extra = self.pick(KEYS, 0.5) or ["alpha"]
        text = ""
        if base and self.chance(0.7):
            text += "[INCLUDES]\n%s = %s\n" % (self.r.choice(["before", "after"]), base)
        text += self.section("DEFAULT", [("zeta", self.r.choice(WORDS)), ("eta", "<zeta> e")])
        keys = self.pick(KEYS, 0.7)
        text += self.section("Definition", self.definition_values(keys, [own[0]] + self.pick(own[1:], 0.6), None))
        init = [(k, self.value(self.before(k), k != KEYS[0], [])) for k in self.pick(KEYS, 0.5)]
        if self.chance(0.2):
            init.append((self.r.choice(own), "from init"))
        text += self.section("Init", init)
        if self.chance(0.6):
            text += self.section("Init?family=inet6", [(k, "six " + k) for k in self.pick(KEYS, 0.4)])
        text += self.section("extra", [(k, self.value(KEYS, False, [], 1)) for k in self.extra])
        self.files[path] = text
        if self.chance(0.5):
            again = self.pick(keys, 0.6)
            text = self.section("Definition", self.definition_values(again, self.pick(own, 0.2), again))
            text += self.section("Init", [(k, "local") for k in self.pick(KEYS, 0.3)])
            self.files[path.replace(".conf", ".local")] = text

    def options(self, keys):
        out = []
        for key in self.pick(keys + ["name", "fresh"], 0.35):
            kind = self.r.randrange(4)
            text = self.r.choice(["a", "b c", "<beta>", "x-%(__name__)s", "", "%(v1)s", "100%%"])
            if key == "name":
                text = self.r.choice(["%(__name__)s-x", "other"])
            if kind == 0:
                out.append('%s="%s"' % (key, text))
            elif kind == 1:
                out.append("%s='%s, ]'" % (key, text) if key != "name" else "%s='%s'" % (key, text))
            else:
                out.append("%s=%s" % (key, text or "z"))
        if not out:
            return self.r.choice(["", "", "[]"])
        return "[" + self.r.choice([",", ", ", ",\n     ", "][", "] ["]).join(out) + self.r.choice(["", "", ","]) + "]"

    def jail(self, name, log):
        entries = []
        names = ["v1", "default/v2", "v2", "shared/v3", "__name__"]
        if self.chance(0.8):
            entries.append(("enabled", self.r.choice(["true", "1", "Yes", "on", "no", "2"])))
        for key in self.pick(["v1", "v2"], 0.4):
            entries.append((key, self.value([], False, ["__name__"], 1)))
        if self.chance(0.8):
            entries.append(("filter", self.r.choice(["f1", "f2", "f3"]) + self.options(KEYS)))
        for key in self.pick(FILTER_KEYS, 0.2):
            names_here = names + (["known/failregex"] if key == "failregex" else [])
            value = self.value([], False, names_here)
            if key == "maxlines":
                value = self.r.choice(["3", "10", "x"])
            elif key == "usedns":
                value = self.r.choice(["yes", "warn", "no", "raw"])
            elif key == "journalmatch":
                value = self.r.choice(["J=1", "J=2 + K=3\n  L=4"])
            entries.append((key, value))
        actions = [self.r.choice(["a1", "a2", "plugin.py"]) + self.options(KEYS) + " " for _ in range(self.r.randint(0, 3))]
        unique, lines = set(), []
        for a in actions:
            if a.split("[")[0].strip() not in unique:
                unique.add(a.split("[")[0].strip())
                lines.append(a.rstrip())
        entries.append(("action", self.r.choice(["\n   ", " "]).join(lines)))
        for key, values in {
            "findtime": ["10m", "600", "1h"],
            "bantime": ["1d", "-1", "%(findtime)s"],
            "maxretry": ["3", " 4 "],
            "maxmatches": ["%(maxretry)s", "9"],
            "ignoreip": ["127.0.0.1/8 ::1", "a,b, c\n  d", ""],
            "ignoreself": ["true", "no"],
            "ignorecommand": ["/bin/x <ip>", "%(v1)s"],
            "ignorecache": ['key="<ip>", max-count=100, max-time=5m'],
            "backend": ["auto", "polling", "systemd"],
            "logencoding": ["auto", "utf-8"],
            "bantime.increment": ["true", "0"],
            "bantime.multipliers": ["1 2 4 8"],
        }.items():
            if self.chance(0.25):
                entries.append((key, self.r.choice(values)))
        entries.append(("logpath", self.r.choice(["%s/one.log" % log, "%s/*.log tail" % log, "%s/one.log\n  %s/two.log head" % (log, log)])))
        # findtime and maxretry are referred to
        return self.section(name, entries)

    def generate(self, log):
        self.files["fail2ban.conf"] = "[Definition]\nallowipv6 = auto\nloglevel = %s\n%s" % (
            self.r.choice(["INFO", "DEBUG"]), "syslogsocket=auto\nlogtarget=STDOUT\nsocket=/s\npidfile=/p\ndbfile=None\ndbmaxmatches=5\ndbpurgeage=2d\n")
        self.definition("filter.d/base.conf", FILTER_KEYS)
        for name in ("f1", "f2", "f3"):
            self.definition("filter.d/%s.conf" % name, FILTER_KEYS, "base.conf")
        self.definition("action.d/base.conf", ACTION_KEYS)
        for name in ("a1", "a2"):
            self.definition("action.d/%s.conf" % name, ACTION_KEYS, "base.conf")
        self.files["action.d/plugin.py"] = "\n"
        jails = ["j%d" % i for i in range(4)]
        text = ""
        if self.chance(0.5):
            text += "[INCLUDES]\nbefore = paths.conf\n"
            self.files["paths.conf"] = "[DEFAULT]\nv2 = path %(__name__)s\n[shared]\nv3 = p3\n"
            if self.chance(0.5):
                self.files["paths.local"] = "[DEFAULT]\nv2 = path local\n"
        text += self.section("DEFAULT", [("enabled", self.r.choice(["true", "false"])), ("v1", "V1"), ("v2", "V2 %(__name__)s"),
                                         ("findtime", "5m"), ("maxretry", "6"), ("filter", "f1")])
        text += "[shared]\nenabled = no\nv3 = %(v1)s!\n"
        for j in jails:
            text += self.jail(j, log)
        self.files["jail.conf"] = text
        for path in ("jail.local", "jail.d/b.conf", "jail.d/a.conf", "jail.d/c.local"):
            if self.chance(0.5):
                self.files[path] = "".join(self.jail(j, log) for j in self.pick(jails, 0.4))
                if self.chance(0.3):
                    self.files[path] += "[DEFAULT]\nv1 = new %(__name__)s\n"
                if self.chance(0.3):
                    self.files[path] += "[j9]\nenabled=true\naction=a1\nlogpath=%s/one.log\nbackend = polling\nfailregex = %%(known/failregex)s\n   own\n" % log
        return self.files


def write(files, root):
    for path, text in files.items():
        full = os.path.join(root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as f:
            f.write(text)
