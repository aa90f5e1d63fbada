#include "unit/unit.h"

#include "action/render.h"
#include "config/property.h"

static struct ticket *ticket_of(const char *id, double time)
{
	struct fid fid = fid_parse(str_of(id));
	struct ticket *t = ticket_new(&fid, time);

	t->failures = 3;
	t->bancount = 2;
	return t;
}

static void add_line(struct ticket *t, const char *prefix, const char *date, const char *suffix)
{
	struct match_line line = { .prefix = str_of(prefix),
				   .date = str_of(date),
				   .suffix = str_of(suffix) };

	ticket_add_line(t, &line, 10);
}

static struct value *properties_of(struct arena *arena, const char *const (*pairs)[2], size_t n)
{
	struct value *dict = value_dict(arena);

	for (size_t i = 0; i < n; i++) {
		value_add(arena, dict, value_z(arena, pairs[i][0]));
		value_add(arena, dict, value_z(arena, pairs[i][1]));
	}
	return dict;
}

static const char *const properties[][2] = {
	{ "name", "mail" },
	{ "blocktype", "REJECT" },
	{ "blocktype?family=inet6", "REJECT6" },
	{ "chain", "f2b-<name>" },
	{ "evil", "$(reboot) <F-USER>" }, /* the configuration's own shell text is trusted */
};

/* The script, and its arguments each in [ ]. */
static void expect(const struct action_input *in, const char *command, const char *wanted)
{
	_buf_free_ struct buf text = { 0 };
	struct arena *arena = arena_new();
	struct action_input copy = *in;
	struct err err = { 0 };
	char **args;
	str script;

	copy.properties = properties_of(arena, properties, COUNT(properties));
	assert_int_equal(action_render(&copy, str_of(command), arena, &script, &args, &err), 0);
	buf_add_str(&text, script);
	for (unsigned i = 0; args[i]; i++)
		buf_printf(&text, " [%s]", args[i]);
	assert_string_equal(buf_z(&text), wanted);
	arena_free(arena);
}

static void tags_of_a_ticket(void **state)
{
	static const struct {
		const char *command, *wanted;
	} cases[] = {
		{ "<ip> <fid> <family>", "192.0.2.7 192.0.2.7 inet4" },
		{ "<ip-rev> <ip-host>", "7.2.0.192. None" },
		{ "<failures> <bancount> <restored>", "3 2 0" },
		{ "<time> <bantime>", "1795292391.0 600" },
		{ "<jail.name> <jail.banned>/<jail.banned_total>/<jail.found>/<jail.found_total>",
		  "mail 1/2/3/4" },
		{ "<ipfailures> <ipjailfailures>", "3 3" },
		{ "<F-USER>|<F-NOPE>|<F-ID>|<F-PORT>", "bob|||25" },
		{ "<unknown> <F-user> <F-> < ip> <>", "<unknown> <F-user> <F-> < ip> <>" },
		{ "<a<ip>> <ip <ip>", "<a192.0.2.7> <ip 192.0.2.7" },
		{ "<blocktype> <chain> a<br>b<sp>c", "REJECT f2b-mail a\nb c" },
		{ "<evil>", "$(reboot) bob" },
		{ "", "" },
		{ "<", "<" },
	};
	struct ticket *t = ticket_of("192.0.2.7", 1795292391);
	struct action_input in = { .jail_name = STR("mail"),
				   .jail_bantime = 600,
				   .counters = { 1, 2, 3, 4 },
				   .ticket = t };

	(void)state;
	ticket_add_field(t, STR("user"), STR("bob"));
	ticket_add_field(t, STR("fport"), STR("25"));
	for (size_t i = 0; i < COUNT(cases); i++)
		expect(&in, cases[i].command, cases[i].wanted);
	ticket_free(t);
}

static void numbers_print_as_python_has_them(void **state)
{
	struct ticket *t = ticket_of("192.0.2.7", 1795292446.6240227);
	struct action_input in = { .ticket = t, .jail_bantime = 600 };

	(void)state;
	t->bantime = -1;
	expect(&in, "<time> <bantime>", "1795292446.6240227 -1");
	t->time = 1795292896;
	t->restored = true;
	expect(&in, "<time> <restored>", "1795292896 1");
	ticket_free(t);
}

static void families_choose_properties(void **state)
{
	static const struct {
		const char *id, *wanted;
	} cases[] = {
		{ "2001:db8::1",
		  "2001:db8::1 inet6 REJECT6 "
		  "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2." },
		{ "10.1.0.0/16", "10.1.0.0/16 inet4 REJECT 0/16.0.1.10." },
		{ "bob", "bob None REJECT " },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct ticket *t = ticket_of(cases[i].id, 0);
		struct action_input in = { .ticket = t };

		expect(&in, "<ip> <family> <blocktype> <ip-rev>", cases[i].wanted);
		ticket_free(t);
	}
}

static void an_id_may_be_more_than_its_address(void **state)
{
	struct ticket *t = ticket_of("192.0.2.7-bob", 0);
	struct action_input in = { .ticket = t };

	(void)state;
	ticket_add_field(t, STR("ip"), STR("2001:db8::7"));
	ticket_add_field(t, STR("fid"), STR("192.0.2.7-bob"));
	expect(&in, "<ip> <fid> <F-ID> <family>", "2001:db8::7 192.0.2.7-bob 192.0.2.7-bob inet6");
	ticket_free(t);
}

static void without_a_ticket_tags_are_empty(void **state)
{
	struct action_input in = { .jail_name = STR("mail"),
				   .jail_bantime = 600,
				   .family = "inet6",
				   .now = 1795299636.5 };

	(void)state;
	expect(&in, "fam=<family> t=<time> ip=<ip> F=<F-USER> jb=<jail.banned> x=<fid> m=<matches>",
	       "fam=inet6 t=1795299636.5 ip= F= jb=0 x= m=");
	expect(&in, "f=<failures> bt=<bantime> <blocktype> <raw-ticket> <unknown>",
	       "f=0 bt=600 REJECT6  <unknown>");
}

static void special_values_become_arguments(void **state)
{
	static const struct {
		const char *user, *command, *wanted;
	} cases[] = {
		{ "a b", "echo <F-USER>", "echo a b" }, /* as Fail2ban: a blank is not special */
		{ "a'b", "echo '<F-USER>'", "f2bV_F_user=$0 \necho '$f2bV_F_user' [a'b]" },
		{ "`id`", "<F-USER> <F-USER>",
		  "f2bV_F_user=$0 \n$f2bV_F_user $f2bV_F_user [`id`]" },
		{ "$(id)", "<ip> <F-USER>", "f2bV_F_user=$0 \n192.0.2.7 $f2bV_F_user [$(id)]" },
		{ "x;id", "<F-USER>", "f2bV_F_user=$0 \n$f2bV_F_user [x;id]" },
		{ "a\nb", "<F-USER>", "f2bV_F_user=$0 \n$f2bV_F_user [a\nb]" },
		{ "a\rb", "<F-USER>", "f2bV_F_user=$0 \n$f2bV_F_user [a\rb]" },
		{ "\x1b[2J", "<F-USER>", "f2bV_F_user=$0 \n$f2bV_F_user [\x1b[2J]" },
		{ "<ip>", "<F-USER>", "f2bV_F_user=$0 \n$f2bV_F_user [<ip>]" },
		{ "<name>", "<F-USER>", "f2bV_F_user=$0 \n$f2bV_F_user [<name>]" },
		{ "$f2bV_x", "<F-USER>", "f2bV_F_user=$0 \n$f2bV_F_user [$f2bV_x]" },
		{ "na\xc3\xafve", "<F-USER>", "na\xc3\xafve" },
		{ "a&b", "<F-USER> <matches>",
		  "f2bV_F_user=$0 f2bV_matches=$1 \n$f2bV_F_user $f2bV_matches [a&b] [l1 "
		  "'x'\nl2]" },
		{ "u", "<ipmatches>", "f2bV_ipmatches=$0 \n$f2bV_ipmatches [l1 'x'\nl2]" },
		{ "u", "<raw-ticket>",
		  "f2bV_raw_ticket=$0 \n$f2bV_raw_ticket [BanTicket: ip=192.0.2.7 time=5.0 "
		  "bantime=None bancount=2 #attempts=3 matches=[('l', '1', \" 'x'\"), 'l2']]" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct ticket *t = ticket_of("192.0.2.7", 5);
		struct action_input in = { .ticket = t };

		ticket_add_field(t, STR("user"), str_of(cases[i].user));
		add_line(t, "l", "1", " 'x'");
		add_line(t, "l2", "", "");
		expect(&in, cases[i].command, cases[i].wanted);
		ticket_free(t);
	}
}

/* Every byte that a shell could take for its own, alone, never gets into the text. */
static void each_special_byte_is_kept_out(void **state)
{
	(void)state;
	for (int c = 1; c < 256; c++) {
		struct ticket *t = ticket_of("192.0.2.7", 5);
		struct action_input in = { .ticket = t };
		char user[4] = { 'a', (char)c, 'b', 0 };
		char wanted[64];

		ticket_add_field(t, STR("user"), str_of(user));
		if (strchr("\\#&;`|*?~<>^()[]{}$'\"", c) || (c < ' ' && c != '\t') || c == 0x7f)
			snprintf(wanted, sizeof wanted, "f2bV_F_user=$0 \necho $f2bV_F_user [%s]",
				 user);
		else
			snprintf(wanted, sizeof wanted, "echo %s", user);
		expect(&in, "echo <F-USER>", wanted);
		ticket_free(t);
	}
}

static void names_that_collide_and_many_variables(void **state)
{
	struct ticket *t = ticket_of("192.0.2.7", 5);
	struct action_input in = { .ticket = t };

	(void)state;
	ticket_add_field(t, STR("a-b"), STR("$1"));
	ticket_add_field(t, STR("a_b"), STR("$2"));
	expect(&in, "<F-A-B> <F-A_B> <F-A-B>",
	       "f2bV_F_a_b=$0 f2bV_F_a_b_1=$1 \n$f2bV_F_a_b $f2bV_F_a_b_1 $f2bV_F_a_b [$1] [$2]");
	for (int i = 0; i < 12; i++) {
		char name[8], value[8];

		snprintf(name, sizeof name, "x%d", i);
		snprintf(value, sizeof value, ";%d", i);
		ticket_add_field(t, str_of(name), str_of(value));
	}
	expect(&in, "<F-X0><F-X1><F-X2><F-X3><F-X4><F-X5><F-X6><F-X7><F-X8><F-X9><F-X10><F-X11>",
	       "f2bV_F_x0=$0 f2bV_F_x1=$1 f2bV_F_x2=$2 f2bV_F_x3=$3 f2bV_F_x4=$4 f2bV_F_x5=$5 "
	       "f2bV_F_x6=$6 f2bV_F_x7=$7 f2bV_F_x8=$8 f2bV_F_x9=$9 f2bV_F_x10=${10} "
	       "f2bV_F_x11=${11} \n"
	       "$f2bV_F_x0$f2bV_F_x1$f2bV_F_x2$f2bV_F_x3$f2bV_F_x4$f2bV_F_x5$f2bV_F_x6$f2bV_F_x7"
	       "$f2bV_F_x8$f2bV_F_x9$f2bV_F_x10$f2bV_F_x11"
	       " [;0] [;1] [;2] [;3] [;4] [;5] [;6] [;7] [;8] [;9] [;10] [;11]");
	ticket_free(t);
}

static void long_values(void **state)
{
	struct ticket *t = ticket_of("192.0.2.7", 5);
	struct arena *arena = arena_new();
	struct action_input in = { .ticket = t, .properties = value_dict(arena) };
	_buf_free_ struct buf line = { 0 };
	struct err err = { 0 };
	char **args;
	str script;

	(void)state;
	/* ticket_add_line() bounds it; with a quote it is an argument, without it is in the text */
	for (int i = 0; i < TICKET_LINE_BYTES; i++)
		buf_add_char(&line, 'a');
	line.p[5] = '\'';
	add_line(t, buf_z(&line), "", "");
	assert_int_equal(action_render(&in, STR("echo <matches>"), arena, &script, &args, &err), 0);
	assert_string_equal(script.p, "f2bV_matches=$0 \necho $f2bV_matches");
	assert_true(strlen(args[0]) > 40000);
	t->lines[0]->text[5] = 'a';
	assert_int_equal(action_render(&in, STR("echo <matches>"), arena, &script, &args, &err), 0);
	assert_true(script.n > 40000 && !args[0]);
	assert_int_equal(action_render(&in, STR("<matches><matches><matches><matches>"), arena,
				       &script, &args, &err),
			 -7 /* E2BIG */);
	arena_free(arena);
	ticket_free(t);
}

static void a_nul_cannot_cut_a_value(void **state)
{
	struct ticket *t = ticket_of("192.0.2.7", 5);
	struct action_input in = { .ticket = t };

	(void)state;
	ticket_add_field(t, STR("user"), str_mem("a\0b", 3));
	expect(&in, "<F-USER>", "f2bV_F_user=$0 \n$f2bV_F_user [ab]");
	ticket_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tags_of_a_ticket),
		cmocka_unit_test(numbers_print_as_python_has_them),
		cmocka_unit_test(families_choose_properties),
		cmocka_unit_test(an_id_may_be_more_than_its_address),
		cmocka_unit_test(without_a_ticket_tags_are_empty),
		cmocka_unit_test(special_values_become_arguments),
		cmocka_unit_test(each_special_byte_is_kept_out),
		cmocka_unit_test(names_that_collide_and_many_variables),
		cmocka_unit_test(long_values),
		cmocka_unit_test(a_nul_cannot_cut_a_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
