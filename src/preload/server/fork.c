/* SPDX-License-Identifier: ISC */
/* What happens in a child of fork(2); see fork.h. */
#include <config.h>

#include "preload/server/fork.h"

#include "preload/process.h"
#include "preload/server/listeners.h"
#include "preload/server/names.h"
#include "preload/server/wait.h"

#include <pthread.h>
#include <stdatomic.h>

static void note_fork(void)
{
	pp_process_note_fork();
	pp_wait_note_fork();
	pp_listeners_note_fork();
	pp_header_note_fork();
}

void pp_fork_prepare(void)
{
	static atomic_flag is_prepared = ATOMIC_FLAG_INIT;

	if (!atomic_flag_test_and_set(&is_prepared))
		pthread_atfork(NULL, NULL, note_fork);
}
