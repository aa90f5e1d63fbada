# Two network namespaces, joined by a cable: the server's, and the attacker's with many addresses.
# Sourced by `lab`.
SERVER4=198.18.0.25
SERVER6=2001:db8:18::25

# The attacker owns 198.18.1.1 to .120 and 2001:db8:N::1, N in hexadecimal.  Each IPv6 source has a
# /48 of its own, because Dovecot's auth penalty counts a /48 as one.
network_up() { # network_up SERVER-NS ATTACKER-NS
	local n
	ip netns add "$1"
	ip netns add "$2"
	ip -n "$1" link add eth0 type veth peer name eth0 netns "$2"
	ip netns exec "$1" sysctl -qw net.ipv6.conf.all.accept_dad=0
	ip -n "$1" -batch - <<-END
		link set lo up
		link set eth0 up
		addr add $SERVER4/16 dev eth0
		addr add $SERVER6/32 dev eth0 nodad
	END
	{
		echo link set lo up
		echo link set eth0 up
		for n in $(seq 120); do
			echo "addr add 198.18.1.$n/16 dev eth0"
			printf 'addr add 2001:db8:%x::1/32 dev eth0 nodad\n' "$n"
		done
	} | ip -n "$2" -batch -
}

network_down() { # network_down NS...
	local ns
	for ns in "$@"; do
		ip netns del "$ns" 2>/dev/null || true
	done
}
