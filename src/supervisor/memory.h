/* SPDX-License-Identifier: ISC */
/*
 * Memory of a thread that waits for our answer. It is the program's: what is
 * read may be anything, and nothing but sockaddr and length is written there.
 */
#ifndef PP_SUPERVISOR_MEMORY_H
#define PP_SUPERVISOR_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* Reads or writes all of it, or fails. One system call. */
bool pp_memory_read(int tid, uint64_t address, void *bytes, size_t size);
bool pp_memory_write(int tid, uint64_t address, const void *bytes, size_t size);

/* Where a call of the program's wants a socket address. */
struct pp_memory_name {
	uint64_t address;	/* 0: nowhere */
	uint64_t length;	/* where its room is said */
	int32_t room;		/* as it was said; -1 where the kernel would say EFAULT */
};

/*
 * Reads the room, by a descriptor of /proc/TID/mem. False where that is of a
 * program that is gone, as another one was executed. One system call.
 */
bool pp_memory_read_room(int memory, struct pp_memory_name *to);

/*
 * Writes an address as the kernel does: as much as there is room for, and the
 * full length. 0, or -errno as the kernel has it. One system call.
 */
int pp_memory_write_name(int tid, const struct pp_memory_name *to,
			 const struct sockaddr *from, socklen_t length);

#endif
