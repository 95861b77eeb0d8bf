/* SPDX-License-Identifier: ISC */
/* A ring that takes one request at a time; see uring.h, io_uring_setup(2). */
#define _GNU_SOURCE
#include "uring.h"

#include <errno.h>
#include <linux/io_uring.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static int ring = -1;
static struct io_uring_params params;
static char *submissions, *completions;
static struct io_uring_sqe *request;

static void *map(size_t size, uint64_t what)
{
	return mmap(NULL, size, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_POPULATE, ring, (off_t)what);
}

static _Atomic uint32_t *field(char *of, uint32_t offset)
{
	return (_Atomic uint32_t *)(void *)(of + offset);
}

bool uring_open(void)
{
	ring = (int)syscall(SYS_io_uring_setup, 1, &params);
	if (ring < 0)
		return false;
	submissions = map(params.sq_off.array +
				  params.sq_entries * sizeof(uint32_t),
			  IORING_OFF_SQ_RING);
	completions = map(params.cq_off.cqes +
				  params.cq_entries *
					  sizeof(struct io_uring_cqe),
			  IORING_OFF_CQ_RING);
	request = map(sizeof(*request), IORING_OFF_SQES);
	if ((void *)submissions == MAP_FAILED ||
	    (void *)completions == MAP_FAILED || (void *)request == MAP_FAILED)
		return false;
	/* kernels without it answer so, others that there is no such epoll */
	return uring_epoll_ctl(-1, EPOLL_CTL_DEL, 0, NULL) != 0 &&
	       errno != EINVAL;
}

/* The answer to the only request that is out. */
static int take_answer(void)
{
	uint32_t head = atomic_load(field(completions, params.cq_off.head));
	const struct io_uring_cqe *cqes =
		(void *)(completions + params.cq_off.cqes);
	int result = cqes[head & (params.cq_entries - 1)].res;

	atomic_store(field(completions, params.cq_off.head), head + 1);
	return result;
}

int uring_epoll_ctl(int epoll, int operation, int fd,
		    struct epoll_event *event)
{
	int result;

	memset(request, 0, sizeof(*request));
	request->opcode = IORING_OP_EPOLL_CTL;
	request->fd = epoll;
	request->len = (uint32_t)operation;
	request->off = (unsigned)fd;
	request->addr = (uintptr_t)event;
	atomic_store(field(submissions, params.sq_off.array), 0);
	atomic_fetch_add(field(submissions, params.sq_off.tail), 1);
	if (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS,
		    NULL, 0) != 1)
		return -1;
	result = take_answer();
	if (result >= 0)
		return result;
	errno = -result;
	return -1;
}
