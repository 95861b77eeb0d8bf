/* SPDX-License-Identifier: ISC */
/*
 * Memory from the kernel: malloc(3) is the program's, which may be in the
 * middle of it when a signal handler of its calls a hook. What is static but
 * not in the page of all other variables is mapped for each process that starts.
 */
#ifndef PP_MEMORY_H
#define PP_MEMORY_H

#include <stdatomic.h>
#include <stdbool.h>
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

/*
 * The memory that a pointer points to. Where that is NULL, with make such is
 * mapped now, and stays; NULL without, or with errno set. Thread- and signal-safe,
 * lock-free.
 */
static inline void *pp_memory_get(void *_Atomic *pointer, size_t size,
				  bool make)
{
	void *memory = atomic_load_explicit(pointer, memory_order_acquire);
	void *fresh;

	if (memory != NULL || !make)
		return memory;
	fresh = pp_memory_map(size);
	if (fresh == NULL ||
	    atomic_compare_exchange_strong(pointer, &memory, fresh))
		return fresh;
	munmap(fresh, size);
	return memory;
}

#endif
