/* SPDX-License-Identifier: ISC */
/*
 * A suite a file. SUITE names it, above its tests, and a test is added where it
 * is written. CK_RUN_SUITE=name runs one suite alone.
 */
#ifndef PP_UNIT_SUITES_H
#define PP_UNIT_SUITES_H

#include <check.h>
#include <stddef.h>

struct unit_suite {
	const char *name;
	void (*begin)(void), (*end)(void);
	Suite *suite;
};

#define SUITE(name) SUITE_AROUND(name, NULL, NULL)
/* begin and end run before and after each of its tests. */
#define SUITE_AROUND(name, begin, end) \
	static struct unit_suite this_suite = { name, begin, end, NULL }

/* A test, and what adds it before main. */
#define TEST(name)                                                  \
	static const TTest *name;                                   \
	__attribute__((constructor)) static void register_##name(void) \
	{                                                           \
		add_test(&this_suite, name, #name);                 \
	}                                                           \
	START_TEST(name)

/*
 * Adds a case of one test, named after it, to a suite. Its time limit is for
 * tests that hang: nothing is asserted on time.
 */
void add_test(struct unit_suite *to, const TTest *test, const char *name);

/* Runs every suite; how many tests failed. */
int run_tests(void);

#endif
