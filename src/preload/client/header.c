/* SPDX-License-Identifier: ISC */
/* Making and sending a header; see header.h. */
#include <config.h>

#include "preload/client/header.h"

#include "connection/report.h"
#include "connection/send.h"
#include "memory.h"
#include "preload/configuration.h"
#include "preload/real.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

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

bool pp_client_header_make(struct pp_client_header *header,
			   const union pp_address *connected)
{
	const struct pp_settings *settings = pp_configuration();

	header->taken = 0;
	header->bytes = header->near;
	header->size = pp_outgoing_size(settings);
	if (header->size > sizeof(header->near)) {
		header->bytes = pp_memory_map(header->size);
		if (header->bytes == NULL)
			return false;
	}
	header->length = pp_outgoing_format(settings, next_place(settings),
					    connected, header->bytes,
					    header->size, &header->stated);
	return true;
}

static struct pp_send_way way_of(const struct pp_settings *settings)
{
	return (struct pp_send_way){ .sendto = real_sendto,
				     .poll = real_poll,
				     .split = settings->split,
				     .delay = settings->delay };
}

static void drop_bytes(struct pp_client_header *header)
{
	if (header->bytes != header->near)
		munmap(header->bytes, header->size);
	header->bytes = header->near;
}

int pp_client_header_begin(struct pp_client_header *header, int fd,
			   const struct sockaddr *address, socklen_t length)
{
	const struct pp_send_way way = way_of(pp_configuration());
	ssize_t taken = pp_send_begin(fd, &way, header->bytes, header->length,
				      address, length);

	if (taken < 0)
		return (int)taken;
	header->taken = (size_t)taken;
	/* the call may wait now, and be cancelled */
	if (header->taken == header->length)
		drop_bytes(header);
	return 0;
}

static void tell_sent(const struct pp_client_header *header, int fd, int error)
{
	const struct pp_settings *settings = pp_configuration();
	char from[PP_ADDRESS_TEXT], to[PP_ADDRESS_TEXT];
	const char *what = "raw";

	if (settings->raw.at == NULL)
		what = settings->send_version == 1 ? "v1" : "v2";
	pp_report(pp_library,
	       "connect: fd %d: %s header of %zu bytes: client %s, "
	       "destination %s: %s",
	       fd, what, header->length,
	       pp_address_text(&header->stated.source, from, sizeof(from)),
	       pp_address_text(&header->stated.destination, to, sizeof(to)),
	       error == 0 ? "sent" : strerror(-error));
}

void pp_client_header_end(struct pp_client_header *header, int fd,
			  bool under_way)
{
	const struct pp_settings *settings = pp_configuration();
	const struct pp_send_way way = way_of(settings);
	int before = errno, error = 0, cancel;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	if (under_way && header->taken < header->length)
		error = pp_send_rest(fd, &way, header->bytes, header->length,
				     header->taken);
	if (under_way && settings->debug)
		tell_sent(header, fd, error);
	drop_bytes(header);
	pthread_setcancelstate(cancel, NULL);
	errno = before;
}
