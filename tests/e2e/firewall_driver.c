/*
 * The firewall as a program for tests/e2e: one JSON object a line in, one a line out.
 *   {"do": "setup", "rule": {"table": ..., "ports": [[25, 25]], ...}}  -> {"r": handle, "found":
 * [[ip, ms]]}
 *   {"do": "add" | "sync", "handle": 0, "bans": [[ip, ms], ...]}       -> {"r": 0, "ms": 12}
 *   {"do": "del", "handle": 0, "ips": [ip, ...]}
 *   {"do": "check" | "flush" | "teardown", "handle": 0}
 */
#include <jansson.h>

#include "base/clock.h"
#include "firewall/firewall.h"

static str text_of(const json_t *object, const char *key)
{
	return str_of(json_string_value(json_object_get(object, key)));
}

static struct ip ip_of(const json_t *text)
{
	struct ip ip = { 0 };

	if (ip_parse(str_of(json_string_value(text)), &ip) < 0)
		ip.family = 0; /* the firewall has to refuse it */
	return ip;
}

static void read_rule(const json_t *in, struct firewall_rule *rule, struct arena *arena)
{
	json_t *ports = json_object_get(in, "ports"), *protocols = json_object_get(in, "protocols");
	const char *family = json_string_value(json_object_get(in, "family"));

	*rule = (struct firewall_rule){
		.table = text_of(in, "table"),
		.chain = text_of(in, "chain"),
		.set4 = text_of(in, "set4"),
		.set6 = text_of(in, "set6"),
		.hook = text_of(in, "hook"),
		.chain_type = STR("filter"),
		.family = strcmp(family, "ip") == 0    ? NFPROTO_IPV4
			  : strcmp(family, "ip6") == 0 ? NFPROTO_IPV6
						       : NFPROTO_INET,
		.priority = (int)json_integer_value(json_object_get(in, "priority")),
		.all_ports = !json_array_size(ports),
		.n_ports = (unsigned)json_array_size(ports),
		.n_protocols = (unsigned)json_array_size(protocols),
		.verdict =
			json_is_true(json_object_get(in, "drop")) ? FIREWALL_DROP : FIREWALL_REJECT,
		.reject_type = (uint8_t)json_integer_value(json_object_get(in, "reject_type")),
		.reject_code = (uint8_t)json_integer_value(json_object_get(in, "reject_code")),
	};
	rule->ports = arena_alloc(arena, (rule->n_ports + 1) * sizeof *rule->ports);
	rule->protocols = arena_alloc(arena, rule->n_protocols + 1);
	for (unsigned i = 0; i < rule->n_ports; i++) {
		json_t *pair = json_array_get(ports, i);

		rule->ports[i].first = (uint16_t)json_integer_value(json_array_get(pair, 0));
		rule->ports[i].last = (uint16_t)json_integer_value(json_array_get(pair, 1));
	}
	for (unsigned i = 0; i < rule->n_protocols; i++)
		rule->protocols[i] = (uint8_t)json_integer_value(json_array_get(protocols, i));
}

static void on_found(void *arg, const struct ip *ip, int64_t timeout_ms)
{
	char text[IP_TEXT_MAX];

	ip_print(ip, text);
	json_array_append_new(arg, json_pack("[sI]", text, (json_int_t)timeout_ms));
}

static int with_bans(struct firewall *fw, const json_t *in, int handle, bool sync, struct err *err)
{
	json_t *list = json_object_get(in, "bans");
	size_t n = json_array_size(list);
	struct firewall_ban *bans = xcalloc(n + 1, sizeof *bans);
	int r;

	for (size_t i = 0; i < n; i++) {
		bans[i].ip = ip_of(json_array_get(json_array_get(list, i), 0));
		bans[i].timeout_ms = json_integer_value(json_array_get(json_array_get(list, i), 1));
	}
	r = sync ? firewall_sync(fw, handle, bans, n, err) : firewall_add(fw, handle, bans, n, err);
	free(bans);
	return r;
}

static int with_ips(struct firewall *fw, const json_t *in, int handle, struct err *err)
{
	json_t *list = json_object_get(in, "ips");
	size_t n = json_array_size(list);
	struct ip *ips = xcalloc(n + 1, sizeof *ips);
	int r;

	for (size_t i = 0; i < n; i++)
		ips[i] = ip_of(json_array_get(list, i));
	r = firewall_del(fw, handle, ips, n, err);
	free(ips);
	return r;
}

static int run(struct firewall *fw, const json_t *in, json_t *found, struct arena *arena,
	       struct err *err)
{
	str verb = text_of(in, "do");
	int handle = (int)json_integer_value(json_object_get(in, "handle"));
	struct firewall_rule rule;

	if (str_is(verb, "setup")) {
		read_rule(json_object_get(in, "rule"), &rule, arena);
		return firewall_setup(fw, &rule, on_found, found, err);
	}
	if (str_is(verb, "add") || str_is(verb, "sync"))
		return with_bans(fw, in, handle, str_is(verb, "sync"), err);
	if (str_is(verb, "del"))
		return with_ips(fw, in, handle, err);
	if (str_is(verb, "flush"))
		return firewall_flush(fw, handle, err);
	if (str_is(verb, "check"))
		return firewall_check(fw, handle, err);
	if (str_is(verb, "teardown"))
		return firewall_teardown(fw, handle, err);
	return err_set(err, -22, "no such verb");
}

int main(void)
{
	struct firewall *fw;
	struct err err = { 0 };
	_free_ char *line = NULL;
	size_t room = 0;

	if (firewall_open(&fw, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	while (getline(&line, &room, stdin) > 0) {
		json_t *in = json_loads(line, 0, NULL), *found = json_array();
		struct arena *arena = arena_new();
		int64_t start = clock_ticks_ms();
		int r;

		err = (struct err){ 0 };
		r = run(fw, in, found, arena, &err);
		json_t *out = json_pack("{sisssosI}", "r", r, "error", err.text, "found", found,
					"ms", (json_int_t)(clock_ticks_ms() - start));
		json_dumpf(out, stdout, 0);
		printf("\n");
		fflush(stdout);
		json_decref(out);
		json_decref(in);
		arena_free(arena);
	}
	firewall_close(fw);
	return 0;
}
