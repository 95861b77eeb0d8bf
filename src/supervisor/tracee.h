/* SPDX-License-Identifier: ISC */
/*
 * The processes that are watched, as far as they have called: what is asked of
 * the kernel about them is kept until they end.
 */
#ifndef PP_SUPERVISOR_TRACEE_H
#define PP_SUPERVISOR_TRACEE_H

#include "supervisor/loop.h"
#include "supervisor/memory.h"
#include "supervisor/process_settings.h"

#include <sys/types.h>

struct pp_pending;

struct pp_tracee {
	pid_t tgid;
	pid_t tid;		/* of the thread that called last */
	int pidfd;
	struct pp_event ended;
	struct pp_rules *rules;		/* NULL: not read yet */
	int memory;		/* of the program that they are for, or -1 */
	struct pp_pending *pending;	/* calls that wait, see pending_calls.h */
	bool has_threads;		/* that are kept */
	struct pp_tracee *next;
};

/*
 * The process of a thread that waits for our answer. NULL with errno set where
 * it has gone, or there is no descriptor or memory.
 */
struct pp_tracee *pp_tracee_of(pid_t tid);

/*
 * A duplicate of a descriptor of the process of a thread that waits, close-on-
 * exec; *process is that of the thread, or NULL. -errno: -EBADF where it is
 * none; -ENOSYS: none but the thread itself can use it (before Linux 6.9, the
 * first thread has ended). What was known of a process that has ended is given
 * up.
 */
int pp_tracee_fetch(pid_t tid, struct pp_tracee **process, int fd);

/*
 * Its settings, read at first, and again when it has executed another program.
 * NULL as pp_rules_of. That costs one system call each time, which also reads
 * how much room a call of the thread that called last has for a name: to may be
 * NULL.
 */
struct pp_rules *pp_tracee_rules(struct pp_tracee *process,
				 struct pp_memory_name *to);

/* Called before what is known of a process is given up: it has ended. */
extern void (*pp_tracee_ends)(struct pp_tracee *process);

#endif
