/* SPDX-License-Identifier: ISC */
/*
 * The load of the benchmarks: one thread, some connections at a time, each of
 * them from another address of 127.0.0.0/8.
 *
 *	load PORT connect|together|stream|http|hold CONNECTIONS SIZE SECONDS
 *	     HEADER [STALLED [COUNT]]
 *		connect	connect, send the header and SIZE bytes, get them back,
 *			close; again and again
 *		together
 *			the same, but none sends before all are connected
 *		stream	connect once; send SIZE bytes and get them back, again
 *			and again
 *		http	connect, send the header and a request, read the answer
 *			up to the end of file, close; again and again
 *		hold	connect, send the header and SIZE bytes, get them back;
 *			print "held"; keep all of them until the end of stdin
 *		HEADER	none or v2
 *		STALLED	connections that stop after the first byte of what may
 *			be a header, opened before
 *		COUNT	exchanges, however long they take, instead of SECONDS
 *
 * Prints one line: exchanges, seconds, and microseconds of an exchange at the
 * median, 90, 99 percent, and the most.
 */
#include <config.h>

#include "bench/measure.h"
#include "protocol/header.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS 256
#define CONNECT_MS 60000
#define SAMPLES (1 << 22)

struct client {
	int fd;
	double start;		/* of the exchange */
	size_t sent, received;
	uint32_t events;	/* that it waits for */
};

static struct sockaddr_in server = { .sin_family = AF_INET };
static const char request[] = "GET / HTTP/1.1\r\nHost: server\r\n"
			      "Connection: close\r\n\r\n";
static bool reconnects, with_header, is_http, holds;
static size_t message_size;
static uint8_t *message;	/* the header before it, if there is one */
static size_t header_size;
static int epoll;
static double *samples;
static size_t started, exchanges, most;	/* of them; 0: as many as there is time for */
static _Alignas(64) char sink[1 << 17];

static void fail(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* From 127.1.0.1 on: one address has too few ports for all that is closed. */
static int connect_one(void)
{
	static uint32_t number;
	struct sockaddr_in source = { .sin_family = AF_INET };
	int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (fd < 0)
		fail("socket");
	source.sin_addr.s_addr = htonl(0x7f010001 + number++ % 0x3fff);
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&source, sizeof(source)) != 0)
		fail("bind");
	if (connect(fd, (struct sockaddr *)&server, sizeof(server)) != 0 &&
	    errno != EINPROGRESS)
		fail("connect");
	return fd;
}

static void watch(struct client *client, int operation, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = client };

	if (operation == EPOLL_CTL_MOD && client->events == events)
		return;
	client->events = events;
	if (epoll_ctl(epoll, operation, client->fd, &event) != 0)
		fail("epoll_ctl");
}

static void begin(struct client *client)
{
	started++;
	client->start = now();
	client->sent = header_size;
	client->received = 0;
	if (client->fd < 0) {
		client->fd = connect_one();
		client->sent = 0;
		watch(client, EPOLL_CTL_ADD, EPOLLOUT);
	}
}

static void end(struct client *client)
{
	if (exchanges < SAMPLES)
		samples[exchanges] = now() - client->start;
	exchanges++;
	if (reconnects) {
		close(client->fd);
		client->fd = -1;
	}
	if (!holds && (most == 0 || started < most))
		begin(client);
}

/* Sends what there is to be sent. */
static void push(struct client *client)
{
	size_t size = header_size + message_size;
	ssize_t sent;

	if (client->sent == size)
		return;
	sent = send(client->fd, message + client->sent, size - client->sent,
		    MSG_NOSIGNAL);
	if (sent < 0 && errno != EAGAIN)
		fail("send");
	if (sent > 0)
		client->sent += (size_t)sent;
	watch(client, EPOLL_CTL_MOD,
	      client->sent < size ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static void pull(struct client *client)
{
	ssize_t size = recv(client->fd, sink, sizeof(sink), 0);

	if ((size == 0 && !(is_http && client->received > 0)) ||
	    (size < 0 && errno != EAGAIN))
		fail("the server closed a connection");
	if (size < 0)
		return;
	client->received += (size_t)size;
	if (is_http ? size == 0 : client->received == message_size) {
		end(client);
		if (!reconnects && !holds)
			push(client);
	}
}

static void run(double seconds)
{
	struct epoll_event events[EVENTS];
	double stop = now() + seconds * 1e6;

	while (most > 0 ? exchanges < most : now() < stop) {
		int count = epoll_wait(epoll, events, EVENTS, 10);

		for (int i = 0; i < count; i++) {
			struct client *client = events[i].data.ptr;

			if (events[i].events & EPOLLOUT)
				push(client);
			if (events[i].events & ~(uint32_t)EPOLLOUT)
				pull(client);
		}
	}
}

static void make_message(void)
{
	union pp_address client = { .in = {
		.sin_family = AF_INET,
		.sin_port = htons(1111),
		.sin_addr.s_addr = htonl(0xc0000201),
	} };

	message = calloc(1, PP_FORMAT_MAX + message_size);
	if (with_header)
		header_size = pp_header_format(2, &client, &client, message,
					       PP_FORMAT_MAX);
	if (is_http)
		memcpy(message + header_size, request, message_size);
}

static void stall(int count)
{
	for (int i = 0; i < count; i++) {
		int fd = connect_one();

		while (send(fd, "P", 1, MSG_NOSIGNAL) < 0)
			if (errno != EAGAIN)
				fail("send");
	}
	/* until the server has seen them */
	if (count > 0)
		sleep(2);
}

/* Until all are connected, which is in the order of their beginning. */
static void connect_all(const struct client *clients, int connections)
{
	for (int i = 0; i < connections; i++) {
		struct pollfd fd = { .fd = clients[i].fd, .events = POLLOUT };

		if (poll(&fd, 1, CONNECT_MS) != 1 || fd.revents != POLLOUT)
			fail("a connection was not made");
	}
}

/* All of them at once would not fit into the backlog. */
static void hold(struct client *clients, int connections)
{
	for (int i = 0; i < connections; i++) {
		clients[i].fd = -1;
		begin(&clients[i]);
		while (exchanges < (size_t)i - (size_t)(i % 100))
			run(0.001);
	}
	while (exchanges < (size_t)connections)
		run(0.01);
	puts("held");
	fflush(stdout);
	while (getchar() != EOF)
		;
}

static void report(double seconds)
{
	size_t count = exchanges < SAMPLES ? exchanges : SAMPLES;

	if (count == 0) {
		errno = ETIMEDOUT;
		fail("no exchange was made");
	}
	qsort(samples, count, sizeof(*samples), compare);
	printf("%zu %.6f %.1f %.1f %.1f %.1f\n", exchanges, seconds / 1e6,
	       samples[count / 2], samples[count * 9 / 10],
	       samples[count * 99 / 100], samples[count - 1]);
}

int main(int argc, char **argv)
{
	struct client *clients;
	int connections;
	bool together;
	double start;

	if (argc < 7) {
		fprintf(stderr,
			"usage: load PORT connect|together|stream|http|hold "
			"CONNECTIONS SIZE SECONDS none|v2 [STALLED [COUNT]]\n");
		return 2;
	}
	open_many();
	server.sin_port = htons((uint16_t)atoi(argv[1]));
	server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	is_http = strcmp(argv[2], "http") == 0;
	together = strcmp(argv[2], "together") == 0;
	reconnects = is_http || together || strcmp(argv[2], "connect") == 0;
	connections = atoi(argv[3]);
	message_size = is_http ? strlen(request) : (size_t)atol(argv[4]);
	with_header = strcmp(argv[6], "v2") == 0;
	make_message();
	samples = malloc(SAMPLES * sizeof(*samples));
	epoll = epoll_create1(0);
	clients = calloc((size_t)connections, sizeof(*clients));
	holds = strcmp(argv[2], "hold") == 0;
	if (holds) {
		hold(clients, connections);
		return 0;
	}
	if (argc > 7)
		stall(atoi(argv[7]));
	if (argc > 8)
		most = (size_t)atol(argv[8]);
	start = now();
	for (int i = 0; i < connections; i++) {
		clients[i].fd = -1;
		begin(&clients[i]);
	}
	if (together)
		connect_all(clients, connections);
	run(atof(argv[5]));
	report(now() - start);
	return 0;
}
