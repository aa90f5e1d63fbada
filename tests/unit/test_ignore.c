#include "unit/unit.h"

#include <fcntl.h>
#include <unistd.h>

#include "judge/ignore.h"
#include "judge/ipset.h"

static struct ip ip_of(const char *text)
{
	struct ip ip;

	assert_int_equal(ip_parse(str_of(text), &ip), 0);
	return ip;
}

static void assert_source(const struct ignore *ig, const char *id, const char *expected)
{
	struct fid f = fid_parse(str_of(id));
	struct ip self[] = { ip_of("198.51.100.7"), ip_of("2001:db8::7") };
	const char *source = ignore_test(ig, &f, self, COUNT(self));

	if (!source != !expected || (source && strcmp(source, expected) != 0))
		fail_msg("%s: %s", id, source ? source : "not ignored");
}

static void sources_in_order(void **state)
{
	static const struct {
		const char *id, *source;
	} cases[] = {
		{ "198.51.100.7", "ignoreself rule" },
		{ "2001:db8::7", "ignoreself rule" },
		{ "127.0.1.1", "ignoreself rule" },
		{ "::1", "ignoreself rule" },
		{ "198.51.100.8", NULL },
		{ "192.0.2.1", "ip" },
		{ "10.1.2.3", "ip" },
		{ "10.1.0.0/16", "ip" },
		{ "8.0.0.0/5", NULL },
		{ "2001:db8:1::5", "ip" },
		{ "203.0.113.5", "dns" },
		{ "203.0.113.6", NULL },
		{ "bob", "dns" },
		{ "eve", NULL },
	};
	str list[] = { STR("bob"), STR("10.0.0.0/8"), STR("Relay.example.org"), STR("192.0.2.1"),
		       STR("2001:db8:1::/48") };
	struct config_jail jail = { .ignoreself = true, .ignoreip = list, .n_ignoreip = 5 };
	struct ignore *ig = ignore_new(&jail);
	struct ip answer[] = { ip_of("203.0.113.5"), ip_of("203.0.113.9") };

	(void)state;
	assert_source(ig, "203.0.113.5", NULL);
	ignore_set_addresses(ig, STR("relay.EXAMPLE.org"), answer, 2);
	ignore_set_addresses(ig, STR("unknown.example.org"), answer, 2);
	ignore_set_addresses(ig, STR("relay.example.org"), NULL, 0);
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_source(ig, cases[i].id, cases[i].source);
	assert_true(str_is(ignore_name(ig, 1), "Relay.example.org"));
	assert_null(ignore_name(ig, 2).p);
	/* renewed: the old addresses are gone */
	ignore_set_addresses(ig, STR("relay.example.org"), answer + 1, 1);
	assert_source(ig, "203.0.113.5", NULL);
	assert_source(ig, "203.0.113.9", "dns");
	ignore_free(ig);
	jail.ignoreself = false;
	ig = ignore_new(&jail);
	assert_source(ig, "198.51.100.7", NULL);
	assert_source(ig, "127.0.0.1", NULL);
	ignore_free(ig);
}

static void networks_that_hold_an_ignored_address(void **state)
{
	static const struct {
		const char *net;
		bool inside;
	} cases[] = {
		{ "192.0.2.0/24", true },      { "192.0.2.2/31", false },
		{ "10.1.0.0/16", true },       { "8.0.0.0/5", true },
		{ "2001:db8:1:2::/64", true }, { "2001:db8::/64", true },
		{ "2001:db8:2::/64", false },  { "0.0.0.0/0", true },
		{ "203.0.113.0/24", true },    { "127.0.0.0/16", true },
		{ "172.16.0.0/12", false },
	};
	str list[] = { STR("10.0.0.0/8"), STR("192.0.2.1"), STR("2001:db8:1::/48"), STR("name") };
	struct config_jail jail = { .ignoreself = true, .ignoreip = list, .n_ignoreip = 4 };
	struct ignore *ig = ignore_new(&jail);
	struct ip self = ip_of("2001:db8::7"), answer = ip_of("203.0.113.5");

	(void)state;
	ignore_set_addresses(ig, STR("name"), &answer, 1);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct ip net = ip_of(cases[i].net);

		if (ignore_inside(ig, &net, &self, 1) != cases[i].inside)
			fail_msg("%s", cases[i].net);
	}
	ignore_free(ig);
}

static void write_file(const char *path, int flags, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void files_are_read_again(void **state)
{
	char dir[] = "/tmp/lastknock-ignore-XXXXXX";
	_free_ char *path = NULL, *other = NULL, *entry = NULL;
	struct config_jail jail = { .n_ignoreip = 1 };
	struct ignore *ig;
	struct ip answer = ip_of("203.0.113.5");
	str list[1];

	(void)state;
	assert_non_null(mkdtemp(dir));
	path = xasprintf("%s/list", dir);
	other = xasprintf("%s/other", dir);
	entry = xasprintf("file:%s", path);
	list[0] = str_of(entry);
	jail.ignoreip = list;
	write_file(path, O_TRUNC,
		   "# a list\n192.0.2.1, 192.0.2.2;192.0.2.3\n\t10.0.0.0/8 relay\n2001:db8::1");
	ig = ignore_new(&jail);
	assert_true(str_eq(ignore_file(ig, 0), str_of(path)));
	assert_null(ignore_file(ig, 1).p);
	assert_source(ig, "192.0.2.1", entry);
	assert_source(ig, "192.0.2.2", entry);
	assert_source(ig, "192.0.2.3", NULL);
	assert_source(ig, "10.9.9.9", entry);
	assert_source(ig, "2001:db8::1", entry);
	assert_true(str_is(ignore_name(ig, 0), "relay"));
	ignore_set_addresses(ig, STR("relay"), &answer, 1);
	assert_source(ig, "203.0.113.5", entry);
	/* appended to: seen, but not more than once a second */
	assert_false(ignore_refresh(ig, 100));
	write_file(path, O_APPEND, "\n192.0.2.4\n");
	assert_false(ignore_refresh(ig, 100.9));
	assert_source(ig, "192.0.2.4", NULL);
	assert_true(ignore_refresh(ig, 101));
	assert_source(ig, "192.0.2.4", entry);
	assert_false(ignore_refresh(ig, 102));
	/* another file in its place */
	write_file(other, O_TRUNC, "198.51.100.1\n");
	assert_int_equal(rename(other, path), 0);
	assert_true(ignore_refresh(ig, 103));
	assert_source(ig, "192.0.2.4", NULL);
	assert_source(ig, "203.0.113.5", NULL);
	assert_source(ig, "198.51.100.1", entry);
	/* gone: the last list stays */
	assert_int_equal(unlink(path), 0);
	assert_false(ignore_refresh(ig, 104));
	assert_source(ig, "198.51.100.1", entry);
	ignore_free(ig);
	/* not there at first */
	ig = ignore_new(&jail);
	assert_source(ig, "192.0.2.9", NULL);
	write_file(path, O_TRUNC, "192.0.2.9");
	assert_true(ignore_refresh(ig, 1));
	assert_source(ig, "192.0.2.9", entry);
	ignore_free(ig);
	unlink(path);
	assert_int_equal(rmdir(dir), 0);
}

static void sets_cover_and_touch(void **state)
{
	static const struct {
		const char *ip;
		bool covers, touches;
	} cases[] = {
		{ "192.0.2.1", true, true },      { "192.0.2.2", false, false },
		{ "198.51.100.200", true, true }, { "198.51.100.128/25", true, true },
		{ "198.51.0.0/16", false, true }, { "2001:db8:ffff::1", true, true },
		{ "2001::/16", false, true },     { "::/0", false, true },
		{ "0.0.0.0/0", false, true },     { "c000:201::", false, false },
	};
	struct ipset *s = ipset_new();
	static const char *const members[] = { "192.0.2.1", "198.51.100.0/24", "2001:db8::/32",
					       "192.0.2.1" };

	(void)state;
	for (size_t i = 0; i < COUNT(members); i++) {
		struct ip ip = ip_of(members[i]);

		ipset_add(s, &ip);
	}
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct ip ip = ip_of(cases[i].ip);

		if (ipset_covers(s, &ip) != cases[i].covers ||
		    ipset_touches(s, &ip) != cases[i].touches)
			fail_msg("%s", cases[i].ip);
	}
	ipset_free(s);
}

static void the_machine_has_addresses(void **state)
{
	struct ip out[64], loopback = ip_of("127.0.0.1");
	size_t n = ignore_own_addresses(out, COUNT(out)), found = 0;

	(void)state;
	if (n == 0)
		skip(); /* a network namespace without even a loopback that is up */
	for (size_t i = 0; i < n; i++) {
		assert_true(ip_is_single(&out[i]));
		found += ip_eq(&out[i], &loopback);
	}
	assert_int_equal(found, 1);
	assert_int_equal(ignore_own_addresses(out, 1), 1);
	assert_int_equal(ignore_own_addresses(out, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sources_in_order),
		cmocka_unit_test(networks_that_hold_an_ignored_address),
		cmocka_unit_test(files_are_read_again),
		cmocka_unit_test(sets_cover_and_touch),
		cmocka_unit_test(the_machine_has_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
