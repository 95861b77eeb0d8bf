/* SPDX-License-Identifier: ISC */
/*
 * The guardian: the supervisor's parent, and a subreaper, so that whatever the
 * supervisor watches becomes its child when the supervisor dies. It then ends
 * all of that, as nobody would answer its calls any more; where the guardian is
 * killed the supervisor does.
 */
#ifndef PP_SUPERVISOR_GUARDIAN_H
#define PP_SUPERVISOR_GUARDIAN_H

#include "supervisor/command.h"

#include <sys/types.h>

/*
 * Forks the supervisor, which tells its news at that end of the channel, and
 * stays until that has ended.
 */
_Noreturn void pp_guardian_run(const struct pp_run *command, int channel);

/*
 * Kills the children of this process and those that it gets by that, as a
 * subreaper, until there is none.
 */
void pp_guardian_end_children(void);

/* The parent of a process; 0 where it has gone. */
pid_t pp_guardian_parent_of(pid_t pid);

#endif
