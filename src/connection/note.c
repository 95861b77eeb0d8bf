/* SPDX-License-Identifier: ISC */
/* The note on a socket; see note.h. */
#include <config.h>

#include "connection/note.h"

#include "connection/destinations.h"
#include "connection/digest.h"
#include "connection/fast_open.h"
#include "memory.h"

#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/socket.h>

#ifdef PP_GETPEERNAME_CACHE
#define PP_NOTES true
#else
#define PP_NOTES false
#endif

/*
 * The kernel takes keys of these sizes and no others. The tag is the kind in
 * its lowest 2 bits, the header in the next 3, and above them the check.
 */
struct note_v4 {
	uint32_t tag;
	struct in_addr source, destination;
	in_port_t source_port, destination_port;
};

struct note_v6 {
	uint32_t tag;
	in_port_t source_port, destination_port;
	struct in6_addr source;
	uint64_t destination;	/* its digest; 0 where it is unknown */
};

union key {
	uint32_t tag;
	struct note_v4 v4;
	struct note_v6 v6;
	uint64_t words[4];
};

_Static_assert(sizeof(struct note_v4) == 16, "one key");
_Static_assert(sizeof(struct note_v6) == 32, "two keys");
_Static_assert(offsetof(struct note_v6, destination) == 24, "no padding");

#define TAG_KIND 3u
#define TAG_HEADER 7u
#define TAG_HEADER_SHIFT 2
#define TAG_CHECK (~0u << 5)

/*
 * The magic number and the version of the format, which have no room in the
 * note: the check is keyed by them, or by a secret.
 */
static const char magic[16] = "proxyproto note1";

/* What the check is made of, as much of the key as there is. */
struct checked {
	uint16_t family, port;
	uint32_t scope;
	uint8_t address[16];
	union key key;
};

_Static_assert(sizeof(struct checked) == 56, "whole words, no padding");

static void *_Atomic destinations;

static struct pp_destinations *make_destinations(void)
{
	return pp_memory_get(&destinations, sizeof(struct pp_destinations),
			     true);
}

void pp_note_prepare(void)
{
	if (PP_NOTES)
		make_destinations();
}

/*
 * What only this program and those that it forks know: the kernel gives it to
 * whoever executes one. False where there is none.
 */
static bool get_secret(uint64_t secret[2])
{
	const void *random = (const void *)getauxval(AT_RANDOM);

	if (random != NULL)
		memcpy(secret, random, 2 * sizeof(*secret));
	return random != NULL;
}

/* What notes of this program are keyed by. False where there is nothing. */
static bool get_key_of_check(uint64_t secret[2])
{
	memcpy(secret, magic, sizeof(magic));
	/* whoever starts a setuid program must not steer what it believes */
	return getauxval(AT_SECURE) == 0 || get_secret(secret);
}

/* The tag of a note with this kind and header; its check counts as 0. */
static uint32_t make_tag(const union key *key, socklen_t size,
			 const union pp_address *kernel,
			 const uint64_t secret[2])
{
	uint32_t meaning = key->tag & ~TAG_CHECK;
	uint64_t words[sizeof(struct checked) / 8];
	struct checked checked = { .family = AF_UNSPEC };

	if (kernel != NULL) {
		union pp_address peer = *kernel;

		pp_address_map(&peer);
		checked.family = kernel->sa.sa_family;
		checked.port = peer.in6.sin6_port;
		checked.scope = peer.in6.sin6_scope_id;
		memcpy(checked.address, &peer.in6.sin6_addr, 16);
	}
	memcpy(&checked.key, key, size);
	checked.key.tag = meaning;
	memcpy(words, &checked, sizeof(words));
	return ((uint32_t)pp_digest(secret, words,
				    offsetof(struct checked, key) / 8 +
					    size / 8) &
		TAG_CHECK) | meaning;
}

/* Has the destination found again; the digest to find it by, or 0. */
static uint64_t keep_destination(const union pp_address *destination)
{
	union pp_address mapped = *destination;
	struct pp_destinations *table = make_destinations();
	uint64_t secret[2], words[2], digest;

	if (table == NULL || !get_secret(secret))
		return 0;
	pp_address_map(&mapped);
	memcpy(words, &mapped.in6.sin6_addr, sizeof(words));
	digest = pp_digest(secret, words, 2);
	return pp_destinations_add(table, digest, &mapped.in6.sin6_addr)
		       ? digest
		       : 0;
}

/* Fills in all but the check; returns the size. */
static socklen_t fill_key(union key *key, const struct pp_note *note)
{
	const union pp_address *source = &note->source, *to = &note->destination;
	bool known = pp_family_is_internet(to->sa.sa_family);
	enum pp_note_kind kind = note->kind;

	memset(key, 0, sizeof(*key));
	if (source->sa.sa_family == AF_INET6) {
		key->v6.source = source->in6.sin6_addr;
		key->v6.source_port = source->in6.sin6_port;
		key->v6.destination = known ? keep_destination(to) : 0;
		key->v6.destination_port = known ? pp_address_port(to) : 0;
	} else if (source->sa.sa_family == AF_INET) {
		key->v4.source = source->in.sin_addr;
		key->v4.source_port = source->in.sin_port;
		/* in the short one, all addresses are some destination */
		if (to->sa.sa_family != AF_INET) {
			kind = kind == PP_NOTE_CLIENT ? PP_NOTE_SOURCE : kind;
		} else {
			key->v4.destination = to->in.sin_addr;
			key->v4.destination_port = to->in.sin_port;
		}
	}
	key->tag = (uint32_t)kind | (uint32_t)note->header << TAG_HEADER_SHIFT;
	return source->sa.sa_family == AF_INET6 ? sizeof(key->v6)
						: sizeof(key->v4);
}

bool pp_note_write(int fd, const union pp_address *kernel,
		   const struct pp_note *note)
{
	struct pp_note shorter = *note;
	uint64_t secret[2];
	union key key;
	socklen_t size;

	if (!PP_NOTES)
		return true;
	if (!get_key_of_check(secret))
		return false;
	if (kernel != NULL && kernel->sa.sa_family == AF_UNIX)
		return false;
	/* the family that the kernel names is that of the socket, which stays */
	if (note->kind == PP_NOTE_RESET) {
		kernel = NULL;
		pp_address_unmap(&shorter.source);
		pp_address_unmap(&shorter.destination);
	}
	size = fill_key(&key, &shorter);
	key.tag = make_tag(&key, size, kernel, secret);
	return setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_KEY, &key, size) == 0;
}

static enum pp_note_header header_of(const struct pp_header *header)
{
	if (pp_header_has_more(header))
		return PP_NOTE_MORE;
	if (header->version == 1)
		return PP_NOTE_V1;
	return header->command == PP_COMMAND_LOCAL ? PP_NOTE_V2_LOCAL
						   : PP_NOTE_V2;
}

bool pp_note_write_header(int fd, const union pp_address *kernel,
			  const struct pp_header *header)
{
	struct pp_note note = { .header = header_of(header),
				.source = header->source,
				.destination = header->destination };

	if (pp_family_is_internet(note.source.sa.sa_family))
		note.kind = PP_NOTE_CLIENT;
	return pp_note_write(fd, kernel, &note);
}

bool pp_note_fetch(int fd, struct pp_note_bytes *bytes)
{
	bytes->size = sizeof(bytes->words);
	return PP_NOTES &&
	       getsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_KEY, bytes->words,
			  &bytes->size) == 0 &&
	       bytes->size != 0;
}

static void read_v4(const struct note_v4 *key, struct pp_note *note)
{
	if (note->kind == PP_NOTE_EXAMINED)
		return;
	note->source.in.sin_family = AF_INET;
	note->source.in.sin_addr = key->source;
	note->source.in.sin_port = key->source_port;
	if (note->kind == PP_NOTE_SOURCE)
		return;
	note->destination.in.sin_family = AF_INET;
	note->destination.in.sin_addr = key->destination;
	note->destination.in.sin_port = key->destination_port;
}

static void read_v6(const struct note_v6 *key, struct pp_note *note)
{
	struct pp_destinations *table = atomic_load(&destinations);

	note->source.in6.sin6_family = AF_INET6;
	note->source.in6.sin6_addr = key->source;
	note->source.in6.sin6_port = key->source_port;
	if (key->destination == 0 || table == NULL ||
	    !pp_destinations_find(table, key->destination,
				  &note->destination.in6.sin6_addr))
		return;
	note->destination.in6.sin6_family = AF_INET6;
	note->destination.in6.sin6_port = key->destination_port;
}

bool pp_note_parse_of(const struct pp_note_bytes *bytes,
		      const union pp_address *kernel, const uint64_t *secret,
		      struct pp_note *note)
{
	uint64_t known[2];
	union key key;

	if (bytes->size != sizeof(key.v4) && bytes->size != sizeof(key.v6))
		return false;
	memcpy(&key, bytes->words, sizeof(key));
	memset(note, 0, sizeof(*note));
	note->kind = (enum pp_note_kind)(key.tag & TAG_KIND);
	note->header = (enum pp_note_header)(key.tag >> TAG_HEADER_SHIFT &
					     TAG_HEADER);
	memcpy(known, magic, sizeof(known));
	if ((note->kind == PP_NOTE_RESET) != (kernel == NULL) ||
	    make_tag(&key, bytes->size, kernel,
		     secret != NULL ? secret : known) != key.tag)
		return false;
	if (bytes->size == sizeof(key.v4))
		read_v4(&key.v4, note);
	else
		read_v6(&key.v6, note);
	if (note->kind == PP_NOTE_SOURCE)
		note->kind = PP_NOTE_CLIENT;
	return true;
}

bool pp_note_parse(const struct pp_note_bytes *bytes,
		   const union pp_address *kernel, struct pp_note *note)
{
	uint64_t secret[2];

	return get_key_of_check(secret) &&
	       pp_note_parse_of(bytes, kernel, secret, note);
}
