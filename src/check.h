/* SPDX-License-Identifier: ISC */
/*
 * What must hold inside the library. Builds with --enable-debug check it and
 * abort; others do not look: a library must not end its process.
 */
#ifndef PP_CHECK_H
#define PP_CHECK_H

#include <config.h>

#ifdef PP_CHECKS
#include <stdio.h>
#include <stdlib.h>

#define PP_CHECK(condition)                                                \
	do {                                                               \
		if (!(condition)) {                                        \
			fprintf(stderr,                                    \
				"libproxyproto: %s:%d: does not hold: %s\n", \
				__FILE__, __LINE__, #condition);           \
			abort();                                           \
		}                                                          \
	} while (0)
#else
#define PP_CHECK(condition) ((void)0)
#endif

#endif
