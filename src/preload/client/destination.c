/* SPDX-License-Identifier: ISC */
/* Where the program sends to, and as whom; see destination.h. */
#include <config.h>

#include "preload/client/destination.h"

#include "connection/digest.h"
#include "connection/send.h"
#include "preload/real.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

uint64_t pp_next_place(const struct pp_settings *settings)
{
	static _Atomic unsigned said;
	const void *random = (const void *)getauxval(AT_RANDOM);
	uint64_t secret[2] = { 0 }, process;

	if (settings->source_count == 1)
		return 0;
	process = (uint64_t)getpid();
	if (random != NULL)
		memcpy(secret, random, sizeof(secret));
	return pp_digest(secret, &process, 1) +
	       atomic_fetch_add_explicit(&said, 1, memory_order_relaxed);
}

bool pp_copy_memory(void *to, const void *from, size_t size)
{
	const struct iovec into = { .iov_base = to, .iov_len = size };
	const struct iovec out = { .iov_base = (void *)(uintptr_t)from,
				   .iov_len = size };
	ssize_t copied = process_vm_readv(getpid(), &into, 1, &out, 1, 0);

	if (copied == (ssize_t)size)
		return true;
	if (copied >= 0 || errno == EFAULT) {
		errno = EFAULT;
		return false;
	}
	/* a kernel, or a sandbox, that has no such call */
	memcpy(to, from, size);
	return true;
}

bool pp_read_address(union pp_address *to, const struct sockaddr *address,
		     socklen_t length)
{
	struct sockaddr_storage copy;

	if (address == NULL || length < sizeof(to->in) || length > sizeof(copy))
		return false;
	memset(&copy, 0, sizeof(copy));
	if (!pp_copy_memory(&copy, address, length))
		return false;
	/* one of IPv6 may be short of its scope */
	pp_address_from_kernel(to, (const struct sockaddr *)&copy,
			       sizeof(copy));
	return to->sa.sa_family != AF_UNSPEC;
}

void pp_find_destination(int fd, union pp_address *to)
{
	union pp_address own = { .sa.sa_family = AF_UNSPEC };
	socklen_t length = sizeof(own);

	if (pp_outgoing_is_to_nobody(to))
		real_getsockname(fd, &own.sa, &length);
	pp_outgoing_find_destination(to, &own);
}
