/* SPDX-License-Identifier: ISC */
/* Runs every suite. Check's own variables apply: CK_FORK, CK_RUN_SUITE ... */
#include <config.h>

#include "suites.h"

#include <stdlib.h>

int main(void)
{
	return run_tests() == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
