# Installed packages, kept in LAB_DIR: one Debian 12 base for all, and one overlay per server on top
# of it, so that Debian's rule of one mail server per system never arises.  Sourced by `lab`.

# The host's own package sources if it is a Debian 12 too (they may name a mirror), else nothing:
# mmdebstrap then takes its default.
apt_sources() {
	local file
	. /etc/os-release
	if [ "${VERSION_CODENAME:-}" = bookworm ]; then
		for file in /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list; do
			if [ -s $file ]; then
				echo $file
				return
			fi
		done
	fi
}

build_base() {
	local base=$LAB_DIR/base proxy
	[ -e "$LAB_DIR/base.done" ] && return
	say "installing a small Debian 12 into $base (about 30 s, once)"
	rm -rf "$base"
	proxy=$(apt-config shell P Acquire::http::Proxy | sed "s/^P='\(.*\)'$/Acquire::http::Proxy \"\1\"/")
	mmdebstrap --quiet --variant=minbase --components=main \
		--include=ca-certificates,rsyslog,openssl,libsasl2-modules,iproute2,procps,passwd \
		--dpkgopt='path-exclude=/usr/share/man/*' \
		--dpkgopt='path-exclude=/usr/share/doc/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' \
		--aptopt='Acquire::Languages "none"' ${proxy:+--aptopt="$proxy"} \
		bookworm "$base" $(apt_sources) >"$LAB_DIR/base.log" 2>&1 || {
		cat "$LAB_DIR/base.log" >&2
		die "the base could not be installed"
	}
	# No package may start its service while it is installed.
	printf '#!/bin/sh\nexit 101\n' >"$base/usr/sbin/policy-rc.d"
	chmod 755 "$base/usr/sbin/policy-rc.d"
	touch "$LAB_DIR/base.done"
}

build_overlay() { # build_overlay SERVER PACKAGE...
	local server=$1 top=$LAB_DIR/$1
	shift
	[ "$(cat "$top.done" 2>/dev/null)" = "$*" ] && return
	say "installing $* for the lab's $server (about 20 s, once)"
	rm -rf "$top" "$top.done"
	mkdir -p "$top/upper" "$top/work" "$top/root"
	if ! TOP=$top BASE=$LAB_DIR/base PACKAGES=$* \
		unshare --mount --propagation private bash -eu "$HERE/install.sh" \
		>"$top.log" 2>&1 </dev/null; then
		tail -n 30 "$top.log" >&2
		die "$server could not be installed"
	fi
	echo "$*" >"$top.done"
}

make_certificate() {
	local tls=$LAB_DIR/tls
	[ -s "$tls/server.crt" ] && return
	mkdir -p "$tls"
	openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=mx.lab.test \
		-addext subjectAltName=DNS:mx.lab.test -keyout "$tls/server.key" \
		-out "$tls/server.new" 2>/dev/null
	mv "$tls/server.new" "$tls/server.crt"
}

# Everything the chosen server needs; two at a time would spoil each other's work.
build() { # build SERVER
	"$HERE/../../scripts/setup" lab
	mkdir -p "$LAB_DIR"
	exec 9>"$LAB_DIR/lock"
	flock 9
	build_base
	# shellcheck disable=SC2086
	build_overlay "$1" $PACKAGES
	make_certificate
	exec 9>&-
}
