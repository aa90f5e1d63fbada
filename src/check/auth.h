/*
 * Logins that must fail, for AUTH-06 and for the guard test.
 */
#pragma once

#include "check/run.h"

/* n - 1 random letters and digits, terminated. */
void auth_random_word(char *out, size_t n);
/* "nouser-xxxxxxxx@DOMAIN" */
const char *auth_random_user(const struct run *r);
/* The finding of AUTH-06 from the answer to such a login. */
void auth_judge_any_login(struct run *r, const struct check *c, const struct endpoint *e,
			  const struct answer *a, struct exchange *evidence);
