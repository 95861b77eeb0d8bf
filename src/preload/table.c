/* SPDX-License-Identifier: ISC */
/* A sparse array over descriptors; see table.h. */
#include <config.h>

#include "preload/table.h"

#include "memory.h"

#include <limits.h>
#include <stdatomic.h>
#include <sys/mman.h>

#define PAGES ((size_t)INT_MAX / PP_TABLE_PAGE + 1)

/* The memory that an entry points to; with make it is mapped if it is not. */
static void *get_memory(void *_Atomic *entry, size_t size, bool make)
{
	void *memory = atomic_load_explicit(entry, memory_order_acquire);
	void *fresh;

	if (memory != NULL || !make)
		return memory;
	fresh = pp_memory_map(size);
	if (fresh == NULL ||
	    atomic_compare_exchange_strong(entry, &memory, fresh))
		return fresh;
	munmap(fresh, size);
	return memory;
}

void *pp_table_slot(struct pp_table *table, void *near, size_t slot_size,
		    int fd, bool make)
{
	void *_Atomic *directory;
	char *page;

	if (fd < 0)
		return NULL;
	if (fd < PP_TABLE_NEAR)
		return (char *)near + (size_t)fd * slot_size;
	directory = get_memory(&table->directory, PAGES * sizeof(*directory),
			       make);
	if (directory == NULL)
		return NULL;
	page = get_memory(&directory[fd / PP_TABLE_PAGE],
			  PP_TABLE_PAGE * slot_size, make);
	if (page == NULL)
		return NULL;
	return page + (size_t)(fd % PP_TABLE_PAGE) * slot_size;
}
