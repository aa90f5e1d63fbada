# Postfix 3.7 with Dovecot as its SASL server (verbose: Cyrus instead), local delivery to /var/mail.
# Sourced by `lab` for the first lines, by inside.sh for configure_and_start.
PACKAGES="postfix dovecot-core sasl2-bin"
PORT=25
LOG=mail.log

configure_and_start() {
	local etc=$ROOT/etc/postfix
	local auth_only=no submission_tls=may
	if [ "$VARIANT" = safe ]; then
		auth_only=yes submission_tls=encrypt
	fi
	cat >"$etc/main.cf" <<-END
		compatibility_level = 3.6
		myhostname = mx.lab.test
		mydomain = lab.test
		myorigin = lab.test
		mydestination = lab.test, mx.lab.test, localhost
		mynetworks = 127.0.0.0/8 [::1]/128
		inet_interfaces = all
		inet_protocols = all
		alias_maps =
		alias_database =
		# without a slash at the end, which would mean Maildir
		mail_spool_directory = /var/mail
		default_transport = discard
		smtpd_tls_cert_file = /etc/lab/server.crt
		smtpd_tls_key_file = /etc/lab/server.key
		smtpd_tls_security_level = may
		smtpd_sasl_auth_enable = yes
		smtpd_tls_auth_only = $auth_only
		smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination
		smtpd_timeout = 15s
		smtpd_starttls_timeout = 15s
	END
	if [ "$VARIANT" = safe ]; then
		cat >>"$etc/main.cf" <<-END
			smtpd_sender_login_maps = inline:{ {alice@lab.test=alice}, {bob@lab.test=bob} }
			smtpd_sender_restrictions = reject_sender_login_mismatch
			smtpd_helo_required = yes
			disable_vrfy_command = yes
			smtpd_tls_protocols = >=TLSv1.2
			smtpd_tls_mandatory_protocols = >=TLSv1.2
		END
	fi
	cat >"$etc/master.cf" <<-END
		smtp       inet  n - n - - smtpd
		submission inet  n - n - - smtpd
		  -o syslog_name=postfix/submission
		  -o smtpd_tls_security_level=$submission_tls
		  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
		submissions inet n - n - - smtpd
		  -o syslog_name=postfix/submissions
		  -o smtpd_tls_wrappermode=yes
		  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
		pickup    unix  n - n 60 1 pickup
		cleanup   unix  n - n - 0 cleanup
		qmgr      unix  n - n 300 1 qmgr
		tlsmgr    unix  - - n 1000? 1 tlsmgr
		rewrite   unix  - - n - - trivial-rewrite
		bounce    unix  - - n - 0 bounce
		defer     unix  - - n - 0 bounce
		trace     unix  - - n - 0 bounce
		verify    unix  - - n - 1 verify
		flush     unix  n - n 1000? 0 flush
		proxymap  unix  - - n - - proxymap
		proxywrite unix - - n - 1 proxymap
		discard   unix  - - n - - discard
		error     unix  - - n - - error
		retry     unix  - - n - - error
		local     unix  - n n - - local
		smtp      unix  - - n - - smtp
		anvil     unix  - - n - 1 anvil
		scache    unix  - - n - 1 scache
		postlog   unix-dgram n - n - 1 postlogd
	END
	grep -q '^submissions' "$ROOT/etc/services" ||
		echo 'submissions 465/tcp smtps' >>"$ROOT/etc/services"
	if [ "$VARIANT" = verbose ]; then
		sasl_cyrus "$etc"
	else
		sasl_dovecot "$etc"
	fi
	chroot "$ROOT" postfix start
}

sasl_cyrus() {
	cat >>"$1/main.cf" <<-END
		smtpd_sasl_type = cyrus
		smtpd_sasl_path = smtpd
		smtpd_sasl_local_domain = lab.test
		smtpd_tls_loglevel = 1
	END
	mkdir -p "$1/sasl"
	printf '%s\n' 'pwcheck_method: auxprop' 'auxprop_plugin: sasldb' 'mech_list: PLAIN LOGIN' \
		>"$1/sasl/smtpd.conf"
	for user in alice bob; do
		echo "$user-pw" | chroot "$ROOT" saslpasswd2 -p -c -u lab.test $user
	done
	chroot "$ROOT" chgrp postfix /etc/sasldb2
	chmod 640 "$ROOT/etc/sasldb2"
}

# safe keeps Dovecot's penalty for guessing, as a stock installation has it: each new wrong password
# is answered later, and from the fourth on Postfix gives up first and logs "Connection lost to
# authentication server".  careless switches it off.
sasl_dovecot() {
	cat >>"$1/main.cf" <<-END
		smtpd_sasl_type = dovecot
		smtpd_sasl_path = private/auth
	END
	printf '%s\n' 'alice:{PLAIN}alice-pw' 'bob:{PLAIN}bob-pw' >"$ROOT/etc/dovecot/lab.users"
	chmod 644 "$ROOT/etc/dovecot/lab.users"
	cat >"$ROOT/etc/dovecot/dovecot.conf" <<-END
		protocols =
		ssl = no
		disable_plaintext_auth = no
		auth_mechanisms = plain login
		passdb {
		  driver = passwd-file
		  args = scheme=plain username_format=%u /etc/dovecot/lab.users
		}
		userdb {
		  driver = passwd
		}
		service auth {
		  unix_listener /var/spool/postfix/private/auth {
		    mode = 0660
		    user = postfix
		    group = postfix
		  }
		}
	END
	if [ "$VARIANT" = careless ]; then
		cat >>"$ROOT/etc/dovecot/dovecot.conf" <<-END
			service anvil {
			  unix_listener anvil-auth-penalty {
			    mode = 0
			  }
			}
		END
	fi
	chroot "$ROOT" dovecot
}
