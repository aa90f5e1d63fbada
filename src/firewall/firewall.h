/*
 * Native enforcement in the kernel's nftables by netlink: no process, no shell, one message a ban.
 * Runs in the warden with CAP_NET_ADMIN.  Used for actions whose text is a stock text of
 * Fail2ban's action.d/nftables*.conf (0.11 to 1.1, compared without white space) or our own.
 * Names are the action's own (table f2b-table, chain f2b-chain, set addr-set-NAME).  Sets are hash
 * sets with the kernel's time-outs; prefixes go to a second, interval set ("NAME-net") on first
 * need, kept without overlaps by us.  Input is from our own configuration and engine, re-checked.
 * Kernel: Documentation/networking/netlink_spec/nftables, include/uapi/linux/netfilter/nf_tables.h.
 */
#pragma once

#include "base/err.h"
#include "base/ip.h"
#include "config/config.h"

#include <linux/netfilter.h> /* NFPROTO_*; wants <netinet/in.h> before it */

struct firewall_port {
	uint16_t first, last;
};

enum firewall_verdict { FIREWALL_DROP, FIREWALL_REJECT };

/* What a stock nftables action asks for. Texts point into the configuration. */
struct firewall_rule {
	str table, chain;
	str set4, set6; /* addr-set-NAME, addr6-set-NAME */
	uint8_t family; /* NFPROTO_INET, NFPROTO_IPV4, NFPROTO_IPV6 */
	str hook;       /* "input" ... */
	str chain_type; /* "filter" */
	int priority;
	bool all_ports; /* match the protocols only, or nothing if there are none */
	struct firewall_port *ports;
	unsigned n_ports;
	uint8_t *protocols; /* IPPROTO_TCP ... */
	unsigned n_protocols;
	enum firewall_verdict verdict;
	uint8_t reject_type, reject_code; /* NFT_REJECT_* */
};

/*
 * Is the action's text a known stock one?  1: yes, *out is filled (allocated in `arena`); 0: no,
 * it runs as shell; -errno with *err: it is, but a value cannot be used (a port name unknown).
 */
int firewall_recognise(const struct config_action *action, struct arena *arena,
		       struct firewall_rule *out, struct err *err)
	__attribute__((warn_unused_result));

struct firewall;

/* Opens the netlink socket. */
int firewall_open(struct firewall **out, struct err *err) __attribute__((warn_unused_result));
void firewall_close(struct firewall *fw);

struct firewall_ban {
	struct ip ip;       /* address or prefix */
	int64_t timeout_ms; /* to the end of the ban, 1 or more; 0: permanent */
};

/*
 * Makes table, chain, sets and rules, replacing same-named ones that Fail2ban or an earlier run
 * left, in one batch.  What the old sets held stays banned and is given to `found` (may be NULL)
 * with what is left of its time: 0 permanent, -1 not known, because Fail2ban's sets know no ends;
 * those stay for ten minutes, within which the owner says with firewall_add() or firewall_sync()
 * what it knows.  Texts of the rule are copied.
 * Returns a handle (0 or more) for the calls below; the same one if these sets were set up before
 * (then it starts anew: say firewall_sync()).
 */
int firewall_setup(struct firewall *fw, const struct firewall_rule *rule,
		   void (*found)(void *arg, const struct ip *ip, int64_t timeout_ms), void *arg,
		   struct err *err) __attribute__((warn_unused_result));
/*
 * Adds, or renews the time-outs of, all of them: batches of messages, one system call each; a
 * single new address is one message.  -ENOENT: the sets are gone, because somebody flushed the
 * ruleset; firewall_setup() and firewall_sync() mend that.  -EAFNOSUPPORT: the table's family
 * cannot hold some of them; the others were added.
 */
int firewall_add(struct firewall *fw, int handle, const struct firewall_ban *bans, size_t n,
		 struct err *err) __attribute__((warn_unused_result));
/*
 * The same, for bans that are likely to be there.  firewall_add() finds out by a batch that the
 * kernel refuses, and undoing one costs it ten milliseconds and more (it waits for all readers).
 */
int firewall_renew(struct firewall *fw, int handle, const struct firewall_ban *bans, size_t n,
		   struct err *err) __attribute__((warn_unused_result));
/* Takes them out; one that is not there is no error. */
int firewall_del(struct firewall *fw, int handle, const struct ip *ips, size_t n, struct err *err)
	__attribute__((warn_unused_result));
/* Makes the sets hold exactly these. */
int firewall_sync(struct firewall *fw, int handle, const struct firewall_ban *bans, size_t n,
		  struct err *err) __attribute__((warn_unused_result));
/* Empties the sets. */
int firewall_flush(struct firewall *fw, int handle, struct err *err)
	__attribute__((warn_unused_result));
/*
 * Does everything that the handle needs still stand?  -ENOENT: no (`nft flush ruleset`, a restart
 * of nftables.service); for a look now and then, because nobody tells us.
 */
int firewall_check(struct firewall *fw, int handle, struct err *err)
	__attribute__((warn_unused_result));
/*
 * Takes out the rules and sets of the handle, and chain and table if nothing is left in them.  A
 * set that somebody else's rule uses is emptied and stays.  The handle is free for the next one.
 */
int firewall_teardown(struct firewall *fw, int handle, struct err *err)
	__attribute__((warn_unused_result));
