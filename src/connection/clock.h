/* SPDX-License-Identifier: ISC */
/*
 * The clock, CLOCK_MONOTONIC in nanoseconds, and a timeout that goes on over
 * several waits. Signal-safe; nothing fails.
 */
#ifndef PP_CONNECTION_CLOCK_H
#define PP_CONNECTION_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define PP_SECOND INT64_C(1000000000)

/* When a timeout ends that has no end. */
#define PP_NEVER INT64_MAX

static inline int64_t pp_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * PP_SECOND + now.tv_nsec;
}

/* In milliseconds: what deadlines of connections are counted in. */
static inline int64_t pp_now_ms(void)
{
	return pp_now_ns() / 1000000;
}

/* Is it one that the kernel takes? NULL, no timeout, is. */
static inline bool pp_timeout_is_valid(const struct timespec *timeout)
{
	return timeout == NULL ||
	       (timeout->tv_sec >= 0 && timeout->tv_nsec >= 0 &&
		timeout->tv_nsec < PP_SECOND);
}

/* When a valid one ends that begins now. 68 years have no end. */
static inline int64_t pp_timeout_end(const struct timespec *timeout)
{
	if (timeout == NULL || timeout->tv_sec > INT32_MAX)
		return PP_NEVER;
	return pp_now_ns() + timeout->tv_sec * PP_SECOND + timeout->tv_nsec;
}

/* What is left until then, in *left; NULL where there is no end. */
static inline const struct timespec *pp_timeout_left(int64_t end,
						     struct timespec *left)
{
	int64_t ns = end - pp_now_ns();

	if (end == PP_NEVER)
		return NULL;
	if (ns < 0)
		ns = 0;
	left->tv_sec = (time_t)(ns / PP_SECOND);
	left->tv_nsec = (long)(ns % PP_SECOND);
	return left;
}

#endif
