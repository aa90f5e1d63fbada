dnl Sendmail has no check that a sender address belongs to the login: this adds one, a map
dnl "login:address".  In Local_check_rcpt, because Local_check_mail is skipped for authenticated
dnl clients when FEATURE(delay_checks) is on, as it is on Debian.
LOCAL_CONFIG
Ksenderlogin hash /etc/mail/lab/senderlogin
LOCAL_RULESETS
SLocal_check_rcpt
R$*	$: $&{auth_authen} : $&f
R$* : < $* >	$1 : $2
R: $+ @ lab.test	$#error $@ 5.7.1 $: "553 Authentication required for local sender addresses"
R: $*	$@ ok
R$+ : $*	$: $(senderlogin $1 : $2 $: NOTOWNER $)
RNOTOWNER	$#error $@ 5.7.1 $: "553 Sender address not owned by authenticated user"
