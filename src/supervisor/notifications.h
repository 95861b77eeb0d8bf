/* SPDX-License-Identifier: ISC */
/*
 * The calls that threads wait in, from the kernel, and the answers to them. An
 * answer may come too late: the call was interrupted by a signal, its thread
 * has ended. It then comes again, if it does, as another one.
 */
#ifndef PP_SUPERVISOR_NOTIFICATIONS_H
#define PP_SUPERVISOR_NOTIFICATIONS_H

#include "supervisor/filter.h"

#include <sys/types.h>

/*
 * Listens on the descriptor that the filter gave, by a thread of its own. False
 * with errno set.
 */
bool pp_notifications_begin(int fd);

/* Is there nobody left that could call? */
bool pp_notifications_are_over(void);

/* The kernel carries the call out itself. */
void pp_answer_continue(const struct pp_call *call);

/* The call returns 0 or -errno. False where it is too late. */
bool pp_answer(const struct pp_call *call, int result);

/*
 * The call returns a duplicate of fd. Its number there, or -errno: -ENOENT
 * where it is too late, -EMFILE and the like where there is none, and an
 * answer is due.
 */
int pp_answer_descriptor(const struct pp_call *call, int fd, int flags);

/* Does its thread still wait? */
bool pp_call_is_valid(const struct pp_call *call);

#endif
