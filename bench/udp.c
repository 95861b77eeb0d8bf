/* SPDX-License-Identifier: ISC */
/*
 * Datagrams: an echo server, a hop before one, a load, and what a call costs.
 *
 *	udp serve one|many		by recvfrom and sendto, or 64 at once
 *	udp hop PORT			takes headers off, and sends on to there
 *	udp load PORT none|v2 SIZE SECONDS	datagrams that were answered
 *	udp read			CPU ns of read(2) on a TCP socket
 *
 * The servers write their port. The load keeps some datagrams under way.
 */
#include <config.h>

#include "measure.h"
#include "protocol/header.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MANY 64
#define SIZE 2048
#define HEADER 28
#define SOCKETS 8
#define UNDER_WAY 16

/* A socket that is bound to loopback, or connected to a port of it. */
static int make_socket(int type, bool connects, int port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, type, 0), room = 1 << 21;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	if ((connects ? connect(fd, (struct sockaddr *)&address,
				sizeof(address))
		      : bind(fd, (struct sockaddr *)&address,
			     sizeof(address))) != 0) {
		perror("bench/udp");
		exit(1);
	}
	return fd;
}

static int port_of(int fd)
{
	struct sockaddr_in address;
	socklen_t length = sizeof(address);

	getsockname(fd, (struct sockaddr *)&address, &length);
	return ntohs(address.sin_port);
}

static void say_port(int fd)
{
	printf("port %d\n", port_of(fd));
	fflush(stdout);
}

static void serve_one(void)
{
	int fd = make_socket(SOCK_DGRAM, false, 0);
	static char bytes[SIZE];

	say_port(fd);
	for (;;) {
		struct sockaddr_in from;
		socklen_t length = sizeof(from);
		ssize_t got = recvfrom(fd, bytes, sizeof(bytes), 0,
				       (struct sockaddr *)&from, &length);

		if (got >= 0)
			sendto(fd, bytes, (size_t)got, 0,
			       (struct sockaddr *)&from, length);
	}
}

static void serve_many(void)
{
	int fd = make_socket(SOCK_DGRAM, false, 0);
	static char bytes[MANY][SIZE];
	static struct sockaddr_in from[MANY];
	struct mmsghdr messages[MANY];
	struct iovec parts[MANY];

	say_port(fd);
	for (;;) {
		int got;

		for (int i = 0; i < MANY; i++) {
			parts[i] = (struct iovec){ bytes[i], SIZE };
			messages[i].msg_hdr = (struct msghdr){
				.msg_name = &from[i],
				.msg_namelen = sizeof(from[i]),
				.msg_iov = &parts[i],
				.msg_iovlen = 1
			};
		}
		got = recvmmsg(fd, messages, MANY, MSG_WAITFORONE, NULL);
		for (int i = 0; i < got; i++)
			parts[i].iov_len = messages[i].msg_len;
		if (got > 0)
			sendmmsg(fd, messages, (unsigned)got, 0);
	}
}

/* One client behind each port of the load's. */
static void run_hop(int port)
{
	int front = make_socket(SOCK_DGRAM, false, 0), count = 1;
	struct pollfd states[SOCKETS + 1] = { { front, POLLIN, 0 } };
	struct sockaddr_in clients[SOCKETS + 1], from;
	static char bytes[SIZE];
	unsigned next = 0;

	say_port(front);
	for (;;) {
		poll(states, (nfds_t)count, -1);
		for (int i = 1; i < count; i++) {
			ssize_t got = recv(states[i].fd, bytes, SIZE,
					   MSG_DONTWAIT);

			if (got >= 0)
				sendto(front, bytes, (size_t)got, 0,
				       (struct sockaddr *)&clients[i],
				       sizeof(clients[i]));
		}
		for (;;) {
			socklen_t length = sizeof(from);
			ssize_t got = recvfrom(front, bytes, SIZE,
					       MSG_DONTWAIT,
					       (struct sockaddr *)&from,
					       &length);
			int i = 1;

			if (got < HEADER)
				break;
			while (i < count &&
			       clients[i].sin_port != from.sin_port)
				i++;
			if (i == SOCKETS + 1) {
				/* of a load that is over */
				i = 1 + (int)(next++ % SOCKETS);
				clients[i] = from;
			} else if (i == count) {
				clients[count] = from;
				states[count++] = (struct pollfd){
					make_socket(SOCK_DGRAM, true, port),
					POLLIN, 0
				};
			}
			send(states[i].fd, bytes + HEADER,
			     (size_t)got - HEADER, 0);
		}
	}
}

static size_t write_header(int fd, const char *what, uint8_t *bytes)
{
	union pp_address client = { .in.sin_family = AF_INET };
	size_t length;

	if (strcmp(what, "none") == 0)
		return 0;
	client.in.sin_addr.s_addr = htonl(0xc0000201);
	client.in.sin_port = htons((uint16_t)port_of(fd));
	length = pp_header_format(2, &client, &client, bytes, SIZE);
	bytes[13] = 0x12;
	return length;
}

static int run_load(int port, const char *what, size_t size, double seconds)
{
	static uint8_t bytes[SOCKETS][SIZE + HEADER];
	static uint8_t answer[SIZE];
	struct pollfd states[SOCKETS];
	size_t headers[SOCKETS];
	unsigned long answered = 0;
	double begin = now(), end;

	for (int i = 0; i < SOCKETS; i++) {
		states[i] = (struct pollfd){ make_socket(SOCK_DGRAM, true,
							 port),
					     POLLIN, 0 };
		headers[i] = write_header(states[i].fd, what, bytes[i]);
		for (int n = 0; n < UNDER_WAY; n++)
			send(states[i].fd, bytes[i], headers[i] + size, 0);
	}
	end = begin + seconds * 1e6;
	while (now() < end) {
		/* what got lost is sent again */
		if (poll(states, SOCKETS, 100) == 0)
			for (int i = 0; i < SOCKETS; i++)
				send(states[i].fd, bytes[i], headers[i] + size,
				     0);
		for (int i = 0; i < SOCKETS; i++)
			while (recv(states[i].fd, answer, SIZE,
				    MSG_DONTWAIT) >= 0) {
				answered++;
				send(states[i].fd, bytes[i], headers[i] + size,
				     0);
			}
	}
	printf("%lu %f\n", answered, (now() - begin) / 1e6);
	return 0;
}

/* Of this process's CPU, whatever else the machine does. */
static double cpu_now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* A byte a call, of what is there already. */
static int measure_read(void)
{
	enum { COUNT = 200000 };
	int listener = make_socket(SOCK_STREAM, false, 0), server, client;
	static char bytes[COUNT];
	double begin;

	listen(listener, 1);
	client = make_socket(SOCK_STREAM, true, port_of(listener));
	server = accept(listener, NULL, NULL);
	if (write(client, bytes, COUNT) != COUNT ||
	    recv(server, bytes, COUNT, MSG_PEEK | MSG_WAITALL) != COUNT)
		return 1;
	begin = cpu_now();
	for (int i = 0; i < COUNT; i++)
		if (read(server, bytes, 1) != 1)
			return 1;
	printf("%f\n", (cpu_now() - begin) / COUNT);
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (argc == 3 && strcmp(what, "serve") == 0)
		strcmp(argv[2], "one") == 0 ? serve_one() : serve_many();
	if (argc == 3 && strcmp(what, "hop") == 0)
		run_hop(atoi(argv[2]));
	if (argc == 6 && strcmp(what, "load") == 0)
		return run_load(atoi(argv[2]), argv[3],
				(size_t)atoi(argv[4]), atof(argv[5]));
	if (argc == 2 && strcmp(what, "read") == 0)
		return measure_read();
	fprintf(stderr, "usage: see the beginning of bench/udp.c\n");
	return 2;
}
