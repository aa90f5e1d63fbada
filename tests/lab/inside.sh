# Pid 1 of a server: makes its view of the world (all mounts are private to it), writes its
# configuration, starts it, and waits to be killed.  Run by `lab start` with HERE, LAB_DIR, RUN,
# SERVER and VARIANT in the environment; its arguments only make it easy to find in `ps`.
. "$HERE/servers/$SERVER.sh"

# A fresh, throw-away layer over the installed packages: every start is a first start.
scratch=$RUN/scratch
mkdir -p "$scratch"
mount -t tmpfs -o mode=755 scratch "$scratch"
mkdir "$scratch/upper" "$scratch/work" "$scratch/root"
ROOT=$scratch/root
mount -t overlay overlay \
	-o "lowerdir=$LAB_DIR/$SERVER/upper:$LAB_DIR/base,upperdir=$scratch/upper,workdir=$scratch/work" \
	"$ROOT"
mount -t proc proc "$ROOT/proc"
mount -t tmpfs -o mode=755 run "$ROOT/run"
mkdir "$ROOT/run/lock"

# Its own /dev, so that its syslog socket is not the host's.
mount -t tmpfs -o mode=755 dev "$ROOT/dev"
while read -r name major minor mode; do
	mknod -m "$mode" "$ROOT/dev/$name" c "$major" "$minor"
done <<-END
	null 1 3 666
	zero 1 5 666
	full 1 7 666
	random 1 8 666
	urandom 1 9 666
	tty 5 0 666
END
ln -s /proc/self/fd "$ROOT/dev/fd"
mkdir -m 1777 "$ROOT/dev/shm"

# Log and mailboxes lie on the host, for whoever watches.
mkdir -p "$ROOT/var/log/lab" "$ROOT/etc/lab"
mount --bind "$RUN/log" "$ROOT/var/log/lab"
mount --bind "$RUN/mail" "$ROOT/var/mail"
install -m 644 "$LAB_DIR/tls/server.crt" "$LAB_DIR/tls/server.key" "$ROOT/etc/lab/"
cp -L /etc/localtime "$ROOT/etc/localtime" 2>/dev/null || true

hostname mx
echo mx.lab.test >"$ROOT/etc/mailname"
cat >"$ROOT/etc/hosts" <<-END
	127.0.0.1 localhost
	::1 localhost
	198.18.0.25 mx.lab.test mx
	2001:db8:18::25 mx.lab.test mx
END
echo nameserver 127.0.0.1 >"$ROOT/etc/resolv.conf"
/usr/bin/python3 "$HERE/dns.py" &

# mail.log as Debian 12 writes it, and the same in the style of older systems.
cat >"$ROOT/etc/rsyslog-lab.conf" <<-'END'
	module(load="imuxsock")
	$FileCreateMode 0644
	mail.*;auth.*;authpriv.* action(type="omfile" file="/var/log/lab/mail.log" template="RSYSLOG_FileFormat")
	mail.*;auth.*;authpriv.* action(type="omfile" file="/var/log/lab/mail.traditional.log" template="RSYSLOG_TraditionalFileFormat")
	*.*;mail.none;auth,authpriv.none action(type="omfile" file="/var/log/lab/other.log" template="RSYSLOG_TraditionalFileFormat")
END
chroot "$ROOT" rsyslogd -f /etc/rsyslog-lab.conf -i /run/rsyslogd-lab.pid
touch "$RUN/log/mail.log"

configure_and_start
until ss -Hltn "sport = :$PORT" | grep -q .; do
	sleep 0.05
done
touch "$RUN/ready"
sleep infinity &
wait $!
