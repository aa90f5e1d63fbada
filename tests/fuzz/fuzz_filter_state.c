/* Saved state that may be anything; what is accepted must be usable and save as it was. */
#include <stdlib.h>

#include "match/filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct config_regex fail[] = {
	{ STR("^ <F-MLFID>s\\d+</F-MLFID> bad <F-USER>\\S+</F-USER>$"), USEDNS_NO, 3 },
	{ STR("^ <F-MLFID>s\\d+</F-MLFID> <F-NOFAIL>from</F-NOFAIL> <ADDR>$"), USEDNS_NO, 3 },
};

static const struct config_jail jail = { .name = STR("a"),
					 .usedns = USEDNS_NO,
					 .failregex = fail,
					 .n_failregex = 2,
					 .findtime = 600,
					 .maxlines = 3 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct filter_time t = { .now = 1124013600, .session_now = 1124013600 };
	_buf_free_ struct buf saved = { 0 };
	static struct filter *f; /* slow to make */
	const struct match *m;
	struct err e;

	if (!f && filter_new(&jail, &f, &e) < 0)
		abort();
	if (filter_restore(f, str_mem(data, size)) == 0) {
		filter_save(f, &saved);
		if (filter_restore(f, buf_str(&saved)) < 0)
			abort();
	}
	(void)!filter_line(f, STR("2005-08-14 09:59:58 s1 from 1.2.3.4"), &t, &m);
	(void)!filter_line(f, STR("2005-08-14 09:59:58 s1 bad u"), &t, &m);
	(void)!filter_line(f, STR("x"), &t, &m);
	return 0;
}
