/* SPDX-License-Identifier: ISC */
/*
 * Memory from the kernel: malloc(3) is the program's, which may be in the
 * middle of it when a signal handler of its calls a hook.
 */
#ifndef PP_MEMORY_H
#define PP_MEMORY_H

#include <stddef.h>
#include <sys/mman.h>

/*
 * Zeroed memory, to be given back with munmap(2), or NULL with errno set. Only
 * what is written to takes any. Thread- and signal-safe.
 */
static inline void *pp_memory_map(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

#endif
