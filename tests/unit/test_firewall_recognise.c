#include "unit/unit.h"

#include "config/property.h"
#include "firewall/firewall.h"
#include "firewall/values.h"

/* An action that says of itself what it is. The texts of its commands do not matter then. */
static const char *const own[][2] = {
	{ "actionstart", "add table <table_family> <table>\n"
			 "add chain <table_family> <table> f2b-chain { type filter }" },
	{ "actionban", "anything" },
	{ "lastknock", "nftables" },
	{ "name", "mail" },
	{ "table", "f2b-table" },
	{ "table_family", "inet" },
	{ "chain", "<known/chain>" },
	{ "chain_type", "filter" },
	{ "chain_hook", "input" },
	{ "chain_priority", "-1" },
	{ "type", "multiport" },
	{ "port", "25,465" },
	{ "protocol", "tcp" },
	{ "blocktype", "drop" },
	{ "addr_set", "addr-set-<name>" },
	{ "addr_family", "ip" },
	{ "addr_type", "ipv4_addr" },
	{ "addr_set?family=inet6", "addr6-set-<name>" },
	{ "addr_family?family=inet6", "ip6" },
	{ "addr_type?family=inet6", "ipv6_addr" },
};

/* The action with some properties changed (a NULL value: left out). */
static int recognise(struct arena *arena, const char *const changes[][2], unsigned n,
		     struct firewall_rule *rule, struct err *err)
{
	struct config_action action = { .name = STR("nft"), .properties = value_dict(arena) };

	for (size_t i = 0; i < COUNT(own); i++) {
		const char *value = own[i][1];

		for (unsigned k = 0; k < n; k++)
			if (changes[k][0] && strcmp(own[i][0], changes[k][0]) == 0)
				value = changes[k][1];
		if (!value)
			continue;
		value_add(arena, action.properties, value_z(arena, own[i][0]));
		value_add(arena, action.properties, value_z(arena, value));
	}
	return firewall_recognise(&action, arena, rule, err);
}

static void our_action_is_native(void **state)
{
	struct arena *arena = arena_new();
	struct firewall_rule rule;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(recognise(arena, NULL, 0, &rule, &err), 1);
	assert_true(str_is(rule.table, "f2b-table"));
	assert_true(str_is(rule.chain, "f2b-chain")); /* read from the command */
	assert_true(str_is(rule.set4, "addr-set-mail"));
	assert_true(str_is(rule.set6, "addr6-set-mail"));
	assert_int_equal(rule.family, NFPROTO_INET);
	assert_int_equal(rule.priority, -1);
	assert_int_equal(rule.n_ports, 2);
	assert_int_equal(rule.ports[1].first, 465);
	assert_int_equal(rule.verdict, FIREWALL_DROP);
	arena_free(arena);
}

static void what_an_action_asks_for(void **state)
{
	static const struct {
		const char *change[2][2];
		int result;
		const char *message; /* part of it */
	} cases[] = {
		{ { { "lastknock", NULL } }, 0, "" }, /* no stock text */
		{ { { "lastknock", "iptables" } }, 0, "" },
		{ { { "chain", "mine" } }, 1, "" },
		{ { { "type", "allports" } }, 1, "" },
		{ { { "type", "allports" }, { "protocol", "all" } }, 1, "" },
		{ { { "type", "sideways" } }, -22, "type 'sideways'" },
		{ { { "table_family", "bridge" } }, 0, "" },
		{ { { "table_family", "ip" }, { "blocktype", "reject" } }, 1, "" },
		{ { { "port", "nosuchservice" } }, -22, "port 'nosuchservice'" },
		{ { { "port", "" } }, -22, "port ''" },
		{ { { "port", "70000" } }, -22, "port '70000'" },
		{ { { "port", "20-10" } }, -22, "port '20-10'" },
		{ { { "port", "25; reboot" } }, -22, "port '25;'" },
		{ { { "protocol", "icmp" } }, -22, "protocol (for ports) 'icmp'" },
		{ { { "protocol", "nosuch" } }, -22, "protocol 'nosuch'" },
		{ { { "protocol", "all" } }, -22, "protocol (for ports) 'all'" },
		{ { { "blocktype", "counter drop" } }, 0, "" },
		{ { { "blocktype", "redirect to 2222" } }, 0, "" },
		{ { { "blocktype", "reject with icmpx type admin-prohibited" } }, 1, "" },
		{ { { "blocktype", "reject with icmpx admin-prohibited" } }, 1, "" },
		{ { { "blocktype", "reject with icmp type host-unreachable" } }, 0, "" },
		{ { { "blocktype", "reject with icmp type host-unreachable" },
		    { "table_family", "ip" } },
		  1,
		  "" },
		{ { { "blocktype", "reject with tcp reset" } }, 1, "" },
		{ { { "blocktype", "reject with tcp reset" }, { "protocol", "tcp,udp" } }, 0, "" },
		{ { { "chain_priority", "filter - 10" } }, 1, "" },
		{ { { "chain_priority", "soon" } }, -22, "chain_priority 'soon'" },
		{ { { "addr_type", "ether_addr" } }, 0, "" },
		{ { { "addr_set?family=inet6", NULL } }, 0, "" },
		{ { { "name", "<name>x" } }, -40, "self referencing" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct arena *arena = arena_new();
		struct firewall_rule rule;
		struct err err = { 0 };

		assert_int_equal(recognise(arena, cases[i].change, 2, &rule, &err),
				 cases[i].result);
		if (cases[i].message[0])
			assert_non_null(strstr(err.text, cases[i].message));
		arena_free(arena);
	}
}

static void python_is_never_native(void **state)
{
	struct arena *arena = arena_new();
	struct config_action action = { .python = true, .properties = value_dict(arena) };
	struct firewall_rule rule;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(firewall_recognise(&action, arena, &rule, &err), 0);
	arena_free(arena);
}

static void ports_are_sorted_and_merged(void **state)
{
	static const struct {
		const char *text, *wanted; /* wanted NULL: refused */
	} cases[] = {
		{ "25", "25-25 " },
		{ "smtp,submission", "25-25 587-587 " },
		{ "465 smtp\n587", "25-25 465-465 587-587 " },
		{ "0:65535", "0-65535 " },
		{ "100-200,150-300,50,50", "50-50 100-300 " },
		{ "1-2,3-4", "1-2 3-4 " },
		{ "ms-sql-s", "1433-1433 " },
		{ "25:", NULL },
		{ "-25", NULL },
		{ "25x", NULL },
		{ ",", NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct arena *arena = arena_new();
		struct firewall_rule rule = { 0 };
		_buf_free_ struct buf text = { 0 };
		str bad;
		int r = values_ports(str_of(cases[i].text), arena, &rule, &bad);

		assert_int_equal(r, cases[i].wanted ? 0 : -22);
		for (unsigned k = 0; k < rule.n_ports; k++)
			buf_printf(&text, "%u-%u ", rule.ports[k].first, rule.ports[k].last);
		if (cases[i].wanted)
			assert_string_equal(buf_z(&text), cases[i].wanted);
		arena_free(arena);
	}
}

static void priorities_have_names(void **state)
{
	static const struct {
		const char *text;
		int result, value;
	} cases[] = {
		{ "-1", 0, -1 },         { "0", 0, 0 },          { "filter", 0, 0 },
		{ "filter - 1", 0, -1 }, { "filter-1", 0, -1 },  { "mangle + 5", 0, -145 },
		{ "raw", 0, -300 },      { "filter 1", -22, 0 }, { "filter --1", -22, 0 },
		{ "1 2", -22, 0 },       { "", -22, 0 },         { "999999999", -22, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		int value = 0;

		assert_int_equal(values_priority(str_of(cases[i].text), &value), cases[i].result);
		assert_int_equal(value, cases[i].value);
	}
}

static void properties_expand(void **state)
{
	static const struct {
		const char *text, *family, *wanted; /* wanted NULL: refused */
	} cases[] = {
		{ "<name> <addr_set> <ip>", "inet4", "mail addr-set-mail <ip>" },
		{ "<addr_set>", "inet6", "addr6-set-mail" },
		{ "<addr_set>", NULL, "addr-set-mail" },
		{ "<addr_<lastknock>>", NULL, "<addr_nftables>" },
		{ "<<x>name> < name> <name", NULL, "<<x>name> < name> <name" },
		{ "a<br>b<sp>c", NULL, "a\nb c" },
		{ "<fq-hostname> <sh-hostname>", NULL, "mx.example.org <sh-hostname>" },
		{ "<circle>", NULL, NULL },
		{ "<double>", NULL, NULL },
		{ "<matches> <bantime>", NULL, "a\\$b\\nc <bantime>" },
	};
	struct arena *arena = arena_new();
	struct value *properties = value_dict(arena);
	static const char *const more[][2] = {
		{ "circle", "<elcric>" },
		{ "elcric", "<circle>" },
		{ "double", "<double><double>" },
		{ "matches", "a$b\nc" },
		{ "bantime", "5" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(own); i++) {
		value_add(arena, properties, value_z(arena, own[i][0]));
		value_add(arena, properties, value_z(arena, own[i][1]));
	}
	for (size_t i = 0; i < COUNT(more); i++) {
		value_add(arena, properties, value_z(arena, more[i][0]));
		value_add(arena, properties, value_z(arena, more[i][1]));
	}
	assert_true(property_has_conditions(properties));
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct property_scope scope = { .properties = properties,
						.family = cases[i].family,
						.fq_hostname = "mx.example.org" };
		struct err err = { 0 };
		str out;
		int r = property_expand(&scope, str_of(cases[i].text), arena, &out, &err);

		assert_int_equal(r < 0, !cases[i].wanted);
		if (cases[i].wanted)
			assert_string_equal(out.p, cases[i].wanted);
	}
	arena_free(arena);
}

/* On a system without /etc/services and /etc/protocols too. */
static void common_words_are_known(void **state)
{
	struct arena *arena = arena_new();
	struct firewall_rule rule = { 0 };
	str bad;

	assert_int_equal(values_ports(STR("submissions, imap2 smtp"), arena, &rule, &bad), 0);
	assert_int_equal(rule.n_ports, 3);
	assert_int_equal(rule.ports[0].first, 25);
	assert_int_equal(rule.ports[1].first, 143);
	assert_int_equal(rule.ports[2].last, 465);
	assert_int_equal(values_protocols(STR("tcp,udp,icmpv6"), arena, &rule, &bad), 0);
	assert_memory_equal(rule.protocols, "\x06\x11\x3a", 3);
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(our_action_is_native),
		cmocka_unit_test(what_an_action_asks_for),
		cmocka_unit_test(common_words_are_known),
		cmocka_unit_test(python_is_never_native),
		cmocka_unit_test(ports_are_sorted_and_merged),
		cmocka_unit_test(priorities_have_names),
		cmocka_unit_test(properties_expand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
