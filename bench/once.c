/* SPDX-License-Identifier: ISC */
/*
 * Accepts COUNT connections, one after the other, and asks for the peer of
 * each: for counting the instructions, by callgrind. What two counts differ by
 * is what so many connections take.
 *
 *	once COUNT none|v2 [CALLS]
 *
 * With CALLS it also asks for the peer of the last one so often, and prints how
 * many nanoseconds one takes.
 */
#include <config.h>

#include "bench/measure.h"
#include "protocol/header.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void ask(int fd, int calls)
{
	double start = now();

	for (int i = 0; i < calls; i++) {
		struct sockaddr_storage peer;
		socklen_t room = sizeof(peer);

		getpeername(fd, (struct sockaddr *)&peer, &room);
	}
	printf("%.1f\n", (now() - start) * 1000 / calls);
}

int main(int argc, char **argv)
{
	struct sockaddr_in name = { .sin_family = AF_INET };
	socklen_t length = sizeof(name);
	union pp_address client = { .in = {
		.sin_family = AF_INET,
		.sin_port = htons(1111),
		.sin_addr.s_addr = htonl(0xc0000201),
	} };
	uint8_t data[PP_FORMAT_MAX + 1];
	size_t size = 0;
	int listener;

	if (argc != 3 && argc != 4) {
		fprintf(stderr, "usage: once COUNT none|v2 [CALLS]\n");
		return 2;
	}
	name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(listener, (struct sockaddr *)&name, length) != 0 ||
	    listen(listener, 8) != 0 ||
	    getsockname(listener, (struct sockaddr *)&name, &length) != 0) {
		perror("once");
		return 1;
	}
	if (strcmp(argv[2], "v2") == 0)
		size = pp_header_format(2, &client, &client, data,
					PP_FORMAT_MAX);
	data[size] = 0;
	for (int i = 0; i < atoi(argv[1]); i++) {
		struct sockaddr_storage peer;
		socklen_t room = sizeof(peer);
		int to = socket(AF_INET, SOCK_STREAM, 0), from;

		if (connect(to, (struct sockaddr *)&name, sizeof(name)) != 0 ||
		    send(to, data, size + 1, 0) != (ssize_t)size + 1) {
			perror("once");
			return 1;
		}
		from = accept(listener, (struct sockaddr *)&peer, &room);
		room = sizeof(peer);
		getpeername(from, (struct sockaddr *)&peer, &room);
		if (argc == 4 && i == atoi(argv[1]) - 1)
			ask(from, atoi(argv[3]));
		close(from);
		close(to);
	}
	return 0;
}
