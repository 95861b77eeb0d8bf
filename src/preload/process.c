/* SPDX-License-Identifier: ISC */
/* The process whose memory it is; see process.h. */
#include <config.h>

#include "preload/process.h"

#include <stdatomic.h>
#include <unistd.h>

/* 0 as long as nothing is remembered. */
static _Atomic pid_t owner;

void pp_process_note_fork(void)
{
	if (atomic_load(&owner) != 0)
		atomic_store(&owner, getpid());
}

void pp_process_prepare(void)
{
	if (atomic_load(&owner) == 0)
		atomic_store(&owner, getpid());
}

bool pp_process_is_guest(void)
{
	return atomic_load(&owner) != getpid();
}
