/* SPDX-License-Identifier: ISC */
/*
 * A sparse array with one slot a descriptor, any that the kernel can hand
 * out. The near descriptors have their slots in memory of the caller's, the
 * further ones on pages that are mapped when first made, and stay.
 */
#ifndef PP_PRELOAD_TABLE_H
#define PP_PRELOAD_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#define PP_TABLE_NEAR 1024	/* slots that the caller provides, zeroed */
#define PP_TABLE_PAGE 4096	/* further ones that are made together */

/* The pages; zeroed it is empty. */
struct pp_table {
	void *_Atomic directory;
};

/*
 * The slot of fd, slot_size bytes that were zero at first. NULL for a negative
 * fd, where no slot was made yet, or (with make) where there is no memory.
 * Lock-free, signal-safe.
 */
void *pp_table_slot(struct pp_table *table, void *near, size_t slot_size,
		    int fd, bool make);

#endif
