/* SPDX-License-Identifier: ISC */
/*
 * What the probes of the client library have in common: they print what calls
 * came to, a line each.
 */
#ifndef TELL_H
#define TELL_H

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline bool is(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

static inline void tell(const char *what, int error)
{
	printf("%s %s\n", what, error == 0 ? "0" : strerrorname_np(error));
	fflush(stdout);
}

static inline void fail(const char *what)
{
	tell(what, errno);
	exit(1);
}

#endif
