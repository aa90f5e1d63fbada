# Installs PACKAGES into the overlay TOP/upper over BASE.  Run by `lab` in a mount namespace of its own,
# so that nothing stays mounted.  Where the file system cannot carry an overlay (LAB_DIR itself on
# one, in a container), the base is copied instead.
root=$TOP/root
if ! mount -t overlay overlay -o "lowerdir=$BASE,upperdir=$TOP/upper,workdir=$TOP/work" "$root"; then
	cp -a "$BASE/." "$TOP/upper"
	mount --bind "$TOP/upper" "$root"
fi
mount -t proc proc "$root/proc"
cat /etc/resolv.conf >"$root/etc/resolv.conf"
echo "127.0.0.1 localhost mx.lab.test mx" >"$root/etc/hosts"
echo mx.lab.test >"$root/etc/mailname"
export DEBIAN_FRONTEND=noninteractive
chroot "$root" apt-get -q update
# shellcheck disable=SC2086
chroot "$root" apt-get -q -y --no-install-recommends install $PACKAGES
for user in alice bob; do
	chroot "$root" useradd -m -s /bin/sh $user
done
chroot "$root" apt-get clean
rm -rf "$root"/var/lib/apt/lists/*
