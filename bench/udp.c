/* SPDX-License-Identifier: ISC */
/*
 * Datagrams: an echo server, a hop before one, a load, and what a call costs.
 *
 *	udp serve one|many		by recvfrom and sendto, or 64 at once
 *	udp hop PORT			takes headers off, and sends on to there
 *	udp load PORT none|v2 SIZE|dns SECONDS	datagrams that were answered
 *	udp read tcp|pipe		ns of the C library's read(2), of the one
 *					that the program calls, and what that is more
 *
 * The servers write their port. The load keeps some datagrams under way, of that
 * many zeros or with a question for a name server.
 */
#include <config.h>

#include "measure.h"
#include "protocol/header.h"

#include <arpa/inet.h>
#include <dlfcn.h>
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

/* Whose payload is that? Returns its length. */
static size_t write_payload(const char *what, uint8_t *bytes)
{
	static const char question[] = "\0\7\1\0\0\1\0\0\0\0\0\0"
				       "\3www\7example\4test\0\0\1\0\1";

	if (strcmp(what, "dns") != 0)
		return (size_t)atoi(what);
	memcpy(bytes, question, sizeof(question) - 1);
	return sizeof(question) - 1;
}

static int run_load(int port, const char *what, const char *payload,
		    double seconds)
{
	size_t size = 0;
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
		size = write_payload(payload, bytes[i] + headers[i]);
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

enum { PAIRS = 4000, CALLS = 100 };

typedef ssize_t read_function(int fd, void *bytes, size_t size);

/* Nanoseconds of one read of a byte, of those that are there already. */
static double time_reads(read_function *function, int from, int to)
{
	static char bytes[CALLS];
	double begin;

	if (write(to, bytes, CALLS) != CALLS)
		exit(1);
	begin = cpu_now();
	for (int i = 0; i < CALLS; i++)
		if (function(from, bytes, 1) != 1)
			exit(1);
	return (cpu_now() - begin) / CALLS;
}

static double median(double *values, size_t count)
{
	qsort(values, count, sizeof(*values), compare);
	return values[count / 2];
}

static void make_ends(const char *what, int ends[2])
{
	int listener;

	if (strcmp(what, "pipe") == 0) {
		if (pipe(ends) != 0)
			exit(1);
		return;
	}
	listener = make_socket(SOCK_STREAM, false, 0);
	listen(listener, 1);
	ends[1] = make_socket(SOCK_STREAM, true, port_of(listener));
	ends[0] = accept(listener, NULL, NULL);
}

/*
 * The two in turns within one process, as a few nanoseconds are less than what
 * one process differs from the next.
 */
static int measure_read(const char *what)
{
	static double values[3][PAIRS];
	read_function *functions[2] = { NULL, read };
	int ends[2];

	*(void **)&functions[0] =
		dlsym(dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD), "read");
	if (functions[0] == NULL)
		return 1;
	make_ends(what, ends);
	for (int i = -10; i < PAIRS; i++) {
		double times[2];

		/* the one that begins is now this, now that */
		for (int n = 0; n < 2; n++) {
			int which = (i + n) & 1;

			times[which] = time_reads(functions[which], ends[0],
						  ends[1]);
		}
		if (i < 0)
			continue;
		values[0][i] = times[0];
		values[1][i] = times[1];
		values[2][i] = times[1] - times[0];
	}
	printf("%f %f %f\n", median(values[0], PAIRS),
	       median(values[1], PAIRS), median(values[2], PAIRS));
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
		return run_load(atoi(argv[2]), argv[3], argv[4],
				atof(argv[5]));
	if (argc == 3 && strcmp(what, "read") == 0)
		return measure_read(argv[2]);
	fprintf(stderr, "usage: see the beginning of bench/udp.c\n");
	return 2;
}
