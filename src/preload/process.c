/* SPDX-License-Identifier: ISC */
/* The process whose memory it is; see process.h. */
#include <config.h>

#include "preload/process.h"

#include "memory.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

/* 0 as long as nothing is remembered. */
static _Atomic pid_t owner;

/*
 * 0 in the memory that a forked child has of its own, by whatever call it was
 * forked; NULL where the kernel cannot do that (before 4.14).
 */
static _Atomic char *mark;

void pp_process_note_fork(void)
{
	if (atomic_load(&owner) != 0)
		atomic_store(&owner, getpid());
	if (mark != NULL)
		atomic_store(mark, 1);
}

void pp_process_prepare(void)
{
	if (atomic_load(&owner) == 0)
		atomic_store(&owner, getpid());
}

#ifdef PP_CLIENT
static void make_mark(void)
{
#ifdef MADV_WIPEONFORK
	void *page = pp_memory_map(1);

	if (page == NULL)
		return;
	if (madvise(page, 1, MADV_WIPEONFORK) == 0) {
		mark = page;
		atomic_store(mark, 1);
	} else {
		munmap(page, 1);
	}
#endif
}

void pp_process_start(void)
{
	make_mark();
	pp_process_prepare();
	pthread_atfork(NULL, NULL, pp_process_note_fork);
}
#endif

bool pp_process_is_guest(void)
{
	if (atomic_load(&owner) == getpid())
		return false;
	if (mark == NULL || atomic_load(mark) != 0)
		return true;
	/* it was forked by a call that tells nobody */
	pp_process_note_fork();
	return false;
}
