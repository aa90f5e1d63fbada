/*
 * The five verbs of the firewall; see firewall.h.  Runs in the warden: rules come from the
 * configuration, addresses from the engine, and both are checked again here, whatever was checked
 * before.  Never decides who is banned; never removes what it did not make.
 */
#include "firewall/firewall.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <string.h>

#include "base/clock.h"
#include "firewall/handle.h"
#include "firewall/setup.h"

#define TIMEOUT_MAX_MS (INT64_C(100) * 366 * 86400 * 1000)

int firewall_open(struct firewall **out, struct err *err)
{
	struct firewall *fw = xcalloc(1, sizeof *fw);
	int r = nft_open(&fw->nft, err);

	if (r < 0) {
		free(fw);
		return r;
	}
	*out = fw;
	return 0;
}

void firewall_close(struct firewall *fw)
{
	if (!fw)
		return;
	for (unsigned i = 0; i < fw->n_handles; i++)
		handle_free(fw->handles[i]);
	free(fw->handles);
	nft_batch_free(&fw->batch);
	nft_close(&fw->nft);
	free(fw);
}

static const char *family_name(const struct handle *h)
{
	return h->rule.family == NFPROTO_INET   ? "inet"
	       : h->rule.family == NFPROTO_IPV4 ? "ip"
						: "ip6";
}

static int failed(const struct firewall *fw, const struct handle *h, int r, const char *what,
		  struct err *err)
{
	const char *step = fw->batch.failed;

	errno = -r;
	return err_set(err, r, "%s %s %s, set %s: %s%s%m", what, family_name(h), h->table,
		       h->side[h->side[0].family ? 0 : 1].set, step ? step : "", step ? ": " : "");
}

int firewall_setup(struct firewall *fw, const struct firewall_rule *rule,
		   void (*found)(void *arg, const struct ip *ip, int64_t timeout_ms), void *arg,
		   struct err *err)
{
	int r = handle_check_rule(rule, err);
	struct handle *h;
	unsigned at;

	if (r < 0)
		return r;
	h = handle_new(rule);
	r = handle_place(fw, h, &at, err);
	if (r < 0) {
		handle_free(h);
		return r;
	}
	fw->batch.failed = NULL;
	r = setup_make(fw, h, found, arg);
	if (r < 0) {
		r = failed(fw, h, r, "cannot set up", err);
		handle_free(h);
		return r;
	}
	if (at == fw->n_handles) {
		fw->handles = xreallocarray(fw->handles, at + 1, sizeof(struct handle *));
		fw->handles[fw->n_handles++] = NULL;
	}
	handle_free(fw->handles[at]);
	fw->handles[at] = h;
	return (int)at;
}

static struct handle *handle_of(struct firewall *fw, int handle)
{
	if (handle < 0 || (unsigned)handle >= fw->n_handles || !fw->handles[handle]->live)
		return NULL;
	return fw->handles[handle];
}

static int no_handle(int handle, struct err *err)
{
	return err_set(err, -EBADF, "the firewall has no action %d", handle);
}

static bool is_sound(const struct ip *ip)
{
	struct ip cut = ip_masked(ip, ip->prefix);

	return (ip->family == 4 && ip->prefix <= 32 && ip_eq(&cut, ip)) ||
	       (ip->family == 6 && ip->prefix <= 128 && ip_eq(&cut, ip));
}

/* The kernel refuses what does not fit its clock; a century is for ever. */
static int64_t end_of(const struct firewall_ban *ban)
{
	return ban->timeout_ms < TIMEOUT_MAX_MS ? ban->timeout_ms : 0;
}

/* Sorts the bans to the sides. Returns -EAFNOSUPPORT if the table cannot hold some. */
static int spread(struct handle *h, const struct firewall_ban *bans, size_t n, int64_t now_ms,
		  struct element_list singles[2], bool prefixes[2])
{
	int r = 0;

	for (size_t i = 0; i < n; i++) {
		const struct ip *ip = &bans[i].ip;
		unsigned k = ip->family == 6;

		if (!is_sound(ip) || bans[i].timeout_ms < 0) {
			r = -EINVAL;
		} else if (!h->side[k].family) {
			r = -EAFNOSUPPORT;
		} else if (ip_is_single(ip)) {
			element_list_add_ip(&singles[k], ip, end_of(&bans[i]));
		} else {
			prefixes_put(&h->side[k].want, ip,
				     end_of(&bans[i]) ? now_ms + end_of(&bans[i]) : UNTIL_EVER);
			prefixes[k] = true;
		}
	}
	element_list_tidy(&singles[0]);
	element_list_tidy(&singles[1]);
	return r;
}

static int add(struct firewall *fw, struct handle *h, const struct firewall_ban *bans, size_t n,
	       bool fresh)
{
	struct element_list singles[2] = { 0 };
	bool prefixes[2] = { false };
	int refused = spread(h, bans, n, clock_ticks_ms(), singles, prefixes), r = 0;

	for (unsigned k = 0; k < 2 && r == 0; k++) {
		r = elements_add(fw, h, &h->side[k], singles[k].items, singles[k].n, fresh);
		if (r == 0 && prefixes[k])
			r = elements_apply_prefixes(fw, h, &h->side[k]);
	}
	element_list_free(&singles[0]);
	element_list_free(&singles[1]);
	return r ? r : refused;
}

static int add_or_renew(struct firewall *fw, int handle, const struct firewall_ban *bans, size_t n,
			bool fresh, struct err *err)
{
	struct handle *h = handle_of(fw, handle);
	int r;

	if (!h)
		return no_handle(handle, err);
	fw->batch.failed = NULL;
	r = add(fw, h, bans, n, fresh);
	return r < 0 ? failed(fw, h, r, "cannot add bans to", err) : 0;
}

int firewall_add(struct firewall *fw, int handle, const struct firewall_ban *bans, size_t n,
		 struct err *err)
{
	return add_or_renew(fw, handle, bans, n, true, err);
}

int firewall_renew(struct firewall *fw, int handle, const struct firewall_ban *bans, size_t n,
		   struct err *err)
{
	return add_or_renew(fw, handle, bans, n, false, err);
}

int firewall_del(struct firewall *fw, int handle, const struct ip *ips, size_t n, struct err *err)
{
	struct handle *h = handle_of(fw, handle);
	struct element_list singles[2] = { 0 };
	bool prefixes[2] = { false };
	int r = 0;

	if (!h)
		return no_handle(handle, err);
	for (size_t i = 0; i < n; i++) {
		unsigned k = ips[i].family == 6;

		if (!is_sound(&ips[i]) || !h->side[k].family)
			continue;
		if (ip_is_single(&ips[i])) {
			element_list_add_ip(&singles[k], &ips[i], 0);
		} else {
			prefixes_del(&h->side[k].want, &ips[i]);
			prefixes[k] = true;
		}
	}
	fw->batch.failed = NULL;
	for (unsigned k = 0; k < 2; k++) {
		element_list_tidy(&singles[k]);
		if (r == 0)
			r = elements_del(fw, h, &h->side[k], singles[k].items, singles[k].n);
		if (r == 0 && prefixes[k])
			r = elements_apply_prefixes(fw, h, &h->side[k]);
		element_list_free(&singles[k]);
	}
	return r < 0 ? failed(fw, h, r, "cannot take bans out of", err) : 0;
}

static void on_present(void *arg, const struct nft_element *e)
{
	element_list_add(arg, e);
}

/* Takes single addresses out of the hash set that are not among `wanted` (sorted). */
static int del_others(struct firewall *fw, const struct handle *h, const struct side *s,
		      const struct element_list *wanted)
{
	struct element_list present = { 0 }, others = { 0 };
	struct nft_place place = place_of(h, s, false);
	int r = -EINTR;

	for (int i = 0; i < ATTEMPTS && r == -EINTR; i++) {
		present.n = 0;
		r = nft_each_element(&fw->nft, &place, on_present, &present);
	}
	for (size_t i = 0; i < present.n && r == 0; i++)
		if (!wanted->n || !bsearch(&present.items[i], wanted->items, wanted->n,
					   sizeof *wanted->items, element_cmp))
			element_list_add(&others, &present.items[i]);
	if (r == 0)
		r = elements_del(fw, h, s, others.items, others.n);
	element_list_free(&present);
	element_list_free(&others);
	return r;
}

static int sync_sets(struct firewall *fw, struct handle *h, const struct firewall_ban *bans,
		     size_t n)
{
	struct element_list singles[2] = { 0 };
	bool prefixes[2] = { false };
	int refused, r = 0;

	prefixes_clear(&h->side[0].want);
	prefixes_clear(&h->side[1].want);
	refused = spread(h, bans, n, clock_ticks_ms(), singles, prefixes);
	for (unsigned k = 0; k < 2 && r == 0; k++) {
		struct side *s = &h->side[k];

		if (!s->family)
			continue;
		r = elements_add(fw, h, s, singles[k].items, singles[k].n, false);
		if (r == 0)
			r = del_others(fw, h, s, &singles[k]);
		if (r == 0)
			r = elements_apply_prefixes(fw, h, s);
	}
	element_list_free(&singles[0]);
	element_list_free(&singles[1]);
	return r ? r : refused;
}

int firewall_sync(struct firewall *fw, int handle, const struct firewall_ban *bans, size_t n,
		  struct err *err)
{
	struct handle *h = handle_of(fw, handle);
	int r;

	if (!h)
		return no_handle(handle, err);
	fw->batch.failed = NULL;
	r = sync_sets(fw, h, bans, n);
	return r < 0 ? failed(fw, h, r, "cannot bring up to date", err) : 0;
}

int firewall_flush(struct firewall *fw, int handle, struct err *err)
{
	return firewall_sync(fw, handle, NULL, 0, err);
}

int firewall_check(struct firewall *fw, int handle, struct err *err)
{
	struct handle *h = handle_of(fw, handle);
	int r;

	if (!h)
		return no_handle(handle, err);
	fw->batch.failed = NULL;
	r = setup_check(fw, h);
	return r < 0 ? failed(fw, h, r, "not all is in place in", err) : 0;
}

int firewall_teardown(struct firewall *fw, int handle, struct err *err)
{
	struct handle *h = handle_of(fw, handle);
	int r;

	if (!h)
		return no_handle(handle, err);
	fw->batch.failed = NULL;
	r = setup_remove(fw, h);
	if (r < 0)
		return failed(fw, h, r, "cannot tear down", err);
	h->live = false;
	return 0;
}
