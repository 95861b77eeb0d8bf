/* SPDX-License-Identifier: ISC */
/* Saying a header; see client_header.h. */
#include <config.h>

#include "client_header.h"

#include "configuration.h"
#include "log.h"
#include "outgoing.h"
#include "real.h"
#include "send.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

/* A header beyond this has memory of its own while it is sent. */
#define NEAR 512

/* Mixes bits, so that numbers next to each other are far apart. */
static uint64_t scatter(uint64_t number)
{
	number += UINT64_C(0x9e3779b97f4a7c15);
	number = (number ^ number >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	number = (number ^ number >> 27) * UINT64_C(0x94d049bb133111eb);
	return number ^ number >> 31;
}

/*
 * Which address of a network is next: one behind the other, from a start that
 * differs from process to process, forked ones included.
 */
static uint64_t next_place(const struct pp_settings *settings)
{
	static _Atomic unsigned said;
	const void *random = (const void *)getauxval(AT_RANDOM);
	uint64_t start = 0;

	if (settings->source_count == 1)
		return 0;
	if (random != NULL)
		memcpy(&start, random, sizeof(start));
	return scatter(start ^ (uint64_t)getpid()) +
	       atomic_fetch_add_explicit(&said, 1, memory_order_relaxed);
}

static void tell(int fd, size_t length, const struct pp_stated *stated,
		 int error)
{
	const struct pp_settings *settings = pp_configuration();
	char from[PP_ADDRESS_TEXT], to[PP_ADDRESS_TEXT], what[8];

	if (settings->raw.at != NULL)
		strcpy(what, "raw");
	else
		strcpy(what, settings->send_version == 1 ? "v1" : "v2");
	pp_log(pp_library,
	       "connect: fd %d: %s header of %zu bytes: client %s, "
	       "destination %s: %s",
	       fd, what, length,
	       pp_address_text(&stated->source, from, sizeof(from)),
	       pp_address_text(&stated->destination, to, sizeof(to)),
	       error == 0 ? "sent" : strerror(-error));
}

static int say(int fd, const union pp_address *connected, uint8_t *bytes,
	       size_t size)
{
	const struct pp_settings *settings = pp_configuration();
	const struct pp_send_way way = {
		.send = real_send,
		.poll = real_poll,
		.split = settings->split,
		.delay = settings->delay,
	};
	struct pp_stated stated;
	size_t length = pp_outgoing_format(settings, next_place(settings),
					   connected, bytes, size, &stated);
	int error = pp_send_whole(fd, &way, bytes, length);

	if (settings->debug)
		tell(fd, length, &stated, error);
	return error;
}

int pp_client_header_say(int fd, const union pp_address *connected)
{
	size_t size = pp_outgoing_size(pp_configuration());
	uint8_t near[NEAR];
	void *far;
	int error;

	if (size <= sizeof(near))
		return say(fd, connected, near, sizeof(near));
	far = mmap(NULL, size, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (far == MAP_FAILED)
		return -ENOMEM;
	error = say(fd, connected, far, size);
	munmap(far, size);
	return error;
}

void pp_client_header_unsaid(int fd, const char *why)
{
	if (pp_configuration()->debug)
		pp_log(pp_library, "connect: fd %d: no header: %s", fd, why);
}
