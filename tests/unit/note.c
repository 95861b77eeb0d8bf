/* SPDX-License-Identifier: ISC */
/* The note on a socket, on sockets of the kernel's. */
#include <config.h>

#include "connection/note.h"

#include "suites.h"
#include "support.h"

#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/socket.h>
#include <unistd.h>

#ifdef PP_GETPEERNAME_CACHE

#ifndef TCP_FASTOPEN_KEY
#define TCP_FASTOPEN_KEY 33
#endif

static struct connection connection;

static void connect_both(void)
{
	connection = connect_tcp();
}

static void disconnect_both(void)
{
	disconnect(&connection);
}

/* AT_SECURE and AT_RANDOM, as the library sees them; see local.mk. */
static unsigned long secure;
static uint64_t secret[2] = { 0x5ec, 0x2e7 };

unsigned long __real_getauxval(unsigned long type);
unsigned long __wrap_getauxval(unsigned long type);
unsigned long __wrap_getauxval(unsigned long type)
{
	if (type == AT_SECURE)
		return secure;
	/* the sanitizers ask, too */
	return type == AT_RANDOM ? (unsigned long)secret
				 : __real_getauxval(type);
}

static union pp_address kernel_address(void)
{
	return address_of("127.0.0.1", 4711);
}

static struct pp_note note_of(const char *source, const char *destination)
{
	return (struct pp_note){
		.kind = PP_NOTE_CLIENT,
		.header = PP_NOTE_V2,
		.source = address_of(source, 1111),
		.destination = address_of(destination, 2222),
	};
}

static bool writes_for(const union pp_address *kernel,
		       const struct pp_note *note)
{
	return pp_note_write(connection.server, kernel, note);
}

static bool writes(const struct pp_note *note)
{
	union pp_address kernel = kernel_address();

	return writes_for(&kernel, note);
}

static bool reads_for(const union pp_address *kernel, struct pp_note *note)
{
	struct pp_note_bytes bytes;

	memset(note, 0xff, sizeof(*note));
	return pp_note_fetch(connection.server, &bytes) &&
	       pp_note_parse(&bytes, kernel, note);
}

static bool reads(struct pp_note *note)
{
	union pp_address kernel = kernel_address();

	return reads_for(&kernel, note);
}

static socklen_t get_key(uint8_t key[64])
{
	socklen_t size = 64;

	ck_assert_int_eq(getsockopt(connection.server, IPPROTO_TCP,
				    TCP_FASTOPEN_KEY, key, &size),
			 0);
	return size;
}

static int set_key(const uint8_t *key, socklen_t size)
{
	return setsockopt(connection.server, IPPROTO_TCP, TCP_FASTOPEN_KEY,
			  key, size);
}

SUITE_AROUND("note", connect_both, disconnect_both);

/*
 * Either address of a client of IPv6 may be an IPv4 one; the destination may be
 * none. Each note is written over the one before.
 */
TEST(addresses)
{
	static const struct {
		const char *source, *destination, *told;
		unsigned size;
	} cases[] = {
		{ "2001:db8::1", "2001:db8::2", "2001:db8::2", 32 },
		{ "192.0.2.1", "192.0.2.2", "192.0.2.2", 16 },
		{ "255.255.255.255", "0.0.0.0", "0.0.0.0", 16 },
		{ "0.0.0.0", "255.255.255.255", "255.255.255.255", 16 },
		{ "192.0.2.1", NULL, NULL, 16 },
		{ "2001:db8::1", NULL, NULL, 32 },
		{ "2001:db8::1", "192.0.2.2", "::ffff:192.0.2.2", 32 },
		{ "192.0.2.1", "2001:db8::2", NULL, 16 },
	};
	struct pp_note got;
	uint8_t key[64];

	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *destination = cases[i].destination;
		struct pp_note note =
			note_of(cases[i].source,
				destination == NULL ? "::" : destination);

		if (destination == NULL)
			memset(&note.destination, 0, sizeof(note.destination));
		ck_assert(writes(&note));
		ck_assert_uint_eq(get_key(key), cases[i].size);
		ck_assert(reads(&got));
		ck_assert_int_eq(got.kind, PP_NOTE_CLIENT);
		assert_address(&got.source, cases[i].source, 1111);
		assert_address(&got.destination, cases[i].told, 2222);
	}
}

static int tell_destination(void)
{
	struct pp_note got;

	if (!reads(&got) || got.source.sa.sa_family != AF_INET6)
		return 2;
	return got.destination.sa.sa_family == AF_INET6 ? 0 : 1;
}

/* Forks know the destination; another program, of another secret, does not. */
TEST(ipv6_elsewhere)
{
	struct pp_note note = note_of("2001:db8::1", "2001:db8::3");

	ck_assert(writes(&note));
	ck_assert_int_eq(in_child(tell_destination), 0);
	secret[1]++;
	note = note_of("2001:db8::1", "2001:db8::4");
	ck_assert(writes(&note));
	ck_assert_int_eq(in_child(tell_destination), 0);
	/* has that address, too, but of this note only the writer knows it */
	secret[0]++;
	ck_assert(writes(&note));
	secret[0]--;
	ck_assert_int_eq(in_child(tell_destination), 0);
}

TEST(examined_without_a_client)
{
	struct pp_note note = { .kind = PP_NOTE_EXAMINED }, got;

	for (int header = 0; header <= PP_NOTE_MORE; header++) {
		note.header = (enum pp_note_header)header;
		ck_assert(writes(&note));
		ck_assert(reads(&got));
		ck_assert_int_eq(got.kind, PP_NOTE_EXAMINED);
		ck_assert_int_eq(got.header, header);
		assert_address(&got.source, NULL, 0);
		assert_address(&got.destination, NULL, 0);
	}
}

/*
 * Of a socket that was reset: void once the kernel names a peer. Mapped
 * addresses are told by their own family, as the socket's is known.
 */
TEST(reset)
{
	static const char *const cases[][4] = {
		{ "192.0.2.1", "192.0.2.2", "192.0.2.1", "192.0.2.2" },
		{ "::ffff:192.0.2.1", "::ffff:192.0.2.2", "192.0.2.1",
		  "192.0.2.2" },
		{ "2001:db8::1", "2001:db8::2", "2001:db8::1", "2001:db8::2" },
	};
	struct pp_note got;

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct pp_note note = note_of(cases[i][0], cases[i][1]);

		note.kind = PP_NOTE_RESET;
		ck_assert(writes(&note));
		ck_assert(!reads(&got));
		ck_assert(reads_for(NULL, &got));
		ck_assert_int_eq(got.kind, PP_NOTE_RESET);
		assert_address(&got.source, cases[i][2], 1111);
		assert_address(&got.destination, cases[i][3], 2222);
	}
}

/* ENOTCONN of a peer that has gone stands. */
TEST(no_other_kind_without_a_peer)
{
	static const enum pp_note_kind kinds[] = { PP_NOTE_CLIENT,
						   PP_NOTE_EXAMINED };
	struct pp_note note = note_of("192.0.2.1", "192.0.2.2"), got;

	for (size_t i = 0; i < COUNT(kinds); i++) {
		note.kind = kinds[i];
		ck_assert(writes(&note));
		ck_assert(!reads_for(NULL, &got));
	}
}

TEST(of_a_header)
{
	static struct bytes bytes;
	union pp_address kernel = kernel_address();
	struct pp_header header;
	struct pp_note got;
	bool plain = false, more = false;

	for (size_t n = 0; valid_header(n, &bytes); n++) {
		ck_assert_int_eq(pp_header_parse(bytes.at, bytes.size,
						 PP_VERSION_BOTH, &header),
				 PP_HEADER_COMPLETE);
		ck_assert(pp_note_write_header(connection.server, &kernel,
					       &header));
		ck_assert(reads(&got));
		ck_assert_int_eq(got.kind == PP_NOTE_CLIENT,
				 header.source.sa.sa_family != AF_UNSPEC);
		ck_assert_int_eq(got.header == PP_NOTE_MORE,
				 pp_header_has_more(&header));
		ck_assert_int_eq(got.header == PP_NOTE_V1,
				 header.version == 1 &&
					 !pp_header_has_more(&header));
		plain |= got.header != PP_NOTE_MORE;
		more |= got.header == PP_NOTE_MORE;
	}
	ck_assert(plain && more);
}

/* Notes of others are none for a program that must not believe its user. */
TEST(secure_program)
{
	struct pp_note note = note_of("192.0.2.1", "192.0.2.2"), got;

	ck_assert(writes(&note));
	secure = 1;
	ck_assert(!reads(&got));
	ck_assert(writes(&note));
	ck_assert(reads(&got));
	/* nor those of another one */
	secret[0]++;
	ck_assert(!reads(&got));
	secret[0]--;
	secret[1]++;
	ck_assert(!reads(&got));
	secret[1]--;
	secure = 0;
	ck_assert(!reads(&got));
}

/* Another program's, for whoever may look at its sockets and its memory. */
TEST(of_another_program)
{
	const union pp_address kernel = kernel_address();
	const struct pp_note note = note_of("192.0.2.1", "192.0.2.2");
	const uint64_t other[2] = { secret[0], secret[1] + 1 };
	struct pp_note_bytes bytes;
	struct pp_note got;

	for (secure = 0; secure <= 1; secure++) {
		const uint64_t *own = secure != 0 ? secret : NULL;
		const uint64_t *wrong = secure != 0 ? NULL : secret;

		ck_assert(writes(&note));
		ck_assert(pp_note_fetch(connection.server, &bytes));
		ck_assert(pp_note_parse_of(&bytes, &kernel, own, &got));
		ck_assert(pp_address_equal(&got.source, &note.source));
		ck_assert(!pp_note_parse_of(&bytes, &kernel, wrong, &got));
		ck_assert(!pp_note_parse_of(&bytes, &kernel, other, &got));
	}
	secure = 0;
}

/* It is not tried, and costs no call. */
TEST(a_unix_socket_takes_none)
{
	const union pp_address kernel = { .sa.sa_family = AF_UNIX };
	struct pp_note note = note_of("192.0.2.1", "192.0.2.2");

	ck_assert(!writes_for(&kernel, &note));
	note.kind = PP_NOTE_RESET;
	ck_assert(!writes_for(&kernel, &note));
}

TEST(none_at_first)
{
	union pp_address kernel = kernel_address();
	struct pp_note note = note_of("192.0.2.1", "192.0.2.2");
	int udp = socket(AF_INET, SOCK_DGRAM, 0);
	int local = socket(AF_UNIX, SOCK_STREAM, 0);
	const int others[] = { connection.client, connection.server, udp,
			       local, -1 };
	struct pp_note_bytes bytes;

	for (size_t i = 0; i < COUNT(others); i++)
		ck_assert(!pp_note_fetch(others[i], &bytes));
	ck_assert(!pp_note_write(udp, &kernel, &note));
	ck_assert(!pp_note_write(local, &kernel, &note));
	ck_assert(!pp_note_write(-1, &kernel, &note));
	close(udp);
	close(local);
}

/* A note holds for one peer: its family, address, port and scope. */
TEST(of_another_peer)
{
	static const struct {
		const char *text;
		unsigned port, scope;
	} kernels[] = {
		{ "127.0.0.1", 4711, 0 }, { "127.0.0.1", 4712, 0 },
		{ "127.0.0.2", 4711, 0 }, { "::ffff:127.0.0.1", 4711, 0 },
		{ "fe80::1", 4711, 1 },	  { "fe80::1", 4711, 2 },
	};

	for (size_t i = 0; i < COUNT(kernels) * COUNT(kernels); i++) {
		size_t a = i / COUNT(kernels), b = i % COUNT(kernels);
		struct pp_note note = note_of("192.0.2.1", "192.0.2.2"), got;
		union pp_address other =
			address_of(kernels[b].text, kernels[b].port);
		union pp_address kernel =
			address_of(kernels[a].text, kernels[a].port);

		if (kernels[a].scope != 0)
			kernel.in6.sin6_scope_id = kernels[a].scope;
		if (kernels[b].scope != 0)
			other.in6.sin6_scope_id = kernels[b].scope;
		ck_assert(writes_for(&kernel, &note));
		ck_assert_int_eq(reads_for(&other, &got), a == b);
	}
}

/* Each bit of a note is changed: no such key may be taken for one. */
TEST(damaged_notes_are_none)
{
	const struct pp_note notes[] = {
		note_of("192.0.2.1", "192.0.2.2"),
		note_of("2001:db8::1", "2001:db8::2"),
	};

	for (size_t i = 0; i < COUNT(notes); i++) {
		struct pp_note got;
		uint8_t key[64];
		socklen_t size;

		ck_assert(writes(&notes[i]));
		size = get_key(key);
		for (size_t bit = 0; bit < size * 8; bit++) {
			key[bit / 8] ^= (uint8_t)(1 << bit % 8);
			ck_assert_int_eq(set_key(key, size), 0);
			HOLDS(!reads(&got), "bit %zu", bit);
			HOLDS(!reads_for(NULL, &got), "bit %zu", bit);
			key[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		ck_assert_int_eq(set_key(key, size), 0);
		ck_assert(reads(&got));
	}
}

/* Half of a long note, and a short one with something behind it. */
TEST(other_sizes_are_none)
{
	struct pp_note note = note_of("2001:db8::1", "2001:db8::2"), got;
	uint8_t key[64];

	ck_assert(writes(&note));
	get_key(key);
	ck_assert_int_eq(set_key(key, 16), 0);
	ck_assert(!reads(&got));
	note = note_of("192.0.2.1", "192.0.2.2");
	ck_assert(writes(&note));
	memset(key, 0, sizeof(key));
	get_key(key);
	ck_assert_int_eq(set_key(key, 32), 0);
	ck_assert(!reads(&got));
}

/* Random keys, as a program would have them. */
TEST(foreign_keys_are_none)
{
	struct pp_note got;

	for (int i = 0; i < 1000; i++) {
		uint8_t key[32];

		for (size_t j = 0; j < sizeof(key); j++)
			key[j] = (uint8_t)rand();
		ck_assert_int_eq(set_key(key, i % 2 ? 16 : 32), 0);
		HOLDS(!reads(&got), "key %d", i);
	}
}

#endif
