/* SPDX-License-Identifier: ISC */
/*
 * Looking up who is behind a descriptor, with so many of them known.
 *
 *	table		prints descriptors, and ns for a record and a lookup
 */
#include <config.h>

#include "preload/server/peers.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#define LOOKUPS 4000000

static struct pp_peers peers;

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static struct pp_peer peer_of(int fd)
{
	struct pp_peer peer = { .kernel.in = { .sin_family = AF_INET } };

	peer.kernel.in.sin_port = (in_port_t)fd;
	peer.source.in.sin_family = AF_INET;
	peer.destination.in.sin_family = AF_INET;
	return peer;
}

static void measure(int count)
{
	double start = now(), middle, end;
	unsigned random = 1;

	for (int fd = 0; fd < count; fd++) {
		struct pp_peer peer = peer_of(fd);

		if (!pp_peers_set(&peers, fd, &peer))
			exit(1);
	}
	middle = now();
	for (int i = 0; i < LOOKUPS; i++) {
		struct pp_peer peer, found;
		int fd;

		random = random * 1664525 + 1013904223;
		fd = (int)((random >> 4) % (unsigned)count);
		peer = peer_of(fd);
		if (!pp_peers_get(&peers, fd, &peer.kernel, &found))
			exit(1);
	}
	end = now();
	printf("%d %.1f %.1f\n", count, (middle - start) / count,
	       (end - middle) / LOOKUPS);
}

int main(void)
{
	for (int count = 100; count <= 1000000; count *= 10)
		measure(count);
	return 0;
}
