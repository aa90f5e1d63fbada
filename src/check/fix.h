/*
 * What to change: for each check, the lines to set in Postfix, Exim and Sendmail.  Text for people
 * (and for scripts that read it from --json); nothing here is ever run by lastknock.
 */
#pragma once

struct fix {
	const char *check; /* "AUTH-01" */
	const char *mta;   /* "postfix", "exim", "sendmail", or "guard" for those of GRD-* */
	const char *file;  /* the file it belongs into, "main.cf"; NULL: none in particular */
	/*
	 * For people, whole: commands or lines of a configuration file, with the reload at the end,
	 * one a line, no trailing newline.  {user}, {mail} (the test account's login and address),
	 * {domain} and {host} are filled in by the report.
	 */
	const char *text;
	const char *set, *value; /* a single setting, where it is one ("smtpd_tls_auth_only",
				    "yes"); else NULL */
	const char *ref;         /* address of the documentation */
};

/* All of them, ended by a row without a check; rows of one check stand together. */
extern const struct fix fixes[];
