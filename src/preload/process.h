/* SPDX-License-Identifier: ISC */
/* Whose memory is it that the hooks find, and has it other threads? */
#ifndef PP_PRELOAD_PROCESS_H
#define PP_PRELOAD_PROCESS_H

#include <stdbool.h>
#ifdef HAVE_SYS_SINGLE_THREADED_H
#include <sys/single_threaded.h>
#endif

/*
 * To be called before the first pp_process_is_guest that counts: one system
 * call, the first time.
 */
void pp_process_prepare(void);

/* In a child of fork(2): the memory is this process's own. */
void pp_process_note_fork(void);

/*
 * Is this a child of vfork, whose memory is its parent's, unlike its
 * descriptors? A child of _Fork(3) or a bare clone(2), which nobody told us
 * of, is taken for one. It is not seen where parent and child are the first of
 * their process namespaces. Signal-safe.
 */
bool pp_process_is_guest(void);

/* False as long as the process certainly has one thread. One load. */
static inline bool pp_has_threads(void)
{
#ifdef HAVE_SYS_SINGLE_THREADED_H
	return !__libc_single_threaded;
#else
	return true;
#endif
}

#endif
