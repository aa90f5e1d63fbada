# Sendmail 8.17 with Cyrus SASL.  safe: TLS 1.2 at least.  verbose: careless with LogLevel 14 (stock
# is 9).
PACKAGES="sendmail-bin sasl2-bin"
PORT=25
LOG=mail.log

configure_and_start() {
	local etc=$ROOT/etc/mail
	local auth_options=A level=9 privacy=""
	# Debian's OpenSSL would refuse TLS 1.0 and 1.1 by its security level, not by Sendmail's choice.
	local tls="define(\`confCIPHER_LIST', \`DEFAULT:@SECLEVEL=0')dnl"
	case $VARIANT in
	safe)
		auth_options="A p y" privacy=,novrfy,noexpn
		tls="define(\`confSERVER_SSL_OPTIONS', \`+SSL_OP_NO_SSLv3 +SSL_OP_NO_TLSv1 +SSL_OP_NO_TLSv1_1')dnl"
		;;
	verbose) level=14 ;;
	esac
	mkdir -p "$etc/lab"
	cp "$LAB_DIR/tls/server.crt" "$LAB_DIR/tls/server.key" "$etc/lab/"
	chmod 600 "$etc/lab/server.key"
	# Each daemon names its address, or the IPv6 wildcard would take the IPv4 port too.
	cat >"$etc/lab.mc" <<-END
		divert(0)dnl
		define(\`_USE_ETC_MAIL_')dnl
		include(\`/usr/share/sendmail/cf/m4/cf.m4')dnl
		VERSIONID(\`lab $VARIANT')
		OSTYPE(\`debian')dnl
		DOMAIN(\`debian-mta')dnl
		undefine(\`confHOST_STATUS_DIRECTORY')dnl
		define(\`confLOG_LEVEL', \`$level')dnl
		define(\`confDOMAIN_NAME', \`mx.lab.test')dnl
		FEATURE(\`no_default_msa')dnl
		DAEMON_OPTIONS(\`Family=inet,  Name=MTA-v4, Port=25, Addr=198.18.0.25')dnl
		DAEMON_OPTIONS(\`Family=inet6, Name=MTA-v6, Port=25, Addr=2001:db8:18::25')dnl
		DAEMON_OPTIONS(\`Family=inet,  Name=MSP-v4, Port=587, M=Ea, Addr=198.18.0.25')dnl
		DAEMON_OPTIONS(\`Family=inet6, Name=MSP-v6, Port=587, M=Ea, Addr=2001:db8:18::25')dnl
		DAEMON_OPTIONS(\`Family=inet,  Name=TLS-v4, Port=465, M=Eas, Addr=198.18.0.25')dnl
		DAEMON_OPTIONS(\`Family=inet6, Name=TLS-v6, Port=465, M=Eas, Addr=2001:db8:18::25')dnl
		define(\`confPRIVACY_FLAGS', \`needmailhelo,needexpnhelo,needvrfyhelo,restrictqrun,restrictexpand,nobodyreturn,authwarnings$privacy')dnl
		define(\`confSERVER_CERT', \`/etc/mail/lab/server.crt')dnl
		define(\`confSERVER_KEY', \`/etc/mail/lab/server.key')dnl
		define(\`confCACERT', \`/etc/mail/lab/server.crt')dnl
		define(\`confCACERT_PATH', \`/etc/ssl/certs')dnl
		define(\`confTLS_SRV_OPTIONS', \`V')dnl
		$tls
		define(\`confAUTH_OPTIONS', \`$auth_options')dnl
		define(\`confAUTH_MECHANISMS', \`LOGIN PLAIN')dnl
		TRUST_AUTH_MECH(\`LOGIN PLAIN')dnl
		define(\`confTO_COMMAND', \`15s')dnl
		define(\`confTO_STARTTLS', \`15s')dnl
		define(\`confTO_AUTH', \`15s')dnl
		define(\`confTO_IDENT', \`0s')dnl
		FEATURE(\`use_cw_file')dnl
		FEATURE(\`access_db', , \`skip')dnl
		FEATURE(\`greet_pause', \`1000')dnl
		FEATURE(\`delay_checks', \`friend', \`n')dnl
		define(\`confBAD_RCPT_THROTTLE',\`3')dnl
		FEATURE(\`local_lmtp', \`/usr/libexec/sendmail/mail.local')dnl
		MAILER(\`local')dnl
		MAILER(\`smtp')dnl
	END
	if [ "$VARIANT" = safe ]; then
		cat "$HERE/servers/sendmail.senderlogin.m4" >>"$etc/lab.mc"
	fi
	for user in alice bob; do
		printf '%s:%s@lab.test\tOK\n' "$user" "$user" "$user@mx.lab.test" "$user"
	done >"$etc/lab/senderlogin"
	printf '%s\n' lab.test mx.lab.test >"$etc/local-host-names"
	: >"$etc/access"
	chroot "$ROOT" sh -ec '
		makemap hash /etc/mail/lab/senderlogin </etc/mail/lab/senderlogin
		makemap hash /etc/mail/access </etc/mail/access
		m4 /etc/mail/lab.mc >/etc/mail/lab.cf'
	mkdir -p "$ROOT/etc/sasl2"
	printf '%s\n' 'pwcheck_method: auxprop' 'auxprop_plugin: sasldb' 'mech_list: PLAIN LOGIN' |
		tee "$ROOT/etc/sasl2/Sendmail.conf" >"$ROOT/usr/lib/sasl2/Sendmail.conf"
	for user in alice bob; do
		echo "$user-pw" | chroot "$ROOT" saslpasswd2 -p -c -u mx.lab.test $user
	done
	chmod 600 "$ROOT/etc/sasldb2"
	mkdir -p "$ROOT/run/sendmail/mta" "$ROOT/var/spool/mqueue"
	chroot "$ROOT" /usr/libexec/sendmail/sendmail -C/etc/mail/lab.cf -L sm-mta -bd -q10m
}
