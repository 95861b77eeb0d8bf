/* SPDX-License-Identifier: ISC */
/* Which descriptors are served, and the hooks that tell; see sockets.h. */
#include <config.h>

#include "preload/udp/sockets.h"

#include "connection/report.h"
#include "connection/socket_kind.h"
#include "memory.h"
#include "preload/configuration.h"
#include "preload/real.h"
#include "preload/udp/connected.h"

#include <errno.h>
#include <limits.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#ifndef IPPROTO_UDPLITE
#define IPPROTO_UDPLITE 136
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

pp_udp_table pp_udp_words;

/* The process that the table is of: a child of vfork(2) has no other. */
static _Atomic pid_t owner;

int pp_udp_inherited = STDERR_FILENO + 1;
_Atomic unsigned pp_udp_limit = STDERR_FILENO + 1;

bool pp_udp_is_on(void)
{
	const struct pp_settings *settings = pp_configuration();

	return settings->spp || (settings->versions & PP_VERSION_2);
}

void *pp_udp_find_entry(pp_udp_table table, int fd, size_t size, bool make)
{
	const unsigned number = (unsigned)fd;
	void *chunk;

	/* that of a duplicate may be any */
	if (number >= PP_UDP_CHUNK * PP_UDP_CHUNKS)
		return NULL;
	chunk = pp_memory_get(&table[number / PP_UDP_CHUNK],
			      PP_UDP_CHUNK * size, make);
	return chunk == NULL ? NULL
			     : (char *)chunk + number % PP_UDP_CHUNK * size;
}

static _Atomic uint64_t *find_word(int fd, bool make)
{
	return pp_udp_find_entry(pp_udp_words, fd, sizeof(uint64_t), make);
}

static void raise_limit(unsigned limit)
{
	unsigned before = atomic_load(&pp_udp_limit);

	while (before < limit &&
	       !atomic_compare_exchange_weak(&pp_udp_limit, &before, limit))
		;
}

void pp_udp_set_word(int fd, uint64_t value)
{
	_Atomic uint64_t *word = find_word(fd, value != 0);

	if (word != NULL && pp_udp_is_served(value))
		raise_limit((unsigned)fd + 1);
	if (word != NULL &&
	    atomic_load_explicit(word, memory_order_relaxed) != value)
		atomic_store_explicit(word, value, memory_order_release);
}

void pp_udp_set_flags(int fd, uint64_t word, uint64_t mask, uint64_t flags)
{
	_Atomic uint64_t *at = find_word(fd, false);
	uint64_t before;

	if (at == NULL)
		return;
	before = atomic_load_explicit(at, memory_order_relaxed);
	while (((before ^ word) & ~(mask | PP_UDP_EMPTIED)) == 0 &&
	       !atomic_compare_exchange_weak(at, &before,
					     (before & ~mask) | flags))
		;
}

bool pp_udp_is_owner(void)
{
	return atomic_load_explicit(&owner, memory_order_relaxed) == getpid();
}

bool pp_udp_is_udp(int fd)
{
	int error = errno;
	int protocol = pp_socket_option(fd, SO_PROTOCOL);
	/* a raw one has the same protocol, and that for a port */
	bool udp = (protocol == IPPROTO_UDP || protocol == IPPROTO_UDPLITE) &&
		   pp_socket_option(fd, SO_TYPE) == SOCK_DGRAM;

	errno = error;
	return udp;
}

/* In debug mode, the first time: that the library is at work, and how. */
static void report_served(int fd, const union pp_address *local)
{
	static _Atomic bool is_reported;
	const struct pp_settings *settings = pp_configuration();
	char at[PP_ADDRESS_TEXT], list[360];

	if (!settings->debug || atomic_exchange(&is_reported, true))
		return;
	pp_settings_list(pp_server_settings, settings, list, sizeof(list));
	pp_report(pp_library, "fd %d: %s, version %s, %s %s: %s", fd,
		  pp_address_text(local, at, sizeof(at)), PACKAGE_VERSION,
		  settings->has_file ? "settings file" : "no settings file",
		  settings->config, list);
}

/* What a UDP socket is: served where it is bound to a port that counts. */
static uint64_t examine_socket(int fd)
{
	const struct pp_settings *settings = pp_configuration();
	union pp_address local = { .sa.sa_family = AF_UNSPEC };
	socklen_t length = sizeof(local);
	const int off = 0, from_start = -1;
	uint64_t word = PP_UDP_SERVED;

	if (!pp_udp_is_on() || real_getsockname(fd, &local.sa, &length) != 0 ||
	    !pp_family_is_internet(local.sa.sa_family) ||
	    pp_address_port(&local) == 0 ||
	    (settings->ports.at != NULL &&
	     !pp_ports_have(&settings->ports, ntohs(pp_address_port(&local)))))
		return PP_UDP_OTHER;
	/* several datagrams as one would be several headers in one */
	real_setsockopt(fd, IPPROTO_UDP, UDP_GRO, &off, sizeof(off));
	/* nor is a header found from its middle on */
	real_setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &from_start,
			sizeof(from_start));
	if (local.sa.sa_family == AF_INET6)
		word |= PP_UDP_INET6;
	report_served(fd, &local);
	return word | (uint64_t)pp_address_port(&local) << 16;
}

/* Does bind leave the port to the kernel? */
static bool is_chosen(const struct sockaddr *address, socklen_t length)
{
	union pp_address local = { .sa.sa_family = AF_UNSPEC };

	memcpy(&local, address,
	       length < sizeof(local) ? length : sizeof(local));
	return pp_address_port(&local) == 0;
}

uint64_t pp_udp_ask_again(int fd)
{
	int error = errno;
	uint64_t word = PP_UDP_OTHER;

	if (pp_udp_is_udp(fd) && pp_configuration_require_valid(fd))
		word = examine_socket(fd);
	if (pp_udp_is_owner())
		pp_udp_set_word(fd, word);
	errno = error;
	return word;
}

uint64_t pp_udp_ask_first(int fd)
{
	return pp_udp_is_on() ? pp_udp_ask_again(fd) : PP_UDP_UNKNOWN;
}

void pp_udp_sockets_start(void)
{
	const char *count = getenv("LISTEN_FDS");

	atomic_store(&owner, getpid());
	if (count != NULL && getauxval(AT_SECURE) == 0) {
		int number = atoi(count);

		if (number > 0 && number < INT_MAX / 2)
			pp_udp_inherited += number;
		raise_limit((unsigned)pp_udp_inherited);
	}
}

void pp_udp_sockets_in_child(void)
{
	atomic_store(&owner, getpid());
}

/* A fresh socket is bound by nobody, whatever its number was before. */
PP_EXPORT int socket(int family, int type, int protocol)
{
	int fd = real_socket(family, type, protocol);
	bool udp = pp_family_is_internet(family) &&
		   (type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) == SOCK_DGRAM;
	uint64_t word;

	if (fd < 0)
		return fd;
	word = pp_udp_word(fd);
	if ((udp ? word != PP_UDP_OTHER : word != PP_UDP_UNKNOWN) &&
	    pp_udp_is_owner())
		pp_udp_set_word(fd, udp ? PP_UDP_OTHER : PP_UDP_UNKNOWN);
	return fd;
}

/* So is a fresh connection: MPTCP's takes MSG_OOB for nothing. */
static int begin_connection(int fd)
{
	if (pp_udp_word(fd) != PP_UDP_UNKNOWN && pp_udp_is_owner())
		pp_udp_set_word(fd, PP_UDP_UNKNOWN);
	return fd;
}

PP_EXPORT int accept(int fd, struct sockaddr *address, socklen_t *length)
{
	return begin_connection(real_accept(fd, address, length));
}

PP_EXPORT int accept4(int fd, struct sockaddr *address, socklen_t *length,
		      int flags)
{
	return begin_connection(real_accept4(fd, address, length, flags));
}

/* Settings that cannot be used are told of before a datagram is judged. */
PP_EXPORT int bind(int fd, const struct sockaddr *address, socklen_t length)
{
	int error = errno, result;
	bool udp = pp_udp_is_udp(fd);
	uint64_t word;

	errno = error;
	if (udp && !pp_configuration_require_valid(fd))
		return -1;
	result = real_bind(fd, address, length);
	if (result == 0 && udp) {
		/* a bare clone(2), of which nobody told: vfork's binds none */
		if (!pp_udp_is_owner())
			pp_udp_sockets_in_child();
		word = examine_socket(fd);
		if (pp_udp_is_served(word) && is_chosen(address, length))
			word |= PP_UDP_CHOSEN;
		pp_udp_set_word(fd, word);
		errno = error;
	}
	return result;
}

/* Will sockets that are bound be served? The file may say that none is. */
static bool will_serve(void)
{
	return pp_udp_is_on() && pp_configuration_is_valid() && pp_udp_is_on();
}

/* Several datagrams in one are not told apart, nor what begins within one. */
PP_EXPORT int setsockopt(int fd, int level, int name, const void *value,
			 socklen_t length)
{
	if (level == IPPROTO_UDP && name == UDP_GRO && value != NULL &&
	    length >= sizeof(int) && *(const int *)value != 0 &&
	    will_serve()) {
		errno = ENOPROTOOPT;
		return -1;
	}
	if (level == SOL_SOCKET && name == SO_PEEK_OFF && value != NULL &&
	    length >= sizeof(int) && *(const int *)value >= 0 &&
	    pp_udp_is_served(pp_udp_word(fd))) {
		errno = EOPNOTSUPP;
		return -1;
	}
	return real_setsockopt(fd, level, name, value, length);
}

#ifdef HAVE___SELECT64
int setsockopt32(int fd, int level, int name, const void *value,
		 socklen_t length) __asm__("setsockopt");

/* No time is looked at here: the same as that for 64 bits. */
PP_EXPORT int setsockopt32(int fd, int level, int name, const void *value,
			   socklen_t length)
{
	return setsockopt(fd, level, name, value, length);
}
#endif

PP_EXPORT int chroot(const char *path)
{
	pp_configuration_complete();
	return real_chroot(path);
}
