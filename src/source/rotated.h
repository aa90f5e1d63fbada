/* What a rotated log is called now. */
#pragma once

#include "base/str.h"

/*
 * A file of that inode in the directory of `path`, else in the one that its link leads to, whose
 * name begins as the log's does, up to the last dot.  A descriptor for reading, or -ENOENT.
 */
int rotated_open(str path, uint64_t dev, uint64_t ino);
