/* SPDX-License-Identifier: ISC */
/* Whether there are others. */
#ifndef PP_PRELOAD_SERVER_THREADS_H
#define PP_PRELOAD_SERVER_THREADS_H

#include <stdbool.h>
#ifdef HAVE_SYS_SINGLE_THREADED_H
#include <sys/single_threaded.h>
#endif

/* False as long as the process certainly has one thread. One load. */
static inline bool pp_has_threads(void)
{
#ifdef HAVE_SYS_SINGLE_THREADED_H
	return !__libc_single_threaded;
#else
	return true;
#endif
}

#endif
