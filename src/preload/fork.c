/* SPDX-License-Identifier: ISC */
/* What happens at fork(2); see fork.h. */
#include <config.h>

#include "fork.h"

#include "headers_kept.h"
#include "listeners.h"
#include "process.h"

#include <pthread.h>

static void before(void)
{
	pp_headers_before_fork();
	pp_listeners_before_fork();
}

static void after_in_parent(void)
{
	pp_listeners_after_fork();
	pp_headers_after_fork();
}

static void after_in_child(void)
{
	pp_process_note_fork();
	pp_listeners_after_fork_in_child();
	pp_headers_after_fork_in_child();
}

void pp_fork_prepare(void)
{
	pthread_atfork(before, after_in_parent, after_in_child);
}
