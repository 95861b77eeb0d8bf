/* SPDX-License-Identifier: ISC */
/*
 * Which system calls are asked about: a seccomp filter of the command's, and
 * which call a notification is about, whatever the architecture.
 */
#ifndef PP_SUPERVISOR_FILTER_H
#define PP_SUPERVISOR_FILTER_H

#include "supervisor/filter_program.h"

#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdint.h>

/* One call of a thread that waits for our answer. */
struct pp_call {
	uint64_t id;
	int tid;
	enum pp_call_name name;
	uint64_t arguments[4];
};

/*
 * Puts the filter on this thread and what it will execute and fork. connect:
 * of a client. Returns the descriptor that notifications come from, close-on-
 * exec, or -errno: -EBUSY where there is such a one already.
 */
int pp_filter_set(bool connect);

/*
 * What a notification is about. The arguments of a call by socketcall(2) are
 * read from the process: false where they cannot be.
 */
bool pp_filter_read(const struct seccomp_notif *notification,
		    struct pp_call *call);

#endif
