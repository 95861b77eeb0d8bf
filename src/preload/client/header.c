/* SPDX-License-Identifier: ISC */
/* Saying a header; see header.h. */
#include <config.h>

#include "preload/client/header.h"

#include "connection/cookie.h"
#include "connection/report.h"
#include "connection/send.h"
#include "connection/stated.h"
#include "memory.h"
#include "preload/configuration.h"
#include "preload/real.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* A header beyond this has memory of its own while it is sent. */
#define NEAR 512

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)

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
	pp_report(pp_library,
	       "connect: fd %d: %s header of %zu bytes: client %s, "
	       "destination %s: %s",
	       fd, what, length,
	       pp_address_text(&stated->source, from, sizeof(from)),
	       pp_address_text(&stated->destination, to, sizeof(to)),
	       error == 0 ? "sent" : strerror(-error));
}

/*
 * poll(2) of the socket, or of nothing, with the signals of the call. False
 * where a handler has ended it, or an error.
 */
static bool poll_once(const struct pp_saying *saying, bool socket,
		      const struct timespec *timeout)
{
	struct pollfd writable = { .fd = saying->fd, .events = POLLOUT };
	struct pp_signals *signals = saying->signals;

	if (real_ppoll(&writable, socket ? 1 : 0, timeout,
		       signals == NULL ? NULL : signals->mask) >= 0)
		return true;
	if (signals != NULL && errno == EINTR)
		signals->interrupted = true;
	return false;
}

static int64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * NS_PER_S + time.tv_nsec;
}

static void wait_delay(const struct pp_saying *saying, int milliseconds)
{
	int64_t end = now() + milliseconds * NS_PER_MS, left;

	while ((left = end - now()) > 0) {
		const struct timespec time = {
			.tv_sec = (time_t)(left / NS_PER_S),
			.tv_nsec = (long)(left % NS_PER_S),
		};

		poll_once(saying, false, &time);
	}
}

bool pp_client_header_wait(const struct pp_saying *saying, int milliseconds)
{
	if (milliseconds >= 0)
		wait_delay(saying, milliseconds);
	else
		poll_once(saying, true, NULL);
	/* another thread may have closed it, and opened the next */
	return saying->cookie == 0 ||
	       (uint32_t)pp_cookie_of(saying->fd) == saying->cookie;
}

static bool wait_for(int fd, int milliseconds, const void *context)
{
	(void)fd;
	return pp_client_header_wait(context, milliseconds);
}

static int say(const struct pp_saying *saying,
	       const union pp_address *connected, uint8_t *bytes, size_t size)
{
	const struct pp_settings *settings = pp_configuration();
	const struct pp_send_way way = {
		.send = real_send,
		.shutdown = real_shutdown,
		.wait = wait_for,
		.context = saying,
		.split = settings->split,
		.delay = settings->delay,
	};
	struct pp_stated stated;
	size_t length = pp_outgoing_format(settings, next_place(settings),
					   connected, bytes, size, &stated);
	int error = pp_send_whole(saying->fd, &way, bytes, length);

	if (settings->debug)
		tell(saying->fd, length, &stated, error);
	return error;
}

int pp_client_header_say(const struct pp_saying *saying,
			 const union pp_address *connected)
{
	size_t size = pp_outgoing_size(pp_configuration());
	uint8_t near[NEAR];
	void *far;
	int error;

	if (size <= sizeof(near))
		return say(saying, connected, near, sizeof(near));
	far = pp_memory_map(size);
	if (far == NULL)
		return -ENOMEM;
	error = say(saying, connected, far, size);
	munmap(far, size);
	return error;
}

void pp_client_header_unsaid(int fd, const char *why)
{
	if (pp_configuration()->debug)
		pp_report(pp_library, "connect: fd %d: no header: %s", fd, why);
}
