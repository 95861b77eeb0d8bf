/* SPDX-License-Identifier: ISC */
/* Memory of the program; see memory.h. */
#include <config.h>

#include "supervisor/memory.h"

#include <errno.h>
#include <sys/uio.h>
#include <unistd.h>

static struct iovec part_of(uint64_t address, size_t size)
{
	return (struct iovec){ (void *)(uintptr_t)address, size };
}

bool pp_memory_read(int tid, uint64_t address, void *bytes, size_t size)
{
	struct iovec here = { bytes, size };
	struct iovec there = part_of(address, size);

	return process_vm_readv(tid, &here, 1, &there, 1, 0) == (ssize_t)size;
}

bool pp_memory_write(int tid, uint64_t address, const void *bytes, size_t size)
{
	struct iovec here = { (void *)(uintptr_t)bytes, size };
	struct iovec there = part_of(address, size);

	return process_vm_writev(tid, &here, 1, &there, 1, 0) == (ssize_t)size;
}

/* What is above is a tag (arm64), and no offset of a file. */
#define ADDRESS_BITS 56

bool pp_memory_read_room(int memory, struct pp_memory_name *to)
{
	uint64_t at = to->length & ((UINT64_C(1) << ADDRESS_BITS) - 1);
	ssize_t got = pread(memory, &to->room, sizeof(to->room), (off_t)at);

	if (got != sizeof(to->room))
		to->room = -1;
	/* an error is of an address; memory that is gone is empty */
	return got != 0;
}

int pp_memory_write_name(int tid, const struct pp_memory_name *to,
			 const struct sockaddr *from, socklen_t length)
{
	socklen_t size = length;
	struct sockaddr_storage copy;
	struct iovec here[2], there[2];
	ssize_t whole;

	if (to->address == 0)
		return 0;
	if (to->room < 0)
		return -EINVAL;
	if ((socklen_t)to->room < size)
		size = (socklen_t)to->room;
	__builtin_memcpy(&copy, from, size);
	here[0] = (struct iovec){ &copy, size };
	here[1] = (struct iovec){ &length, sizeof(length) };
	there[0] = part_of(to->address, size);
	there[1] = part_of(to->length, sizeof(length));
	whole = (ssize_t)(size + sizeof(length));
	return process_vm_writev(tid, here, 2, there, 2, 0) == whole ? 0
								     : -EFAULT;
}
