/* SPDX-License-Identifier: ISC */
/* Headers kept whole; see headers_kept.h. */
#include <config.h>

#include "preload/server/headers_kept.h"

#include "preload/lock.h"
#include "preload/server/kept.h"

#include <stdatomic.h>
#include <string.h>

#ifdef PP_GETPEERNAME_CACHE

static struct pp_kept kept;
static struct pp_lock lock;
static _Atomic bool is_changing;

void pp_headers_note_fork(void)
{
	if (pp_lock_renew(&lock) && atomic_exchange(&is_changing, false))
		memset(&kept, 0, sizeof(kept));
}

/* The lock for those who change something; see pp_headers_note_fork. */
static void begin_change(sigset_t *before)
{
	pp_lock_take(&lock, before);
	atomic_store(&is_changing, true);
}

static void end_change(const sigset_t *before)
{
	atomic_store(&is_changing, false);
	pp_lock_release(&lock, before);
}

bool pp_headers_have(int fd)
{
	return pp_kept_has(&kept, fd);
}

void pp_headers_keep(int fd, const union pp_address *proxy,
		     const uint8_t *bytes, size_t length)
{
	sigset_t before;

	begin_change(&before);
	pp_kept_put(&kept, fd, proxy, bytes, length);
	end_change(&before);
}

size_t pp_headers_get(int fd, const union pp_address *proxy, uint8_t *bytes,
		      size_t size)
{
	sigset_t before;
	size_t length;

	pp_lock_take(&lock, &before);
	length = pp_kept_get(&kept, fd, proxy, bytes, size);
	pp_lock_release(&lock, &before);
	return length;
}

void pp_headers_drop(int fd)
{
	sigset_t before;

	begin_change(&before);
	pp_kept_drop(&kept, fd);
	end_change(&before);
}

void pp_headers_duplicate(int from, int to)
{
	sigset_t before;

	begin_change(&before);
	pp_kept_duplicate(&kept, from, to);
	end_change(&before);
}

#endif
