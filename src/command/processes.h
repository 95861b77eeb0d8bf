/* SPDX-License-Identifier: ISC */
/* What /proc tells of processes, their libraries and their sockets. */
#ifndef PP_COMMAND_PROCESSES_H
#define PP_COMMAND_PROCESSES_H

#include "command/library.h"
#include "protocol/address.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct pp_process {
	pid_t pid, parent;
	char name[64];		/* as ps(1) has it */
	char program[PATH_MAX];	/* the path of its file; "" where hidden */
	char root[PATH_MAX];	/* its root directory; "" where hidden */
	bool is_kernel;		/* a thread of the kernel's */
	bool has_filter;	/* of seccomp(2) */
	bool is_secure;		/* AT_SECURE */
	bool has_auxv;		/* the last one is known */
	time_t started;		/* 0 where unknown */
	uint64_t random;	/* where its AT_RANDOM is */
	uint64_t path;		/* where its AT_EXECFN is */
};

/* Reads what there is. False where there is no such process. */
bool pp_process_read(pid_t pid, struct pp_process *process);

/* The 16 bytes at its AT_RANDOM. False where its memory cannot be read. */
bool pp_process_secret(const struct pp_process *process, uint64_t secret[2]);

/*
 * The name that it was executed by, without the directory, as the library has
 * it (settings/load.c), as far as it may be known.
 */
void pp_process_base_name(const struct pp_process *process, char *name,
			  size_t size);

/* All processes, in order, ended by 0; to be freed. NULL without memory. */
pid_t *pp_processes(void);

/* A library that is mapped into a process. */
struct pp_mapped {
	char path[PATH_MAX];
	bool is_deleted;	/* the file was replaced or removed */
	enum pp_library library;
};

/*
 * Which files of our libraries are mapped, each once, up to size of them.
 * Returns how many there are, or -1 and errno.
 */
int pp_process_libraries(pid_t pid, struct pp_mapped *libraries, int size);

/*
 * Calls the function with each open descriptor, and what the link in
 * /proc/PID/fd says of it, until it returns false. False and errno where that
 * cannot be read.
 */
typedef bool pp_descriptor_function(int fd, const char *link, void *context);
bool pp_process_descriptors(pid_t pid, pp_descriptor_function *function,
			    void *context);

/* The number of the socket in a link, or 0. */
uint64_t pp_socket_number(const char *link);

/* A row of /proc/PID/net/tcp, udp, tcp6 or udp6. */
struct pp_row {
	bool is_udp;
	uint64_t number;	/* of the socket; 0 where it has none */
	union pp_address local, peer;
	int state;		/* as tcp(7) has it: TCP_LISTEN, ... */
};

/* The TCP and UDP sockets of its network namespace, sorted by number. */
struct pp_rows {
	struct pp_row *rows;	/* to be freed */
	size_t count;
	uint8_t listening[65536 / 8];	/* ports, a bit each */
};

/*
 * Those of a process, read once for each namespace; NULL and errno where they
 * cannot be. They stay until they are to be read again.
 */
const struct pp_rows *pp_rows_of(pid_t pid);
void pp_rows_forget(void);

/*
 * Is it a listener, or a UDP socket that takes anybody's datagrams? Those of
 * clients are connected, or the like of these.
 */
bool pp_row_is_open(const struct pp_row *row);

/* Does somebody listen on this local port of TCP? */
bool pp_rows_listen(const struct pp_rows *rows, unsigned port);

/* The row of that socket, or NULL. */
const struct pp_row *pp_rows_find(const struct pp_rows *rows, uint64_t number);

#endif
