/* SPDX-License-Identifier: ISC */
/* The command that is run, until it is executed. */
#ifndef PP_SUPERVISOR_COMMAND_H
#define PP_SUPERVISOR_COMMAND_H

#include "supervisor/supervise.h"

#include <signal.h>
#include <sys/types.h>

/* How the caller had it, and the command is to have it. */
struct pp_run {
	char *const *argv;
	const struct pp_supervise *how;
	sigset_t mask;
	bool ignores_children;	/* SIGCHLD */
	pid_t front;		/* what it would have been */
};

/*
 * Forks a process that puts the filter on itself, waits and then executes the
 * command. Its number, and in *notifications the descriptor that they come
 * from; or 0 after a line on standard error where that is not possible here.
 */
pid_t pp_command_start(const struct pp_run *command, int *notifications,
		       int *gate);

/*
 * Closes what the command has inherited besides standard input, output and
 * error: it is not open any more once the command closes it.
 */
void pp_command_leave_descriptors(void);

/* Lets it go on. */
void pp_command_release(int gate);

#endif
