/*
 * The table of fixes; see fix.h.  Postfix's texts are whole shell scripts; those of Exim and
 * Sendmail are lines for its configuration file, with `#` or `dnl` before what is only said, and
 * the commands that follow.  All were tried on Postfix 3.7, Exim 4.96 and Sendmail 8.17 as Debian
 * 12 has them, but: certbot, the openssl_options of Exim (Debian's has GnuTLS), and what says
 * "untested".
 */
#include "check/fix.h"

#include <stddef.h>

/* In front of all servers */

#define CERTBOT(then) "certbot certonly --standalone -d {host} --deploy-hook '" then "'\n"
#define LETS_ENCRYPT "/etc/letsencrypt/live/{host}/"

static const char ehlo[] = "# Postfix, Exim and Sendmail know EHLO by themselves: what refused it "
			   "stands in front of them.\n"
			   "# Switch off the firewall's SMTP inspection (Cisco: no inspect esmtp) "
			   "or the virus scanner's\n"
			   "# proxy, and let this port go straight to the mail server.";

/* Postfix */

#define POSTFIX_DOC "https://www.postfix.org/postconf.5.html#"
#define POSTFIX_NAMES "# the service of port 465 is called submissions or smtps: see postconf -M\n"
#define POSTFIX_CERTIFICATE                                                                        \
	"# the certificate with its chain, and its key\n"                                          \
	"postconf -e 'smtpd_tls_cert_file = " LETS_ENCRYPT "fullchain.pem'\n"                      \
	"postconf -e 'smtpd_tls_key_file = " LETS_ENCRYPT "privkey.pem'\n"                         \
	"# smtpd_tls_chain_files, where it is set, is used instead of these two\n"                 \
	"postconf -X smtpd_tls_chain_files\n"
#define POSTFIX_SENDER_MAP                                                                         \
	"# one line an address: the address, then the login that owns it (or several, with "       \
	"commas).\n"                                                                               \
	"# Enter all users: a login without an address can send nothing any more.\n"               \
	"echo '{mail} {user}' >>/etc/postfix/sender_login\n"                                       \
	"# where `postconf -m` does not know hash, write lmdb\n"                                   \
	"postmap hash:/etc/postfix/sender_login\n"                                                 \
	"postconf -e 'smtpd_sender_login_maps = hash:/etc/postfix/sender_login'\n"
#define POSTFIX_RELOAD "postfix reload"

static const char postfix_implicit[] =
	POSTFIX_NAMES "postconf -P 'submissions/inet/smtpd_tls_wrappermode=yes'\n" POSTFIX_RELOAD;

static const char postfix_starttls[] = POSTFIX_CERTIFICATE
	"postconf -e 'smtpd_tls_security_level = may'\n"
	"postconf -P 'submission/inet/smtpd_tls_security_level=encrypt'\n"
	"# if it is still not offered: no list of these may have the word starttls\n"
	"postconf smtpd_discard_ehlo_keywords "
	"smtpd_discard_ehlo_keyword_address_maps\n" POSTFIX_RELOAD;

static const char postfix_tls_works[] = POSTFIX_CERTIFICATE
	"# they must belong together (two equal sums); why else it fails: grep TLS "
	"/var/log/mail.log\n"
	"openssl x509 -noout -pubkey -in $(postconf -hx smtpd_tls_cert_file) | sha256sum\n"
	"openssl pkey -pubout -in $(postconf -hx smtpd_tls_key_file) | sha256sum\n" POSTFIX_RELOAD;

static const char postfix_tls_versions[] =
	"# before Postfix 3.6: '!SSLv2, !SSLv3, !TLSv1, !TLSv1.1' instead of '>=TLSv1.2'\n"
	"postconf -e 'smtpd_tls_protocols = >=TLSv1.2'\n"
	"postconf -e 'smtpd_tls_mandatory_protocols = >=TLSv1.2'\n"
	"# a service's own setting hides these: this must print nothing\n"
	"postconf -P | grep protocols || true\n" POSTFIX_RELOAD;

static const char postfix_certificate[] =
	CERTBOT("postfix reload") POSTFIX_CERTIFICATE POSTFIX_RELOAD;

static const char postfix_auth_tls[] =
	"postconf -e 'smtpd_tls_auth_only = yes'\n"
	"postconf -P 'submission/inet/smtpd_tls_auth_only=yes'\n"
	"postconf -P 'submission/inet/smtpd_tls_security_level=encrypt'\n"
	"# a service's own setting hides these: no line but yes may come\n"
	"postconf -P | grep auth_only\n" POSTFIX_RELOAD;

static const char postfix_mechanisms[] =
	"postconf -e 'smtpd_sasl_security_options = noanonymous'\n"
	"postconf -e 'smtpd_sasl_tls_security_options = noanonymous'\n"
	"# a service's own setting hides these: this must print nothing\n"
	"postconf -P | grep security_options || true\n"
	"# and in Dovecot:  auth_mechanisms = plain login\n"
	"# or in Cyrus SASL's /etc/postfix/sasl/smtpd.conf:  mech_list: PLAIN "
	"LOGIN\n" POSTFIX_RELOAD;

static const char postfix_any_login[] =
	"# Postfix believes its SASL server.  Dovecot: take out the passdb that lets anybody in "
	"(driver =\n"
	"# static with nopassword, or one that looks up no password), then: doveadm reload\n"
	"doveconf -n | grep -A 4 passdb\n"
	"# this must fail\n"
	"doveadm auth test nobody-of-this-name wrong-password\n"
	"# Cyrus SASL (untested): the same for  testsaslauthd -u nobody-of-this-name -p wrong -s "
	"smtp";

static const char postfix_submission[] = POSTFIX_NAMES
	"postconf -P 'submission/inet/smtpd_relay_restrictions=permit_sasl_authenticated,reject'\n"
	"postconf -P "
	"'submissions/inet/"
	"smtpd_relay_restrictions=permit_sasl_authenticated,reject'\n" POSTFIX_RELOAD;

static const char postfix_sender[] = POSTFIX_SENDER_MAP
	"# first in its list: after a permit it would never run\n"
	"own=reject_authenticated_sender_login_mismatch\n"
	"postconf -e \"smtpd_sender_restrictions = $own, $(postconf -h "
	"smtpd_sender_restrictions)\"\n"
	"# the list of a service hides that one\n" POSTFIX_NAMES
	"postconf -P \"submission/inet/smtpd_sender_restrictions=$own\"\n"
	"postconf -P \"submissions/inet/smtpd_sender_restrictions=$own\"\n" POSTFIX_RELOAD;

static const char postfix_local_sender[] =
	POSTFIX_SENDER_MAP "# works where smtpd_sasl_auth_enable = yes.  Mail of your users that "
			   "comes back through a\n"
			   "# forwarder or a mailing list that keeps the sender is refused, too.\n"
			   "own='reject_authenticated_sender_login_mismatch, permit_mynetworks,"
			   " reject_unauthenticated_sender_login_mismatch'\n"
			   "postconf -e \"smtpd_sender_restrictions = $own, $(postconf -h "
			   "smtpd_sender_restrictions)\"\n" POSTFIX_RELOAD;

static const char postfix_relay[] =
	"# who may relay: this machine (add your own networks only), and who logged in\n"
	"postconf -e 'mynetworks = 127.0.0.0/8 [::1]/128'\n"
	"postconf -e 'smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated,"
	" reject_unauth_destination'\n"
	"# domains that mail is passed on to: yours only\n"
	"postconf relay_domains\n" POSTFIX_NAMES
	"postconf -P 'submission/inet/smtpd_relay_restrictions=permit_sasl_authenticated,reject'\n"
	"postconf -P 'submissions/inet/smtpd_relay_restrictions=permit_sasl_authenticated,reject'\n"
	"# port 25 must have no list of its own (it says \"unmatched\" if it has none)\n"
	"postconf -PX smtp/inet/smtpd_relay_restrictions\n" POSTFIX_RELOAD;

/* Exim */

#define EXIM_DOC "https://www.exim.org/exim-html-current/doc/html/spec_html/"
#define EXIM_TLS_DOC EXIM_DOC "ch-encrypted_smtp_connections_using_tlsssl.html"
#define EXIM_AUTH_DOC EXIM_DOC "ch-smtp_authentication.html"
#define EXIM_ACL_DOC EXIM_DOC "ch-access_control_lists.html"
#define EXIM_RELOAD                                                                                \
	"# Debian (its files: /etc/exim4/exim4.conf.template or conf.d); elsewhere without the "   \
	"first\n"                                                                                  \
	"update-exim4.conf\n"                                                                      \
	"exim4 -bV && systemctl reload exim4"
#define EXIM_MAIN                                                                                  \
	"# before the first \"begin\" (Debian: in exim4.conf.localmacros or conf.d/main)\n"
#define EXIM_CERTIFICATE                                                                           \
	EXIM_MAIN                                                                                  \
	"# the certificate with its chain, and its key; exim's user must be able to read both\n"   \
	"tls_certificate = /etc/exim4/exim.crt\n"                                                  \
	"tls_privatekey = /etc/exim4/exim.key\n"
#define EXIM_INSTALL                                                                               \
	"install -g Debian-exim -m 640 " LETS_ENCRYPT "fullchain.pem /etc/exim4/exim.crt\n"        \
	"install -g Debian-exim -m 640 " LETS_ENCRYPT "privkey.pem /etc/exim4/exim.key\n"
#define EXIM_MAIL_ACL                                                                              \
	EXIM_MAIN                                                                                  \
	"acl_smtp_mail = acl_check_mail\n"                                                         \
	"# after \"begin acl\"; where there is an acl_check_mail (Debian: it is), the deny "       \
	"before its rest\n"                                                                        \
	"acl_check_mail:\n"

static const char exim_implicit[] = EXIM_MAIN "daemon_smtp_ports = 25 : 465 : 587\n"
					      "tls_on_connect_ports = 465\n" EXIM_RELOAD;

static const char exim_tls_works[] = EXIM_CERTIFICATE
	"tls_advertise_hosts = *\n"
	"# Debian: instead of these three,  MAIN_TLS_ENABLE = yes\n" EXIM_INSTALL EXIM_RELOAD;

static const char exim_tls_versions[] =
	EXIM_MAIN "# `exim4 -bV` says which library it has.  GnuTLS (Debian):\n"
		  "tls_require_ciphers = NORMAL:-VERS-ALL:+VERS-TLS1.2:+VERS-TLS1.3\n"
		  "# OpenSSL:\n"
		  "#openssl_options = +no_sslv2 +no_sslv3 +no_tlsv1 +no_tlsv1_1\n" EXIM_RELOAD;

static const char exim_certificate[] =
	"certbot certonly --standalone -d {host}\n"
	"# these two, and a reload, belong into certbot's --deploy-hook, too\n" EXIM_INSTALL
		EXIM_CERTIFICATE EXIM_RELOAD;

static const char exim_auth_tls[] = EXIM_MAIN
	"auth_advertise_hosts = ${if eq{$tls_in_cipher}{}{}{*}}\n"
	"# or in each authenticator:  server_advertise_condition = ${if def:tls_in_cipher}\n"
	"# (Debian: do not set AUTH_SERVER_ALLOW_NOTLS_PASSWORDS)\n" EXIM_RELOAD;

static const char exim_mechanisms[] =
	"# after \"begin authenticators\": delete the one with  public_name = ANONYMOUS\n"
	"# (Debian: conf.d/auth).  Of a SASL library or Dovecot behind it: auth_mechanisms, "
	"mech_list.\n" EXIM_RELOAD;

static const char exim_any_login[] =
	"# after \"begin authenticators\": a server_condition that is true for a wrong password "
	"lets\n"
	"# anybody in.  For passwords in /etc/exim4/passwd, lines \"user:crypted password\":\n"
	"plain_server:\n"
	"  driver = plaintext\n"
	"  public_name = PLAIN\n"
	"  server_prompts = :\n"
	"  server_condition = ${if crypteq{$auth3}{${extract{1}{:}\\\n"
	"      {${lookup{$auth2}lsearch{/etc/exim4/passwd}{$value}{*:*}}}}}}\n"
	"  server_set_id = $auth2\n"
	"  server_advertise_condition = ${if def:tls_in_cipher}\n" EXIM_RELOAD;

static const char exim_submission[] =
	"# first in the ACL that acl_smtp_rcpt names (Debian: acl_check_rcpt)\n"
	"  deny    !authenticated = *\n"
	"          condition     = ${if inlist{$received_port}{465 : 587}}\n"
	"          message       = Authentication required\n" EXIM_RELOAD;

static const char exim_sender[] =
	"# /etc/exim4/sender_login: one line a login, its addresses separated by colons.\n"
	"# Enter all users: a login without an address can send nothing any more.\n"
	"{user}: {mail}\n" EXIM_MAIL_ACL "  deny    authenticated = *\n"
	"          !condition    = ${if inlisti{$sender_address}{${lookup{$authenticated_id}\\\n"
	"              lsearch{/etc/exim4/sender_login}}}}\n"
	"          message       = Sender address not owned by user $authenticated_id\n"
	"  accept\n"
	"# each authenticator needs its server_set_id ($auth2 of PLAIN, $auth1 of "
	"LOGIN)\n" EXIM_RELOAD;

static const char exim_local_sender[] =
	"# Mail of your users that comes back through a forwarder or a mailing list that keeps the "
	"sender\n"
	"# is refused, too.  The hosts: your own, which need no login.\n" EXIM_MAIL_ACL
	"  deny    !authenticated = *\n"
	"          !hosts        = <; ; 127.0.0.1 ; ::1\n"
	"          sender_domains = {domain}\n"
	"          message       = Authentication required for local sender addresses\n"
	"  accept\n" EXIM_RELOAD;

static const char exim_relay[] = "# in the ACL that acl_smtp_rcpt names: nothing may accept before "
				 "these three but for who logged\n"
				 "# in, or your own machines.  Never accept by the sender's "
				 "address: anybody can write that.\n"
				 "  accept  hosts         = <; ; 127.0.0.1 ; ::1\n"
				 "  accept  authenticated = *\n"
				 "  require message       = relay not permitted\n"
				 "          domains       = {domain}\n"
				 "# Debian has these rules; in update-exim4.conf.conf:  "
				 "dc_relay_nets=''  dc_relay_domains=''\n" EXIM_RELOAD;

/* Sendmail */

#define SENDMAIL_DOC "https://github.com/freebsd/freebsd-src/blob/main/contrib/sendmail/cf/README"
#define SENDMAIL_RELOAD                                                                            \
	"# then (Debian: sendmailconfig does both)\n"                                              \
	"m4 /etc/mail/sendmail.mc >/etc/mail/sendmail.cf\n"                                        \
	"systemctl restart sendmail"
#define SENDMAIL_DEFINES "dnl before the MAILER lines\n"
#define SENDMAIL_CERTIFICATE                                                                       \
	SENDMAIL_DEFINES                                                                           \
	"dnl the certificate with its chain, and its key, which only root may read (0600)\n"       \
	"define(`confSERVER_CERT', `" LETS_ENCRYPT "fullchain.pem')dnl\n"                          \
	"define(`confSERVER_KEY', `" LETS_ENCRYPT "privkey.pem')dnl\n"                             \
	"define(`confCACERT', `/etc/ssl/certs/ca-certificates.crt')dnl\n"                          \
	"define(`confCACERT_PATH', `/etc/ssl/certs')dnl\n"                                         \
	"define(`confTLS_SRV_OPTIONS', `V')dnl\n"
#define SENDMAIL_SENDER(without_login)                                                             \
	"# /etc/mail/senderlogin: one line an address: \"login:address\", a tab, OK.\n"            \
	"# Enter all users: a login without an address can send nothing any more.\n"               \
	"{user}:{mail}\tOK\n"                                                                      \
	"dnl at the end of sendmail.mc; between the two sides of an R line stand tabs\n"           \
	"LOCAL_CONFIG\n"                                                                           \
	"Ksenderlogin hash /etc/mail/senderlogin\n"                                                \
	"LOCAL_RULESETS\n"                                                                         \
	"SLocal_check_rcpt\n"                                                                      \
	"R$*\t$: $&{auth_authen} : $&f\n"                                                          \
	"R$* : < $* >\t$1 : $2\n" without_login "R: $*\t$@ ok\n"                                   \
	"R$+ : $*\t$: $(senderlogin $1 : $2 $: NOTOWNER $)\n"                                      \
	"RNOTOWNER\t$#error $@ 5.7.1 $: \"553 Sender address not owned by authenticated user\"\n"  \
	"# then, and after each change of the addresses\n"                                         \
	"makemap hash /etc/mail/senderlogin </etc/mail/senderlogin\n" SENDMAIL_RELOAD

static const char sendmail_implicit[] =
	SENDMAIL_DEFINES "DAEMON_OPTIONS(`Port=465, Name=TLSMSA, M=Eas')dnl\n" SENDMAIL_RELOAD;

static const char sendmail_tls_works[] = SENDMAIL_CERTIFICATE
	"dnl no M= of DAEMON_OPTIONS may have S, no Srv_Features of the access map either\n"
	"dnl why it fails, if it does: grep STARTTLS /var/log/mail.log\n" SENDMAIL_RELOAD;

static const char sendmail_tls_versions[] =
	SENDMAIL_DEFINES "define(`confSERVER_SSL_OPTIONS', `+SSL_OP_NO_SSLv3 +SSL_OP_NO_TLSv1 "
			 "+SSL_OP_NO_TLSv1_1')dnl\n" SENDMAIL_RELOAD;

static const char sendmail_certificate[] =
	CERTBOT("systemctl restart sendmail") SENDMAIL_CERTIFICATE SENDMAIL_RELOAD;

static const char sendmail_auth_tls[] =
	SENDMAIL_DEFINES "define(`confAUTH_OPTIONS', `A p y')dnl\n" SENDMAIL_RELOAD;

static const char sendmail_mechanisms[] =
	SENDMAIL_DEFINES "define(`confAUTH_MECHANISMS', `LOGIN PLAIN')dnl\n"
			 "TRUST_AUTH_MECH(`LOGIN PLAIN')dnl\n" SENDMAIL_RELOAD;

static const char sendmail_any_login[] =
	"# Sendmail believes Cyrus SASL: see pwcheck_method in /etc/sasl2/Sendmail.conf (or\n"
	"# /usr/lib/sasl2), and what saslauthd or PAM do with it.  This must fail (untested):\n"
	"testsaslauthd -u nobody-of-this-name -p wrong -s smtp";

static const char sendmail_submission[] =
	"dnl a: only after a login; instead of the port's own DAEMON_OPTIONS\n"
	"FEATURE(`no_default_msa')dnl\n"
	"DAEMON_OPTIONS(`Port=587, Name=MSA, M=Ea')dnl\n"
	"DAEMON_OPTIONS(`Port=465, Name=TLSMSA, M=Eas')dnl\n" SENDMAIL_RELOAD;

static const char sendmail_sender[] = SENDMAIL_SENDER("");

static const char sendmail_local_sender[] =
	"dnl Mail of your users that comes back through a forwarder or a mailing list that keeps "
	"the\n"
	"dnl sender is refused, too.\n" SENDMAIL_SENDER(
		"R: $+ @ {domain}\t$#error $@ 5.7.1 $: \"553 Authentication required\"\n");

static const char sendmail_relay[] =
	"dnl in sendmail.mc, delete what opens it: promiscuous_relay, relay_local_from, "
	"relay_mail_from,\n"
	"dnl relay_based_on_MX, loose_relay_check.  In /etc/mail/relay-domains, and as RELAY in\n"
	"dnl /etc/mail/access: only your own networks, and no From: at all\n"
	"# then\n"
	"makemap hash /etc/mail/access </etc/mail/access\n" SENDMAIL_RELOAD;

/* The guard */

#define LASTKNOCK                                                                                  \
	"# lastknock guard, with the configuration that comes with it: counts wrong logins, "      \
	"other people's\n"                                                                         \
	"# senders and broken-off logins on Postfix; 5 of them within 1h, banned for 4h\n"         \
	"cp -R /usr/local/share/lastknock /etc/lastknock\n"                                        \
	"lastknock config test\n"                                                                  \
	"systemctl disable --now fail2ban; systemctl enable --now lastknock\n"
#define JAIL_TIMES                                                                                 \
	"maxretry = 5\n"                                                                           \
	"findtime = 1h\n"                                                                          \
	"bantime = 4h\n"
#define FAIL2BAN_RELOAD "# then\nfail2ban-client reload"

static const char guard_login[] = LASTKNOCK "# Where Dovecot checks the passwords it answers "
					    "guessing late, and Postfix gives up waiting.  To\n"
					    "# count that, too, in /etc/lastknock/jail.local:\n"
					    "#[postfix]\n"
					    "#filter = postfix[silence=client]\n"
					    "# Or with Fail2ban, in /etc/fail2ban/jail.local "
					    "(Exim: [exim]; Sendmail: [sendmail-auth]):\n"
					    "[postfix-sasl]\n"
					    "enabled = true\n" JAIL_TIMES FAIL2BAN_RELOAD;

static const char guard_sender[] =
	"# First the server must refuse such senders (SND-02).\n" LASTKNOCK
	"# Or with Fail2ban.  Its stock filters do not see unauthorised senders; this one does on "
	"Postfix,\n"
	"# as /etc/fail2ban/filter.d/postfix-sender.conf:\n"
	"[INCLUDES]\n"
	"before = common.conf\n"
	"[Definition]\n"
	"_daemon = postfix(?:/\\w+)?/smtpd\n"
	"failregex = ^%(__prefix_line)s\\w+: reject: RCPT from [^[]*\\[<HOST>\\](?::\\d+)?: 553 "
	"5\\.7\\.1 <.*>:"
	" Sender address rejected: not owned by user \n"
	"# and in /etc/fail2ban/jail.local:\n"
	"[postfix-sender]\n"
	"enabled = true\n"
	"port = smtp,submission,465\n"
	"logpath = %(postfix_log)s\n"
	"backend = %(postfix_backend)s\n" JAIL_TIMES FAIL2BAN_RELOAD;

static const char guard_broken[] = LASTKNOCK "# Or with Fail2ban, in /etc/fail2ban/jail.local "
					     "(instead of [postfix-sasl], which it contains;\n"
					     "# Exim: [exim]; Sendmail: [sendmail-reject] with "
					     "mode = aggressive).  This mode also bans who only\n"
					     "# connects and leaves:\n"
					     "[postfix]\n"
					     "enabled = true\n"
					     "mode = aggressive\n" JAIL_TIMES FAIL2BAN_RELOAD;

/* The table */

#define POSTFIX(check, file, text, set, value, option)                                             \
	{                                                                                          \
		check, "postfix", file, text, set, value, POSTFIX_DOC option                       \
	}
#define EXIM(check, text, set, value, ref)                                                         \
	{                                                                                          \
		check, "exim", "exim.conf", text, set, value, ref                                  \
	}
#define SENDMAIL(check, text, set, value)                                                          \
	{                                                                                          \
		check, "sendmail", "sendmail.mc", text, set, value, SENDMAIL_DOC                   \
	}

/* Several checks have one fix */
#define EHLO(check, mta)                                                                           \
	{                                                                                          \
		check, mta, NULL, ehlo, NULL, NULL,                                                \
			"https://www.rfc-editor.org/rfc/rfc5321#section-4.1.1.1"                   \
	}
#define AUTH_TLS(check)                                                                            \
	POSTFIX(check, "main.cf", postfix_auth_tls, "smtpd_tls_auth_only", "yes",                  \
		"smtpd_tls_auth_only"),                                                            \
		EXIM(check, exim_auth_tls, "auth_advertise_hosts",                                 \
		     "${if eq{$tls_in_cipher}{}{}{*}}", EXIM_AUTH_DOC),                            \
		SENDMAIL(check, sendmail_auth_tls, "confAUTH_OPTIONS", "A p y")
#define SENDER(check)                                                                              \
	POSTFIX(check, "main.cf", postfix_sender, NULL, NULL, "smtpd_sender_login_maps"),          \
		EXIM(check, exim_sender, NULL, NULL, EXIM_ACL_DOC),                                \
		SENDMAIL(check, sendmail_sender, NULL, NULL)
#define RELAY(check)                                                                               \
	POSTFIX(check, "main.cf", postfix_relay, NULL, NULL, "smtpd_relay_restrictions"),          \
		EXIM(check, exim_relay, NULL, NULL, EXIM_ACL_DOC),                                 \
		SENDMAIL(check, sendmail_relay, NULL, NULL)
#define GUARD(check, text)                                                                         \
	{                                                                                          \
		check, "guard", "jail.local", text, NULL, NULL,                                    \
			"https://github.com/fail2ban/fail2ban/wiki/Proper-fail2ban-configuration"  \
	}

const struct fix fixes[] = {
	EHLO("CON-03", "postfix"),
	EHLO("CON-03", "exim"),
	EHLO("CON-03", "sendmail"),

	POSTFIX("CON-04", "master.cf", postfix_implicit, "smtpd_tls_wrappermode", "yes",
		"smtpd_tls_wrappermode"),
	EXIM("CON-04", exim_implicit, "tls_on_connect_ports", "465", EXIM_TLS_DOC),
	SENDMAIL("CON-04", sendmail_implicit, NULL, NULL),

	POSTFIX("TLS-01", "main.cf", postfix_starttls, "smtpd_tls_security_level", "may",
		"smtpd_tls_security_level"),
	EXIM("TLS-01", exim_tls_works, "tls_advertise_hosts", "*", EXIM_TLS_DOC),
	SENDMAIL("TLS-01", sendmail_tls_works, NULL, NULL),

	POSTFIX("TLS-02", "main.cf", postfix_tls_works, NULL, NULL, "smtpd_tls_cert_file"),
	EXIM("TLS-02", exim_tls_works, NULL, NULL, EXIM_TLS_DOC),
	SENDMAIL("TLS-02", sendmail_tls_works, NULL, NULL),

	POSTFIX("TLS-03", "main.cf", postfix_tls_versions, "smtpd_tls_protocols", ">=TLSv1.2",
		"smtpd_tls_protocols"),
	EXIM("TLS-03", exim_tls_versions, "tls_require_ciphers",
	     "NORMAL:-VERS-ALL:+VERS-TLS1.2:+VERS-TLS1.3", EXIM_TLS_DOC),
	SENDMAIL("TLS-03", sendmail_tls_versions, "confSERVER_SSL_OPTIONS",
		 "+SSL_OP_NO_SSLv3 +SSL_OP_NO_TLSv1 +SSL_OP_NO_TLSv1_1"),

	POSTFIX("TLS-06", "main.cf", postfix_certificate, NULL, NULL, "smtpd_tls_cert_file"),
	EXIM("TLS-06", exim_certificate, NULL, NULL, EXIM_TLS_DOC),
	SENDMAIL("TLS-06", sendmail_certificate, NULL, NULL),

	AUTH_TLS("AUTH-01"),
	AUTH_TLS("AUTH-02"),

	POSTFIX("AUTH-04", "main.cf", postfix_mechanisms, "smtpd_sasl_security_options",
		"noanonymous", "smtpd_sasl_security_options"),
	EXIM("AUTH-04", exim_mechanisms, NULL, NULL, EXIM_AUTH_DOC),
	SENDMAIL("AUTH-04", sendmail_mechanisms, "confAUTH_MECHANISMS", "LOGIN PLAIN"),

	POSTFIX("AUTH-06", "dovecot.conf", postfix_any_login, NULL, NULL, "smtpd_sasl_type"),
	EXIM("AUTH-06", exim_any_login, NULL, NULL, EXIM_AUTH_DOC),
	{ "AUTH-06", "sendmail", "Sendmail.conf", sendmail_any_login, NULL, NULL, SENDMAIL_DOC },

	POSTFIX("AUTH-07", "master.cf", postfix_submission, "smtpd_relay_restrictions",
		"permit_sasl_authenticated,reject", "smtpd_relay_restrictions"),
	EXIM("AUTH-07", exim_submission, NULL, NULL, EXIM_ACL_DOC),
	SENDMAIL("AUTH-07", sendmail_submission, NULL, NULL),

	SENDER("SND-02"),
	SENDER("SND-03"),
	SENDER("SND-04"),

	POSTFIX("SND-09", "main.cf", postfix_local_sender, NULL, NULL,
		"reject_unauthenticated_sender_login_mismatch"),
	EXIM("SND-09", exim_local_sender, NULL, NULL, EXIM_ACL_DOC),
	SENDMAIL("SND-09", sendmail_local_sender, NULL, NULL),

	RELAY("REL-01"),
	RELAY("REL-03"),

	GUARD("GRD-a", guard_login),
	GUARD("GRD-b", guard_sender),
	GUARD("GRD-c", guard_broken),
	{ 0 },
};
