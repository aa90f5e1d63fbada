/*
 * The firewall as a program for tests/e2e: one JSON object a line in, one a line out.
 *   {"do": "setup", "rule": {"table": ..., "ports": [[25, 25]], ...}}  -> {"r": handle, "found":
 * [[ip, ms]]}
 *   {"do": "add" | "sync", "handle": 0, "bans": [[ip, ms], ...]}       -> {"r": 0, "ms": 12}
 *   {"do": "del", "handle": 0, "ips": [ip, ...]}
 *   {"do": "check" | "flush" | "teardown", "handle": 0}
 *   {"do": "recognise", "properties": [[name, value], ...]}  -> {"r": 0 or 1, "rule": {...}}
 *   {"do": "recognise", "dir": "/etc/fail2ban", "jail": "sshd"}: its first action, read by config/
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

static int with_bans(struct firewall *fw, const json_t *in, int handle, str verb, struct err *err)
{
	json_t *list = json_object_get(in, "bans");
	size_t n = json_array_size(list);
	struct firewall_ban *bans = xcalloc(n + 1, sizeof *bans);
	int r;

	for (size_t i = 0; i < n; i++) {
		bans[i].ip = ip_of(json_array_get(json_array_get(list, i), 0));
		bans[i].timeout_ms = json_integer_value(json_array_get(json_array_get(list, i), 1));
	}
	if (str_is(verb, "sync"))
		r = firewall_sync(fw, handle, bans, n, err);
	else if (str_is(verb, "renew"))
		r = firewall_renew(fw, handle, bans, n, err);
	else
		r = firewall_add(fw, handle, bans, n, err);
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

static json_t *rule_json(const struct firewall_rule *rule)
{
	json_t *ports = json_array(), *protocols = json_array();

	for (unsigned i = 0; i < rule->n_ports; i++)
		json_array_append_new(ports,
				      json_pack("[ii]", rule->ports[i].first, rule->ports[i].last));
	for (unsigned i = 0; i < rule->n_protocols; i++)
		json_array_append_new(protocols, json_integer(rule->protocols[i]));
	return json_pack("{ss%ss%ss%ss%ss%ss%sisosososisi}", "table", rule->table.p, rule->table.n,
			 "chain", rule->chain.p, rule->chain.n, "set4", rule->set4.p, rule->set4.n,
			 "set6", rule->set6.p, rule->set6.n, "hook", rule->hook.p, rule->hook.n,
			 "family",
			 rule->family == NFPROTO_INET   ? "inet"
			 : rule->family == NFPROTO_IPV4 ? "ip"
							: "ip6",
			 rule->family == NFPROTO_INET   ? (size_t)4
			 : rule->family == NFPROTO_IPV4 ? (size_t)2
							: (size_t)3,
			 "priority", rule->priority, "ports", ports, "protocols", protocols, "drop",
			 json_boolean(rule->verdict == FIREWALL_DROP), "reject_type",
			 rule->reject_type, "reject_code", rule->reject_code);
}

static int recognise(const json_t *in, json_t *answer, struct arena *arena, struct err *err)
{
	struct config_action action = { .name = STR("nftables"), .properties = value_dict(arena) };
	struct firewall_rule rule;
	json_t *pair;
	size_t i;
	int r;

	json_array_foreach(json_object_get(in, "properties"), i, pair)
	{
		value_add(arena, action.properties,
			  value_z(arena, json_string_value(json_array_get(pair, 0))));
		value_add(arena, action.properties,
			  value_z(arena, json_string_value(json_array_get(pair, 1))));
	}
	r = firewall_recognise(&action, arena, &rule, err);
	if (r == 1)
		json_object_set_new(answer, "rule", rule_json(&rule));
	return r;
}

static int recognise_jail(const json_t *in, json_t *answer, struct arena *arena, struct err *err)
{
	const char *dir = json_string_value(json_object_get(in, "dir"));
	const char *name = json_string_value(json_object_get(in, "jail"));
	struct config_options options = { .jail = name, .force_enabled = true };
	const struct config_jail *jail;
	struct firewall_rule rule;
	struct config *config;
	int r = config_load(dir, &options, &config, err);

	if (r < 0)
		return r;
	jail = config_find_jail(config, str_of(name));
	if (!jail || jail->n_action == 0)
		r = err_set(err, -22, "no such jail, or it has no action");
	else
		r = firewall_recognise(&jail->action[0], arena, &rule, err);
	if (r == 1)
		json_object_set_new(answer, "rule", rule_json(&rule));
	config_free(config);
	return r;
}

static int run(struct firewall *fw, const json_t *in, json_t *answer, struct arena *arena,
	       struct err *err)
{
	json_t *found = json_object_get(answer, "found");
	str verb = text_of(in, "do");
	int handle = (int)json_integer_value(json_object_get(in, "handle"));
	struct firewall_rule rule;

	if (str_is(verb, "setup")) {
		read_rule(json_object_get(in, "rule"), &rule, arena);
		return firewall_setup(fw, &rule, on_found, found, err);
	}
	if (str_is(verb, "add") || str_is(verb, "renew") || str_is(verb, "sync"))
		return with_bans(fw, in, handle, verb, err);
	if (str_is(verb, "recognise") && json_object_get(in, "dir"))
		return recognise_jail(in, answer, arena, err);
	if (str_is(verb, "recognise"))
		return recognise(in, answer, arena, err);
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
		json_t *in = json_loads(line, 0, NULL), *out = json_pack("{s[]}", "found");
		struct arena *arena = arena_new();
		int64_t start = clock_ticks_ms();
		int r;

		err = (struct err){ 0 };
		r = run(fw, in, out, arena, &err);
		json_object_set_new(out, "r", json_integer(r));
		json_object_set_new(out, "error", json_string(err.text));
		json_object_set_new(out, "ms", json_integer(clock_ticks_ms() - start));
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
