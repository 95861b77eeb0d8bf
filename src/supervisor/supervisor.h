/* SPDX-License-Identifier: ISC */
/* The supervisor: the process that serves, and the parent of the command. */
#ifndef PP_SUPERVISOR_SUPERVISOR_H
#define PP_SUPERVISOR_SUPERVISOR_H

#include "supervisor/command.h"

#include <stdbool.h>
#include <sys/types.h>

/* What the supervisor tells the front process. */
enum pp_news_kind {
	PP_NEWS_FAILED,		/* the command was not started */
	PP_NEWS_STARTED,	/* the command has this process ID */
	PP_NEWS_STOPPED,	/* by this signal */
	PP_NEWS_ENDED,		/* with this wait status; others are served */
	PP_NEWS_ALL_ENDED,	/* the same; so does the supervisor */
};

struct pp_news {
	enum pp_news_kind kind;
	int value;
};

/*
 * Starts the command and serves it, and whatever it starts, until they have all
 * ended. The front process gets news at the other end of the channel; where it
 * is gone before the command, that is killed; where the guardian is, its parent,
 * all are.
 */
_Noreturn void pp_supervisor_run(const struct pp_run *command, pid_t guardian,
				 int channel);

#endif
