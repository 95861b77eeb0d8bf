/* SPDX-License-Identifier: ISC */
/*
 * What fork(2) means to the library: no thread is at the waiting rooms while
 * it runs, and the child has a process of its own, with nobody who waits.
 *
 * The handlers are registered before those of main(). So they are the last to be
 * called before a fork, and the first behind it: no handler of the program
 * waits for a thread that waits for our lock.
 */
#include <config.h>

#include "preload/process.h"
#include "preload/server/listeners.h"
#include "preload/server/names.h"

#include <pthread.h>

static void note_child(void)
{
	pp_process_note_fork();
	pp_listeners_in_child();
	pp_header_note_fork();
}

/* No system call; listen and accept may be called by a signal handler. */
__attribute__((constructor)) static void register_handlers(void)
{
	pthread_atfork(pp_listeners_before_fork, pp_listeners_after_fork,
		       note_child);
}
