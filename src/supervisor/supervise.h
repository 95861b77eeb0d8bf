/* SPDX-License-Identifier: ISC */
/*
 * What a preloaded library does, from outside of the process: for programs that
 * the loader loads nothing into, and for whatever they start. The system calls
 * that accept and that ask for names are turned into notifications
 * (seccomp_unotify(2)), which a process of ours answers.
 *
 * The processes are four: this one, which has the process ID that the caller
 * knows, hands on signals and ends as the command ends; the guardian, its child,
 * which ends all where the supervisor dies; the supervisor, a child of that,
 * which serves until the last one that it watches has ended; and the command, a
 * child of the supervisor.
 */
#ifndef PP_SUPERVISOR_SUPERVISE_H
#define PP_SUPERVISOR_SUPERVISE_H

#include <stdbool.h>

/* The exit status where the command was not started, as env(1) has it. */
#define PP_SUPERVISE_FAILED 125

struct pp_supervise {
	bool connect;	/* clients: headers are sent, none is taken off */
};

/*
 * Runs argv, found by PATH, under supervision, with the settings that this
 * process has in its environment. Returns the exit status of the command; 126
 * or 127 where it cannot be executed, or PP_SUPERVISE_FAILED where supervising
 * is not possible here: a line on standard error says why. A command that a
 * signal ends ends this process in the same way. To be called by a process of
 * one thread, which does nothing afterwards but end.
 */
int pp_supervise(char *const argv[], const struct pp_supervise *how);

#endif
