/* Packed tickets and the JSON of the database: hostile bytes in, bounded and stable tickets out. */
#include <assert.h>

#include "judge/ticket.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_json(const struct ticket *t)
{
	char *json = ticket_data_json(t, 20), *again;
	struct ticket *back = ticket_new(&t->id, t->time);

	ticket_read_json(back, str_of(json), 20);
	assert(ticket_bytes(back) <= TICKET_BYTES_MAX);
	again = ticket_data_json(back, 20);
	free(again);
	free(json);
	ticket_free(back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	str in = str_mem(data, n);
	struct fid id = fid_parse(STR("192.0.2.1"));
	struct ticket *t;
	struct ip ip;

	if (ticket_unpack(&in, &t) == 0) {
		struct buf b = { 0 };

		assert(ticket_bytes(t) <= TICKET_BYTES_MAX);
		ticket_pack(t, &b);
		assert(b.n <= TICKET_PACKED_MAX);
		assert(t->id.ip.family || ip_parse(t->id.text, &ip) < 0);
		/* one form only: what is read back is what came in */
		assert(t->id.ip.family == 0 ||
		       str_eq(buf_str(&b), str_head(str_mem(data, n), n - in.n)));
		check_json(t);
		ticket_limit(t, n);
		assert(ticket_bytes(t) <= n);
		buf_free(&b);
		ticket_free(t);
	}
	t = ticket_new(&id, 1);
	ticket_read_json(t, str_mem(data, n), 5);
	assert(ticket_bytes(t) <= TICKET_BYTES_MAX && t->n_lines <= 5);
	check_json(t);
	ticket_free(t);
	return 0;
}
