# Dovecot 2.3 as an IMAP, POP3 and submission server.  safe: no password without TLS.  verbose:
# careless with auth_verbose.
PACKAGES="dovecot-imapd dovecot-pop3d dovecot-submissiond"
PORT=143
LOG=mail.log

configure_and_start() {
	local no_plaintext=no verbose=no
	case $VARIANT in
	safe) no_plaintext=yes ;;
	verbose) verbose=yes ;;
	esac
	printf '%s\n' 'alice:{PLAIN}alice-pw' 'bob:{PLAIN}bob-pw' >"$ROOT/etc/dovecot/lab.users"
	chmod 644 "$ROOT/etc/dovecot/lab.users"
	cat >"$ROOT/etc/dovecot/dovecot.conf" <<-END
		protocols = imap pop3 submission
		listen = *, ::
		ssl = yes
		ssl_cert = </etc/lab/server.crt
		ssl_key = </etc/lab/server.key
		disable_plaintext_auth = $no_plaintext
		auth_mechanisms = plain login
		auth_verbose = $verbose
		mail_location = mbox:~/mail:INBOX=/var/mail/%u
		mail_privileged_group = mail
		submission_relay_host = 127.0.0.1
		hostname = mx.lab.test
		service submission-login {
		  inet_listener submissions {
		    port = 465
		    ssl = yes
		  }
		}
		passdb {
		  driver = passwd-file
		  args = scheme=plain username_format=%u /etc/dovecot/lab.users
		}
		userdb {
		  driver = passwd
		}
	END
	chroot "$ROOT" dovecot
}
