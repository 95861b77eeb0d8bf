/* SPDX-License-Identifier: ISC */
/*
 * What the suites share. Headers are built here from the specification, not
 * by the code under test.
 */
#ifndef PP_UNIT_SUPPORT_H
#define PP_UNIT_SUPPORT_H

#include "connection/room.h"
#include "protocol/header.h"
#include "settings/settings.h"

#include <check.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

/*
 * ck_assert tells Check of each call; in a loop of thousands the tests use
 * this one, which is silent as long as it holds.
 */
#define HOLDS(condition, ...)                      \
	do {                                       \
		if (!(condition))                  \
			ck_abort_msg(__VA_ARGS__); \
	} while (0)

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* An address from its text. */
union pp_address address_of(const char *text, unsigned port);
/* Fails the test unless an address is this one; NULL text for none. */
void assert_address(const union pp_address *address, const char *text,
		    unsigned port);

/* Takes an environment of one setting. */
void take_setting(const struct pp_setting *table, const char *name,
		  const char *value, struct pp_settings *settings,
		  struct pp_settings_error *error);

/* Bytes of a stream: room for the longest header and something behind it. */
struct bytes {
	size_t size;
	uint8_t at[PP_V2_MAX + 8192];
};

void add_bytes(struct bytes *bytes, const void *from, size_t size);
void add_text(struct bytes *bytes, const char *text);
void add_fill(struct bytes *bytes, int value, size_t size);

/*
 * A version 2 header: its fixed part with a length of 0, then what a test
 * adds, then the length of that. command is byte 13 with the version in it.
 */
void begin_v2(struct bytes *bytes, unsigned command, unsigned protocol);
void add_tlv(struct bytes *bytes, unsigned type, const void *value,
	     size_t length);
void end_v2(struct bytes *bytes);
void set_length(struct bytes *bytes, size_t length);
/* The block of 192.0.2.1:1111 to 192.0.2.2:2222, and of 2001:db8::1, ::2. */
void add_inet(struct bytes *bytes);
void add_inet6(struct bytes *bytes);
/* A header over IPv4 of that block alone. */
void inet_v2(struct bytes *bytes);
/* A header over IPv4 with a vector that makes it so long. */
void long_v2(struct bytes *bytes, size_t length);
/* Ends a header with a CRC32c vector, its value combined with wrong. */
void end_v2_with_crc(struct bytes *bytes, uint32_t wrong);
/* CRC32c by its definition, bit by bit. */
uint32_t slow_crc32c(const uint8_t *bytes, size_t size);

/* A collection of valid headers of every kind; false where there is no nth. */
bool valid_header(size_t n, struct bytes *bytes);

/* The bytes at the end of a page behind which nothing may be read. */
const uint8_t *guarded(const uint8_t *bytes, size_t size);

/* Where the tests have pp_receive_try look at what has arrived. */
extern uint8_t peeked[];

/* The two ends of a TCP connection over 127.0.0.1. */
struct connection {
	int client;
	int server;
};

struct connection connect_tcp(void);
void disconnect(struct connection *connection);
/* Sends, and returns when all of it lies at the server's end. */
void deliver(struct connection *connection, const void *bytes, size_t size);
/* Ends what the client sends; returns when the server's end knows. */
void deliver_end(struct connection *connection);
/* Resets the connection; returns when the server's end knows. */
void deliver_reset(struct connection *connection);
/* Fails unless exactly these bytes are left to read at the server's end. */
void assert_left(struct connection *connection, const void *bytes, size_t size);

/*
 * The core's system calls. While one of these is set it is called instead; it
 * may pass the call on to real_*.
 */
extern void *(*fake_mmap)(size_t size);
extern int (*fake_poll)(struct pollfd *fds, nfds_t count, int timeout);
extern ssize_t (*fake_recv)(int fd, void *bytes, size_t size, int flags);
void *real_mmap(size_t size);
/* What the core has mapped and not yet unmapped. */
extern _Atomic size_t mapped_bytes;
int real_poll(struct pollfd *fds, nfds_t count, int timeout);
ssize_t real_recv(int fd, void *bytes, size_t size, int flags);

/* getsockopt(2), likewise, as the core calls it (connection/calls.h). */
extern int (*fake_connect)(int fd, const struct sockaddr *address,
			   socklen_t length);
extern int (*fake_getsockname)(int fd, struct sockaddr *address,
			       socklen_t *length);
extern int (*fake_getsockopt)(int fd, int level, int name, void *value,
			      socklen_t *length);

/* Rooms have their descriptors from here on; hidden says which they are. */
#define FIRST_HIDDEN 512
extern bool hidden[1024];

/* Runs a function in a child process; returns its status as wait(2) has it. */
int in_child(int (*function)(void));

#endif
