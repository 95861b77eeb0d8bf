/* SPDX-License-Identifier: ISC */
/*
 * How long true takes to start and end under each of some libraries, up to 16,
 * in turns, each turn in another order.
 *
 *	start COUNT LIBRARY...		"-" for none
 *
 * Prints the microseconds of each start, a line a turn, a column a library.
 */
#include <config.h>

#include "bench/measure.h"

#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define MOST 16

static double start(const char *library)
{
	char preload[4096], name[] = "true";
	char *argv[] = { name, NULL }, *envp[] = { preload, NULL };
	double begin;
	int status;
	pid_t pid;

	snprintf(preload, sizeof(preload), "LD_PRELOAD=%s",
		 strcmp(library, "-") == 0 ? "" : library);
	begin = now();
	if (posix_spawn(&pid, "/bin/true", NULL, NULL, argv, envp) != 0 ||
	    waitpid(pid, &status, 0) != pid || status != 0) {
		fprintf(stderr, "start: true failed under %s\n", library);
		exit(1);
	}
	return now() - begin;
}

static void shuffle(int *order, int count)
{
	for (int left = count; left > 1; left--) {
		int other = rand() % left, last = order[left - 1];

		order[left - 1] = order[other];
		order[other] = last;
	}
}

int main(int argc, char **argv)
{
	if (argc < 3 || argc > 2 + MOST) {
		fprintf(stderr, "usage: start COUNT LIBRARY...\n");
		return 2;
	}
	const int libraries = argc - 2;
	double took[MOST];
	int order[MOST];

	for (int i = 0; i < libraries; i++)
		order[i] = i;
	for (int i = 0; i < atoi(argv[1]); i++) {
		/* behind whom each comes is chance: it finds what that had */
		shuffle(order, libraries);
		for (int j = 0; j < libraries; j++)
			took[order[j]] = start(argv[2 + order[j]]);
		for (int j = 0; j < libraries; j++)
			printf("%.1f ", took[j]);
		puts("");
	}
	return 0;
}
