/* SPDX-License-Identifier: ISC */
/* Headers kept whole; see headers_kept.h. */
#include <config.h>

#include "headers_kept.h"

#include "kept.h"
#include "lock.h"

#include <pthread.h>

#ifdef PP_GETPEERNAME_CACHE

static struct pp_kept kept;
static struct pp_lock lock;
static sigset_t signals_before_fork;

static void before_fork(void)
{
	sigset_t before;

	pp_lock_take(&lock, &before);
	signals_before_fork = before;
}

static void after_fork(void)
{
	sigset_t before = signals_before_fork;

	pp_lock_release(&lock, &before);
}

void pp_headers_prepare(void)
{
	pthread_atfork(before_fork, after_fork, after_fork);
}

bool pp_headers_have(int fd)
{
	return pp_kept_has(&kept, fd);
}

void pp_headers_keep(int fd, const union pp_address *proxy,
		     const uint8_t *bytes, size_t length)
{
	sigset_t before;

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
