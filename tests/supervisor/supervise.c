/* SPDX-License-Identifier: ISC */
/* Runs a command under the supervisor. */
#include <config.h>

#include "supervisor/supervise.h"

#include <string.h>

int main(int argc, char **argv)
{
	struct pp_supervise how = { .connect = false };

	if (argc > 1 && strcmp(argv[1], "-c") == 0) {
		how.connect = true;
		argv++;
		argc--;
	}
	return argc < 2 ? PP_SUPERVISE_FAILED : pp_supervise(argv + 1, &how);
}
