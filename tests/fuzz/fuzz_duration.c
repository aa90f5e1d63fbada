/* A time expression of any bytes: a number within bounds, or a text that says why not. */
#include <assert.h>
#include <math.h>

#include "config/duration.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct err err = { 0 };
	double seconds = NAN;
	bool whole;

	if (duration_parse(str_mem(data, n), &seconds, &whole, &err) < 0) {
		assert(isnan(seconds) && err.text[0]);
		return 0;
	}
	assert(fabs(seconds) <= 1e15);
	if (whole)
		assert(trunc(seconds) == seconds);
	return 0;
}
