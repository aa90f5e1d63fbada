# Exim 4.96 with a password file.  safe: TLS 1.2 at least.  verbose: careless with a wider
# log_selector.
PACKAGES="exim4-daemon-light"
PORT=25
LOG=mainlog

configure_and_start() {
	# Debian's own choice of what to log
	local log="+smtp_protocol_error +smtp_syntax_error +tls_certificate_verified +tls_peerdn"
	local advertise="" senders="" tls=""
	if [ "$VARIANT" = verbose ]; then
		log="$log +smtp_connection +smtp_no_mail +incoming_port +incoming_interface"
		log="$log +smtp_incomplete_transaction +pid +received_recipients"
	fi
	if [ "$VARIANT" = safe ]; then
		advertise='server_advertise_condition = ${if def:tls_in_cipher}'
		tls="tls_require_ciphers = NORMAL:-VERS-ALL:+VERS-TLS1.2:+VERS-TLS1.3"
		senders=$(cat <<-'END'
			deny    authenticated = *
			        condition     = ${if !eqi{$authenticated_id@lab.test}{$sender_address}}
			        message       = Sender address not owned by user $authenticated_id
			deny    !authenticated = *
			        sender_domains = +local_domains
			        message       = Authentication required for local sender addresses
		END
		)
	fi
	mkdir -p "$ROOT/etc/exim4"
	printf '%s\n' 'alice: alice-pw' 'bob: bob-pw' >"$ROOT/etc/exim4/lab.passwd"
	chmod 644 "$ROOT/etc/exim4/lab.passwd"
	# An end-of-line comment in an ACL would pass the parser and answer 451 at run time.
	# submission/sender_retain: without it Exim would silently rewrite a forged sender.
	cat >"$ROOT/etc/exim4/exim4.conf" <<-END
		keep_environment =
		primary_hostname = mx.lab.test
		domainlist local_domains = lab.test : mx.lab.test
		smtp_accept_max = 200
		daemon_smtp_ports = 25 : 465 : 587
		tls_on_connect_ports = 465
		tls_certificate = /etc/lab/server.crt
		tls_privatekey = /etc/lab/server.key
		$tls
		tls_advertise_hosts = *
		log_file_path = /var/log/lab/%slog
		log_selector = $log
		host_lookup = *
		rfc1413_query_timeout = 0s
		smtp_receive_timeout = 15s
		never_users = root
		acl_smtp_mail = check_mail
		acl_smtp_rcpt = check_rcpt
		acl_smtp_data = accept

		begin acl
		check_mail:
		$senders
		  accept
		check_rcpt:
		  deny    local_parts = ^[.] : ^.*[@%!/|]
		          message     = Restricted characters in address
		  accept  authenticated = *
		          control     = submission/sender_retain
		  deny    condition   = \${if or{{={\$received_port}{587}}{={\$received_port}{465}}}}
		          message     = Authentication required
		  require message     = relay not permitted
		          domains     = +local_domains
		  require verify      = recipient
		  accept

		begin routers
		local:
		  driver = accept
		  domains = +local_domains
		  check_local_user
		  transport = mbox
		  cannot_route_message = Unknown user
		blackhole:
		  driver = redirect
		  domains = ! +local_domains
		  data = :blackhole:

		begin transports
		mbox:
		  driver = appendfile
		  file = /var/mail/\$local_part_data
		  delivery_date_add
		  envelope_to_add
		  return_path_add
		  group = mail
		  mode = 0660

		begin retry
		* * F,2h,15m

		begin authenticators
		plain:
		  driver = plaintext
		  public_name = PLAIN
		  server_prompts = :
		  server_condition = \${if and{{!eq{\$auth3}{}}{eq{\$auth3}{\${lookup{\$auth2}lsearch{/etc/exim4/lab.passwd}{\$value}{*:*}}}}}}
		  server_set_id = \$auth2
		  $advertise
		login:
		  driver = plaintext
		  public_name = LOGIN
		  server_prompts = "Username:: : Password::"
		  server_condition = \${if and{{!eq{\$auth2}{}}{eq{\$auth2}{\${lookup{\$auth1}lsearch{/etc/exim4/lab.passwd}{\$value}{*:*}}}}}}
		  server_set_id = \$auth1
		  $advertise
	END
	# With -C the exim user could not deliver, so the file has the name that Exim looks for.
	chmod 644 "$ROOT/etc/exim4/exim4.conf"
	mkdir -p "$ROOT/run/exim4"
	touch "$RUN/log/mainlog"
	chroot "$ROOT" chown -R Debian-exim:Debian-exim /run/exim4 /var/log/lab/mainlog
	chroot "$ROOT" chgrp Debian-exim /var/log/lab
	chmod 775 "$RUN/log"
	chroot "$ROOT" exim4 -bd -q30m & # it stays in the foreground when its parent is pid 1
}
