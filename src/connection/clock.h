/* SPDX-License-Identifier: ISC */
/* The time by which deadlines are set. */
#ifndef PP_CONNECTION_CLOCK_H
#define PP_CONNECTION_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Milliseconds on CLOCK_MONOTONIC. Signal-safe. */
static inline int64_t pp_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

#endif
