/* SPDX-License-Identifier: ISC */
/* What the programs that measure have in common. */
#ifndef PP_BENCH_MEASURE_H
#define PP_BENCH_MEASURE_H

#include <sys/resource.h>
#include <time.h>

/* Descriptors that one may have. */
#define DESCRIPTORS (1 << 20)

/* Microseconds. */
static inline double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

/* For qsort(3) of doubles. */
static inline int compare(const void *a, const void *b)
{
	double difference = *(const double *)a - *(const double *)b;

	return (difference > 0) - (difference < 0);
}

/* As many descriptors as this user may have. */
static inline void open_many(void)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max < DESCRIPTORS ? limit.rlim_max
						      : DESCRIPTORS;
	setrlimit(RLIMIT_NOFILE, &limit);
}

#endif
