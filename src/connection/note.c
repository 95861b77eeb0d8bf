/* SPDX-License-Identifier: ISC */
/* The note on a socket; see note.h. */
#include <config.h>

#include "connection/note.h"

#include "preload/server/note_filter.h"
#include "protocol/crc32c.h"

#include <netinet/tcp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#ifndef TCP_FASTOPEN_KEY
#define TCP_FASTOPEN_KEY 33
#endif

/* The kernel takes keys of these sizes and no others. */
struct note_v4 {
	uint32_t check;
	struct in_addr source, destination;
	in_port_t source_port, destination_port;
};

struct note_v6 {
	uint32_t check;
	struct in6_addr source;
	in_port_t source_port, destination_port;
	uint32_t zero[2];
};

union note {
	uint32_t check;
	struct note_v4 v4;
	struct note_v6 v6;
	uint8_t bytes[32];
};

_Static_assert(sizeof(struct note_v4) == 16, "one key");
_Static_assert(sizeof(struct note_v6) == 32, "two keys");

/* What the check begins with: other versions' notes are none. */
static const char magic[] = "libproxyproto carry 1";

/* The check of a note for this peer; its own place in the note counts as 0. */
static uint32_t check_of(const union note *note, socklen_t size,
			 const union pp_address *kernel)
{
	struct {
		char magic[sizeof(magic)];
		socklen_t size;
		union pp_address kernel;
		union note note;
	} all;

	memset(&all, 0, sizeof(all));
	memcpy(all.magic, magic, sizeof(magic));
	all.size = size;
	all.kernel.sa.sa_family = kernel->sa.sa_family;
	if (kernel->sa.sa_family == AF_INET) {
		all.kernel.in.sin_port = kernel->in.sin_port;
		all.kernel.in.sin_addr = kernel->in.sin_addr;
	} else if (kernel->sa.sa_family == AF_INET6) {
		all.kernel.in6.sin6_port = kernel->in6.sin6_port;
		all.kernel.in6.sin6_addr = kernel->in6.sin6_addr;
		all.kernel.in6.sin6_scope_id = kernel->in6.sin6_scope_id;
	}
	memcpy(&all.note, note, size);
	all.note.check = 0;
	return pp_crc32c_end(
		pp_crc32c_add(PP_CRC32C_START, &all, sizeof(all)));
}

/* Fills in a note; returns its size. */
static socklen_t fill(union note *note, const struct pp_peer *peer)
{
	socklen_t size = sizeof(note->v4);

	memset(note, 0, sizeof(*note));
	if (peer->source.sa.sa_family == AF_INET) {
		note->v4.source = peer->source.in.sin_addr;
		note->v4.destination = peer->destination.in.sin_addr;
		note->v4.source_port = peer->source.in.sin_port;
		note->v4.destination_port = peer->destination.in.sin_port;
	} else if (peer->source.sa.sa_family == AF_INET6) {
		note->v6.source = peer->source.in6.sin6_addr;
		note->v6.source_port = peer->source.in6.sin6_port;
		note->v6.destination_port = peer->destination.in6.sin6_port;
		size = sizeof(note->v6);
	}
	note->check = check_of(note, size, &peer->kernel);
	return size;
}

/* What is where a note would be; 0 where there is nothing. */
static socklen_t get(int fd, union note *note)
{
	socklen_t size = sizeof(*note);

	if (getsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_KEY, note, &size) != 0)
		return 0;
	return size;
}

bool pp_note_is_there(int fd)
{
	union note note;

	return get(fd, &note) != 0;
}

bool pp_note_write(int fd, const struct pp_peer *peer)
{
	union note note, before;
	socklen_t size = fill(&note, peer);

	/* first, so that nobody reads a client who has no destination yet */
	if (peer->source.sa.sa_family == AF_INET6)
		pp_note_filter_write(fd, peer);
	if (get(fd, &before) == size && memcmp(&note, &before, size) == 0)
		return true;
	return setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_KEY, &note, size) == 0;
}

static void read_v4(const struct note_v4 *note, struct pp_peer *peer)
{
	static const struct note_v4 zero;
	struct note_v4 said = *note;

	said.check = 0;
	if (memcmp(&said, &zero, sizeof(said)) == 0)
		return;
	peer->source.in.sin_family = AF_INET;
	peer->source.in.sin_addr = note->source;
	peer->source.in.sin_port = note->source_port;
	peer->destination.in.sin_family = AF_INET;
	peer->destination.in.sin_addr = note->destination;
	peer->destination.in.sin_port = note->destination_port;
}

static void read_v6(int fd, const struct note_v6 *note, struct pp_peer *peer)
{
	struct pp_peer whole;

	peer->source.in6.sin6_family = AF_INET6;
	peer->source.in6.sin6_addr = note->source;
	peer->source.in6.sin6_port = note->source_port;
	if (pp_note_filter_read(fd, &whole) &&
	    pp_address_equal(&whole.kernel, &peer->kernel) &&
	    pp_address_equal(&whole.source, &peer->source))
		peer->destination = whole.destination;
}

bool pp_note_read(int fd, const union pp_address *kernel,
		   struct pp_peer *peer)
{
	union note note;
	socklen_t size = get(fd, &note);

	if ((size != sizeof(note.v4) && size != sizeof(note.v6)) ||
	    note.check != check_of(&note, size, kernel))
		return false;
	memset(peer, 0, sizeof(*peer));
	peer->kernel = *kernel;
	if (size == sizeof(note.v4))
		read_v4(&note.v4, peer);
	else
		read_v6(fd, &note.v6, peer);
	return true;
}
