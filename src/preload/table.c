/* SPDX-License-Identifier: ISC */
/* A sparse array over descriptors; see table.h. */
#include <config.h>

#include "preload/table.h"

#include "memory.h"

#include <limits.h>
#include <stdatomic.h>
#include <sys/mman.h>

#define PAGES ((size_t)INT_MAX / PP_TABLE_PAGE + 1)

static void *_Atomic *get_directory(struct pp_table *table, bool make)
{
	void *_Atomic *directory =
		atomic_load_explicit(&table->directory, memory_order_acquire);
	const size_t size = PAGES * sizeof(*directory);
	void *fresh;

	if (directory != NULL || !make)
		return directory;
	fresh = pp_memory_map(size);
	if (fresh == NULL ||
	    atomic_compare_exchange_strong(&table->directory, &directory, fresh))
		return fresh;
	munmap(fresh, size);
	return directory;
}

static char *get_page(void *_Atomic *entry, size_t size, bool make)
{
	void *page = atomic_load_explicit(entry, memory_order_acquire);
	void *fresh;

	if (page != NULL || !make)
		return page;
	fresh = pp_memory_map(size);
	if (fresh == NULL ||
	    atomic_compare_exchange_strong(entry, &page, fresh))
		return fresh;
	munmap(fresh, size);
	return page;
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
	directory = get_directory(table, make);
	if (directory == NULL)
		return NULL;
	page = get_page(&directory[fd / PP_TABLE_PAGE],
			PP_TABLE_PAGE * slot_size, make);
	if (page == NULL)
		return NULL;
	return page + (size_t)(fd % PP_TABLE_PAGE) * slot_size;
}
