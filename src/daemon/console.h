/*
 * The console: the control socket.  It reads what clients send (Fail2ban's pickles: hostile),
 * looks at who they are, and passes words on: to the engine what is asked of jails, to the warden
 * what needs root.  Answers are opaque bytes to it.
 */
#pragma once

#include "daemon/options.h"

int console_main(const struct guard_options *options);
