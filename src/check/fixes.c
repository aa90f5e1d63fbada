/*
 * The table of fixes; see fix.h.  Postfix's texts are whole shell scripts.  Those of Exim and
 * Sendmail are lines for its configuration, then commands; what is only said stands behind # or
 * dnl.  Tried on the laboratory's Postfix 3.7, Exim 4.96 and Sendmail 8.17 (Debian 12), all but:
 * certbot, systemctl, Exim with OpenSSL, saslauthd, and the network devices of CON-03.
 */
#include "check/fix.h"

#include <stddef.h>

/* One line of C for each line of text: */
/* clang-format off */
#define LETS_ENCRYPT "/etc/letsencrypt/live/{host}/"
#define CERTBOT "certbot certonly --standalone -d {host} --deploy-hook "
#define ALL_USERS "# Enter all users: a login without an address can send nothing any more.\n"
#define FORWARDED "Mail of your users that forwarders and lists send back is refused, too.\n"

static const char ehlo[] =
	"# Postfix, Exim and Sendmail know EHLO: what refused it stands in front of them.\n"
	"# Switch off the firewall's SMTP inspection (Cisco: no inspect esmtp), a virus scanner's\n"
	"# proxy: this port must go straight to the mail server.";

/* Postfix */

#define POSTFIX_RELOAD "postfix reload"
#define POSTFIX_465 "# port 465: submissions, or smtps where `postconf -M` says so\n"
#define POSTFIX_OWN \
	"# a service's own setting hides these; this shows it, postconf -PX takes it away\n"
#define POSTFIX_CERTIFICATE \
	"postconf -e 'smtpd_tls_cert_file = " LETS_ENCRYPT "fullchain.pem'\n" \
	"postconf -e 'smtpd_tls_key_file = " LETS_ENCRYPT "privkey.pem'\n" \
	"# this would be used instead of them\n" \
	"postconf -X smtpd_tls_chain_files\n"
#define POSTFIX_LOGIN_ONLY \
	POSTFIX_465 \
	"only=permit_sasl_authenticated,reject\n" \
	"postconf -P \"submission/inet/smtpd_relay_restrictions=$only\"\n" \
	"postconf -P \"submissions/inet/smtpd_relay_restrictions=$only\"\n"
#define POSTFIX_MAP \
	"# one line an address: the address, then its login (or several, separated by commas).\n" \
	ALL_USERS \
	"echo '{mail} {user}' >>/etc/postfix/sender_login\n" \
	"# where `postconf -m` does not name hash, write lmdb\n" \
	"postmap hash:/etc/postfix/sender_login\n" \
	"postconf -e 'smtpd_sender_login_maps = hash:/etc/postfix/sender_login'\n"

#define POSTFIX_FIRST \
	"was=$(postconf -h smtpd_sender_restrictions)\n" \
	"postconf -e \"smtpd_sender_restrictions = $own, $was\"\n"

static const char postfix_implicit[] = POSTFIX_465
	"postconf -P 'submissions/inet/smtpd_tls_wrappermode=yes'\n" POSTFIX_RELOAD;
static const char postfix_starttls[] = POSTFIX_CERTIFICATE
	"postconf -e 'smtpd_tls_security_level = may'\n"
	"postconf -P 'submission/inet/smtpd_tls_security_level=encrypt'\n"
	"# if it is still not offered: none of these may have the word starttls\n"
	"postconf smtpd_discard_ehlo_keywords smtpd_discard_ehlo_keyword_address_maps\n"
	POSTFIX_RELOAD;
static const char postfix_tls_works[] = POSTFIX_CERTIFICATE
	"# they belong together if the two sums are equal.  Else: grep TLS /var/log/mail.log\n"
	"openssl x509 -noout -pubkey -in $(postconf -hx smtpd_tls_cert_file) | sha256sum\n"
	"openssl pkey -pubout -in $(postconf -hx smtpd_tls_key_file) | sha256sum\n" POSTFIX_RELOAD;
static const char postfix_tls_versions[] =
	"# before Postfix 3.6: '!SSLv2, !SSLv3, !TLSv1, !TLSv1.1' instead of '>=TLSv1.2'\n"
	"postconf -e 'smtpd_tls_protocols = >=TLSv1.2'\n"
	"postconf -e 'smtpd_tls_mandatory_protocols = >=TLSv1.2'\n"
	POSTFIX_OWN
	"postconf -P | grep protocols\n" POSTFIX_RELOAD;
static const char postfix_certificate[] =
	CERTBOT "'postfix reload'\n" POSTFIX_CERTIFICATE POSTFIX_RELOAD;
static const char postfix_auth_tls[] =
	"postconf -e 'smtpd_tls_auth_only = yes'\n"
	"postconf -P 'submission/inet/smtpd_tls_auth_only=yes'\n"
	"postconf -P 'submission/inet/smtpd_tls_security_level=encrypt'\n"
	POSTFIX_OWN
	"postconf -P | grep auth_only=no\n" POSTFIX_RELOAD;

static const char postfix_mechanisms[] =
	"postconf -e 'smtpd_sasl_security_options = noanonymous'\n"
	"postconf -e 'smtpd_sasl_tls_security_options = noanonymous'\n"
	POSTFIX_OWN
	"postconf -P | grep security_options\n"
	"# also in Dovecot: auth_mechanisms = plain login\n"
	"# or in Cyrus SASL's /etc/postfix/sasl/smtpd.conf: mech_list: PLAIN LOGIN\n"
	POSTFIX_RELOAD;

static const char postfix_any_login[] =
	"# Postfix believes its SASL server.  Dovecot: take out the passdb that lets anybody in\n"
	"# (driver = static with nopassword, or one that looks up no password), then\n"
	"doveadm reload\n"
	POSTFIX_RELOAD "\n"
	"# this must fail (saslauthd: testsaslauthd -u nobody-of-this-name -p wrong -s smtp)\n"
	"doveadm auth test nobody-of-this-name wrong";

static const char postfix_submission[] = POSTFIX_LOGIN_ONLY POSTFIX_RELOAD;

static const char postfix_sender[] = POSTFIX_MAP
	"# first in its list, for after a permit it would never run\n"
	"own=reject_authenticated_sender_login_mismatch\n"
	POSTFIX_FIRST
	"# a service's own list hides that one\n"
	POSTFIX_465
	"postconf -P \"submission/inet/smtpd_sender_restrictions=$own\"\n"
	"postconf -P \"submissions/inet/smtpd_sender_restrictions=$own\"\n" POSTFIX_RELOAD;

static const char postfix_local_sender[] =
	"# " FORWARDED
	POSTFIX_MAP
	"own='reject_authenticated_sender_login_mismatch, permit_mynetworks,"
	" reject_unauthenticated_sender_login_mismatch'\n"
	POSTFIX_FIRST
	"# (Postfix ignores them where smtpd_sasl_auth_enable is no)\n" POSTFIX_RELOAD;

static const char postfix_relay[] =
	"# this machine may relay (add your own networks only), and who logged in\n"
	"postconf -e 'mynetworks = 127.0.0.0/8 [::1]/128'\n"
	"postconf -e 'smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated,"
	" reject_unauth_destination'\n"
	POSTFIX_LOGIN_ONLY
	"# port 25 must have no list of its own (\"unmatched\": it has none)\n"
	"postconf -PX smtp/inet/smtpd_relay_restrictions\n"
	"# domains that mail is passed on to: yours only\n"
	"postconf relay_domains\n" POSTFIX_RELOAD;

/* Exim */

#define EXIM_MAIN "# before the first \"begin\" (Debian: /etc/exim4/exim4.conf.localmacros)\n"
#define EXIM_RELOAD \
	"# then (not on Debian: only the second; the program may be called exim)\n" \
	"update-exim4.conf\n" \
	"exim4 -bV && systemctl reload exim4"
#define EXIM_CERTIFICATE \
	EXIM_MAIN \
	"tls_advertise_hosts = *\n" \
	"tls_certificate = /etc/exim4/exim.crt\n" \
	"tls_privatekey = /etc/exim4/exim.key\n" \
	"# (Debian: instead of these three, MAIN_TLS_ENABLE = yes)\n" \
	"# then; exim's user must be able to read both\n" \
	"install -g Debian-exim -m 640 " LETS_ENCRYPT "fullchain.pem /etc/exim4/exim.crt\n" \
	"install -g Debian-exim -m 640 " LETS_ENCRYPT "privkey.pem /etc/exim4/exim.key\n" \
	EXIM_RELOAD
#define EXIM_MAIL_ACL \
	"# before the first \"begin\" (Debian has it)\n" \
	"acl_smtp_mail = acl_check_mail\n" \
	"# after \"begin acl\"; where there is an acl_check_mail (Debian), the deny first in it\n" \
	"acl_check_mail:\n"

static const char exim_implicit[] = EXIM_MAIN
	"daemon_smtp_ports = 25 : 465 : 587\n"
	"tls_on_connect_ports = 465\n" EXIM_RELOAD;
static const char exim_starttls[] = EXIM_CERTIFICATE;
static const char exim_tls_works[] = EXIM_CERTIFICATE;
static const char exim_tls_versions[] = EXIM_MAIN
	"# with GnuTLS (Debian; `exim4 -bV` names the library)\n"
	"tls_require_ciphers = NORMAL:-VERS-ALL:+VERS-TLS1.2:+VERS-TLS1.3\n"
	"# with OpenSSL\n"
	"#openssl_options = +no_sslv2 +no_sslv3 +no_tlsv1 +no_tlsv1_1\n" EXIM_RELOAD;
static const char exim_certificate[] =
	CERTBOT "FILE\n# FILE: a script with the commands below\n" EXIM_CERTIFICATE;
static const char exim_auth_tls[] = EXIM_MAIN
	"auth_advertise_hosts = ${if eq{$tls_in_cipher}{}{}{*}}\n"
	"# or in each authenticator: server_advertise_condition = ${if def:tls_in_cipher}\n"
	"# (Debian: do not set AUTH_SERVER_ALLOW_NOTLS_PASSWORDS)\n" EXIM_RELOAD;
static const char exim_mechanisms[] =
	"# after \"begin authenticators\", delete the one with public_name = ANONYMOUS\n"
	EXIM_RELOAD;
static const char exim_any_login[] =
	"# after \"begin authenticators\": a server_condition that is true for a wrong password\n"
	"# lets anybody in.  For /etc/exim4/passwd with lines \"user:password as from mkpasswd\":\n"
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
	"          condition      = ${if inlist{$received_port}{465 : 587}}\n"
	"          message        = Authentication required\n" EXIM_RELOAD;

static const char exim_sender[] =
	"# /etc/exim4/sender_login: one line a login, its addresses separated by colons.\n"
	ALL_USERS
	"{user}: {mail}\n"
	EXIM_MAIL_ACL
	"  deny    authenticated  = *\n"
	"          !senders       = :\n"
	"          !condition     = ${if inlisti{$sender_address}{${lookup{$authenticated_id}\\\n"
	"              lsearch{/etc/exim4/sender_login}}}}\n"
	"          message        = Sender address not owned by user $authenticated_id\n"
	"  accept\n"
	"# each authenticator must have server_set_id = $auth2 (PLAIN) or $auth1 (LOGIN)\n"
	EXIM_RELOAD;

static const char exim_local_sender[] =
	"# " FORWARDED
	EXIM_MAIL_ACL
	"  deny    !authenticated = *\n"
	"          !hosts         = <; ; 127.0.0.1 ; ::1\n"
	"          sender_domains = {domain}\n"
	"          message        = Authentication required for local sender addresses\n"
	"  accept\n" EXIM_RELOAD;

static const char exim_relay[] =
	"# in the ACL that acl_smtp_rcpt names; nothing may accept before these three, and never\n"
	"# by the sender's address, which anybody can write.  hosts: your own that need no login\n"
	"  accept  hosts          = <; ; 127.0.0.1 ; ::1\n"
	"  accept  authenticated  = *\n"
	"  require message        = relay not permitted\n"
	"          domains        = {domain}\n"
	"# (Debian has them; in update-exim4.conf.conf: dc_relay_nets='' dc_relay_domains='')\n"
	EXIM_RELOAD;

/* Sendmail */

#define NO_OLD_TLS "+SSL_OP_NO_SSLv3 +SSL_OP_NO_TLSv1 +SSL_OP_NO_TLSv1_1"
#define SENDMAIL_LINES "dnl before the MAILER lines\n"
#define SENDMAIL_RELOAD \
	"# then (Debian: sendmailconfig does both)\n" \
	"m4 /etc/mail/sendmail.mc >/etc/mail/sendmail.cf\n" \
	"systemctl restart sendmail"
#define SENDMAIL_CERTIFICATE \
	SENDMAIL_LINES \
	"dnl nobody but root may read the key\n" \
	"define(`confSERVER_CERT', `" LETS_ENCRYPT "fullchain.pem')dnl\n" \
	"define(`confSERVER_KEY', `" LETS_ENCRYPT "privkey.pem')dnl\n" \
	"define(`confCACERT', `/etc/ssl/certs/ca-certificates.crt')dnl\n" \
	"define(`confCACERT_PATH', `/etc/ssl/certs')dnl\n" \
	"define(`confTLS_SRV_OPTIONS', `V')dnl\n" \
	"dnl no DAEMON_OPTIONS may have S in M=.  Why it fails: grep STARTTLS /var/log/mail.log\n" \
	SENDMAIL_RELOAD
#define SENDMAIL_SENDER(without_login) \
	"# /etc/mail/senderlogin: one line an address: login:address, a tab, OK.\n" \
	ALL_USERS \
	"{user}:{mail}\tOK\n" \
	"dnl at the end of sendmail.mc; between the two sides of an R line stand tabs\n" \
	"LOCAL_CONFIG\n" \
	"Ksenderlogin hash /etc/mail/senderlogin\n" \
	"LOCAL_RULESETS\n" \
	"SLocal_check_rcpt\n" \
	"R$*\t$: $&{auth_authen} : $&f\n" \
	"R$* : < $* >\t$1 : $2\n" \
	without_login \
	"R: $*\t$@ ok\n" \
	"R$+ :\t$@ ok\n" \
	"R$+ : $*\t$: $(senderlogin $1 : $2 $: NOTOWNER $)\n" \
	"RNOTOWNER\t$#error $@ 5.7.1 $: \"553 Sender address not owned by authenticated user\"\n" \
	"# then, also after each change of the addresses\n" \
	"makemap hash /etc/mail/senderlogin </etc/mail/senderlogin\n" \
	SENDMAIL_RELOAD

static const char sendmail_implicit[] = SENDMAIL_LINES
	"DAEMON_OPTIONS(`Port=465, Name=TLSMSA, M=Eas')dnl\n" SENDMAIL_RELOAD;
static const char sendmail_starttls[] = SENDMAIL_CERTIFICATE;
static const char sendmail_tls_works[] = SENDMAIL_CERTIFICATE;
static const char sendmail_tls_versions[] = SENDMAIL_LINES
	"define(`confSERVER_SSL_OPTIONS', `" NO_OLD_TLS "')dnl\n" SENDMAIL_RELOAD;
static const char sendmail_certificate[] =
	CERTBOT "'systemctl restart sendmail'\n" SENDMAIL_CERTIFICATE;
static const char sendmail_auth_tls[] = SENDMAIL_LINES
	"define(`confAUTH_OPTIONS', `A p y')dnl\n" SENDMAIL_RELOAD;
static const char sendmail_mechanisms[] = SENDMAIL_LINES
	"define(`confAUTH_MECHANISMS', `LOGIN PLAIN')dnl\n"
	"TRUST_AUTH_MECH(`LOGIN PLAIN')dnl\n" SENDMAIL_RELOAD;
static const char sendmail_any_login[] =
	"# Sendmail believes Cyrus SASL: see pwcheck_method in /etc/sasl2/Sendmail.conf or\n"
	"# /usr/lib/sasl2/Sendmail.conf, and what saslauthd or PAM make of it.  This must fail:\n"
	"testsaslauthd -u nobody-of-this-name -p wrong -s smtp";
static const char sendmail_submission[] =
	"dnl a: only after a login.  Instead of the DAEMON_OPTIONS for these ports:\n"
	"FEATURE(`no_default_msa')dnl\n"
	"DAEMON_OPTIONS(`Port=587, Name=MSA, M=Ea')dnl\n"
	"DAEMON_OPTIONS(`Port=465, Name=TLSMSA, M=Eas')dnl\n" SENDMAIL_RELOAD;
static const char sendmail_sender[] = SENDMAIL_SENDER("");
static const char sendmail_local_sender[] =
	"dnl " FORWARDED SENDMAIL_SENDER(
		"R: $+ @ {domain}\t$: < $&{client_addr} >\n"
		"R< 127.0.0.1 >\t$@ ok\n"
		"R< $* >\t$#error $@ 5.7.1 $: \"553 Authentication required\"\n");
static const char sendmail_relay[] =
	"dnl delete what opens it: promiscuous_relay, relay_local_from, relay_mail_from,\n"
	"dnl relay_based_on_MX, loose_relay_check.  In /etc/mail/relay-domains, and with RELAY in\n"
	"dnl /etc/mail/access: your own networks only, and no From:\n"
	"# then\n"
	"makemap hash /etc/mail/access </etc/mail/access\n" SENDMAIL_RELOAD;

/* The guard */

#define TIMES "maxretry = 5\nfindtime = 1h\nbantime = 4h\n"
#define LASTKNOCK \
	"# lastknock guard, as it comes, bans for 4h after 5 wrong logins, unauthorised senders\n" \
	"# or broken-off logins on Postfix within 1h\n" \
	"cp -R /usr/local/share/lastknock /etc/lastknock && lastknock config test\n" \
	"systemctl disable --now fail2ban; systemctl enable --now lastknock\n"
#define FAIL2BAN_RELOAD "# then\nfail2ban-client reload"

static const char guard_login[] = LASTKNOCK
	"# (Dovecot answers who guesses later and later, until Postfix gives up.  To count that,\n"
	"# in /etc/lastknock/jail.local, section [postfix]: filter = postfix[silence=client])\n"
	"# Or Fail2ban, in /etc/fail2ban/jail.local (Exim: [exim]; Sendmail: [sendmail-auth])\n"
	"[postfix-sasl]\n"
	"enabled = true\n"
	TIMES FAIL2BAN_RELOAD;

static const char guard_sender[] =
	"# The server must refuse such senders first: SND-02.\n"
	LASTKNOCK
	"# Or Fail2ban.  Its stock filters do not see unauthorised senders.  One that does, on\n"
	"# Postfix: /etc/fail2ban/filter.d/postfix-sender.conf\n"
	"[INCLUDES]\n"
	"before = common.conf\n"
	"[Definition]\n"
	"_daemon = postfix(?:/\\w+)?/smtpd\n"
	"failregex = ^%(__prefix_line)s\\w+: reject: RCPT from [^[]*\\[<HOST>\\](?::\\d+)?:"
	" 553 5\\.7\\.1 <.*>: Sender address rejected: not owned by user \n"
	"# and in /etc/fail2ban/jail.local\n"
	"[postfix-sender]\n"
	"enabled = true\n"
	"port = smtp,submission,465\n"
	"logpath = %(postfix_log)s\n"
	"backend = %(postfix_backend)s\n"
	TIMES FAIL2BAN_RELOAD;

static const char guard_broken[] = LASTKNOCK
	"# Or Fail2ban, in /etc/fail2ban/jail.local (Exim: [exim]; Sendmail: [sendmail-reject]).\n"
	"# This mode counts most attempts twice, mere visits, wrong logins (so no [postfix-sasl])\n"
	"[postfix]\n"
	"enabled = true\n"
	"mode = aggressive\n"
	TIMES FAIL2BAN_RELOAD;

/* The table */

#define RFC "https://www.rfc-editor.org/rfc/rfc5321#section-4.1.1.1"
#define POSTFIX_DOC "https://www.postfix.org/postconf.5.html#"
#define EXIM_DOC "https://www.exim.org/exim-html-current/doc/html/spec_html/ch-"
#define TLS EXIM_DOC "encrypted_smtp_connections_using_tlsssl.html"
#define LOGIN EXIM_DOC "smtp_authentication.html"
#define ACL EXIM_DOC "access_control_lists.html"
#define SENDMAIL_DOC "https://github.com/freebsd/freebsd-src/blob/main/contrib/sendmail/cf/README"
#define FAIL2BAN_DOC "https://github.com/fail2ban/fail2ban/wiki/Proper-fail2ban-configuration"

#define POSTFIX(check, file, what, set, value, option) \
	{ check, "postfix", file, postfix_##what, set, value, POSTFIX_DOC option }
#define EXIM(check, what, set, value, ref) \
	{ check, "exim", "exim.conf", exim_##what, set, value, ref }
#define SENDMAIL(check, what, set, value) \
	{ check, "sendmail", "sendmail.mc", sendmail_##what, set, value, SENDMAIL_DOC }
#define ALL(check, what, file, option, exim_ref) \
	POSTFIX(check, file, what, NULL, NULL, option), \
	EXIM(check, what, NULL, NULL, exim_ref), \
	SENDMAIL(check, what, NULL, NULL)
#define AUTH(check) \
	POSTFIX(check, "main.cf", auth_tls, "smtpd_tls_auth_only", "yes", "smtpd_tls_auth_only"), \
	EXIM(check, auth_tls, "auth_advertise_hosts", "${if eq{$tls_in_cipher}{}{}{*}}", LOGIN), \
	SENDMAIL(check, auth_tls, "confAUTH_OPTIONS", "A p y")
#define SENDER(check) ALL(check, sender, "main.cf", "smtpd_sender_login_maps", ACL)
#define RELAY(check) ALL(check, relay, "main.cf", "smtpd_relay_restrictions", ACL)

const struct fix fixes[] = {
	{ "CON-03", "postfix", NULL, ehlo, NULL, NULL, RFC },
	{ "CON-03", "exim", NULL, ehlo, NULL, NULL, RFC },
	{ "CON-03", "sendmail", NULL, ehlo, NULL, NULL, RFC },
	POSTFIX("CON-04", "master.cf", implicit, "smtpd_tls_wrappermode", "yes",
		"smtpd_tls_wrappermode"),
	EXIM("CON-04", implicit, NULL, NULL, TLS),
	SENDMAIL("CON-04", implicit, "DAEMON_OPTIONS", "Port=465, Name=TLSMSA, M=Eas"),
	ALL("TLS-01", starttls, "main.cf", "smtpd_tls_security_level", TLS),
	ALL("TLS-02", tls_works, "main.cf", "smtpd_tls_cert_file", TLS),
	POSTFIX("TLS-03", "main.cf", tls_versions, "smtpd_tls_protocols", ">=TLSv1.2",
		"smtpd_tls_protocols"),
	EXIM("TLS-03", tls_versions, "tls_require_ciphers",
	     "NORMAL:-VERS-ALL:+VERS-TLS1.2:+VERS-TLS1.3", TLS),
	SENDMAIL("TLS-03", tls_versions, "confSERVER_SSL_OPTIONS", NO_OLD_TLS),
	ALL("TLS-06", certificate, "main.cf", "smtpd_tls_cert_file", TLS),
	AUTH("AUTH-01"),
	AUTH("AUTH-02"),
	POSTFIX("AUTH-04", "main.cf", mechanisms, NULL, NULL, "smtpd_sasl_security_options"),
	EXIM("AUTH-04", mechanisms, NULL, NULL, LOGIN),
	SENDMAIL("AUTH-04", mechanisms, "confAUTH_MECHANISMS", "LOGIN PLAIN"),
	POSTFIX("AUTH-06", "dovecot.conf", any_login, NULL, NULL, "smtpd_sasl_type"),
	EXIM("AUTH-06", any_login, NULL, NULL, LOGIN),
	{ "AUTH-06", "sendmail", "Sendmail.conf", sendmail_any_login, NULL, NULL, SENDMAIL_DOC },
	ALL("AUTH-07", submission, "master.cf", "smtpd_relay_restrictions", ACL),
	SENDER("SND-02"),
	SENDER("SND-03"),
	SENDER("SND-04"),
	ALL("SND-09", local_sender, "main.cf", "reject_unauthenticated_sender_login_mismatch", ACL),
	RELAY("REL-01"),
	RELAY("REL-03"),
	{ "GRD-a", "guard", "jail.local", guard_login, NULL, NULL, FAIL2BAN_DOC },
	{ "GRD-b", "guard", "jail.local", guard_sender, NULL, NULL, FAIL2BAN_DOC },
	{ "GRD-c", "guard", "jail.local", guard_broken, NULL, NULL, FAIL2BAN_DOC },
	{ 0 },
};
