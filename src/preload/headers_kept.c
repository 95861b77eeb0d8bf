/* SPDX-License-Identifier: ISC */
/* Headers kept whole; see headers_kept.h. */
#include <config.h>

#include "headers_kept.h"

#include "kept.h"
#include "lock.h"

#include <stdatomic.h>
#include <string.h>

#ifdef PP_GETPEERNAME_CACHE

static struct pp_kept kept;
static struct pp_lock lock;
static _Atomic bool is_used;

void pp_headers_before_fork(void)
{
	if (atomic_load(&is_used))
		pp_lock_before_fork(&lock);
}

void pp_headers_after_fork(void)
{
	if (pp_lock_forks(&lock))
		pp_lock_after_fork(&lock);
}

/* The first one ever may be half kept, by a thread of the parent. */
void pp_headers_after_fork_in_child(void)
{
	if (pp_lock_forks(&lock))
		pp_lock_after_fork(&lock);
	else if (pp_lock_renew(&lock))
		memset(&kept, 0, sizeof(kept));
}

bool pp_headers_have(int fd)
{
	return pp_kept_has(&kept, fd);
}

void pp_headers_keep(int fd, const union pp_address *proxy,
		     const uint8_t *bytes, size_t length)
{
	sigset_t before;

	atomic_store(&is_used, true);
	pp_lock_take(&lock, &before);
	pp_kept_put(&kept, fd, proxy, bytes, length);
	pp_lock_release(&lock, &before);
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

	pp_lock_take(&lock, &before);
	pp_kept_drop(&kept, fd);
	pp_lock_release(&lock, &before);
}

void pp_headers_duplicate(int from, int to)
{
	sigset_t before;

	pp_lock_take(&lock, &before);
	pp_kept_duplicate(&kept, from, to);
	pp_lock_release(&lock, &before);
}

#endif
