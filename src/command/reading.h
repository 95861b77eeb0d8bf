/* SPDX-License-Identifier: ISC */
/* A program that is started to read what it writes. */
#ifndef PP_COMMAND_READING_H
#define PP_COMMAND_READING_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

struct pp_reading {
	FILE *output;	/* both of its outputs */
	pid_t pid;
};

/* Starts one, by its path. False where that fails. */
bool pp_reading_start(struct pp_reading *reading, char *const argv[]);

/* Waits for its end. Returns its exit status, or -1. */
int pp_reading_end(struct pp_reading *reading);

#endif
