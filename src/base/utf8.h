/*
 * UTF-8 as the Unicode standard (chapter 3, table 3-7) has it: no overlong forms, no surrogates,
 * nothing above U+10FFFF.  Input is hostile.
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/str.h"

/* Length in bytes (1..4) of the well-formed character at the start of s, or 0. */
size_t utf8_len(str s);
bool utf8_is_ascii(str s);
bool utf8_is_valid(str s);
/* Adds s with each maximal ill-formed part replaced by U+FFFD, as Python's "replace" does. */
void utf8_add_repaired(struct buf *out, str s);
/* Adds ISO 8859-1 bytes as UTF-8. */
void utf8_add_latin1(struct buf *out, str s);
/* Adds one code point. */
void utf8_add_char(struct buf *out, uint32_t c);
