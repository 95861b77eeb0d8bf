/* SPDX-License-Identifier: ISC */
/*
 * Clients that say in their data whom their header named, and servers that
 * compare that with what accept and getpeername tell:
 *
 *	LD_PRELOAD=.../libproxyproto.so identity COUNT
 *
 * The headers are of both versions and families, LOCAL, or not there; some come
 * in two pieces. The servers are processes and threads that block in accept on
 * one listener, or wait with epoll for another one. Some connections are moved
 * to another descriptor, some handed to a forked child, and some to a program
 * that is spawned (identity tell TEXT); each is closed at once, so that the
 * next one has its number.
 *
 * Prints "N right, N wrong, N lost, N moved, N forks, N spawns" and what was
 * wrong first. Exits with 0 where all were right.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROCESSES 2
#define BLOCKING 3	/* threads of each that block in accept */
#define WAITING 2	/* and that wait with epoll */
#define CLIENTS 8	/* threads */
#define TEXT 80		/* an address and a port, as text */

extern char **environ;

/* By all processes together. */
static struct counts {
	_Atomic uint32_t next;	/* client */
	atomic_long right, wrong, lost, moved, forks, spawns;
} *counts;

static uint32_t clients;	/* how many */
static int blocking, waiting;	/* the listeners */
static struct sockaddr_in ports[2];

static void fail(const char *what)
{
	fprintf(stderr, "identity: %s: %s\n", what, strerror(errno));
	_exit(2);
}

static void check(bool holds, const char *what)
{
	if (!holds)
		fail(what);
}

static void to_text(const struct sockaddr_storage *name, char *text)
{
	const struct sockaddr_in *in = (const void *)name;
	const struct sockaddr_in6 *in6 = (const void *)name;
	char address[INET6_ADDRSTRLEN] = "nobody";

	if (name->ss_family == AF_INET)
		inet_ntop(AF_INET, &in->sin_addr, address, sizeof(address));
	else if (name->ss_family == AF_INET6)
		inet_ntop(AF_INET6, &in6->sin6_addr, address, sizeof(address));
	snprintf(text, TEXT, "%s %u", address, ntohs(in->sin_port));
}

/* The servers. */

/* Answers a client: is it who it says? Also by what accept told, or NULL. */
static void answer(int fd, const char *stated, const char *accepted)
{
	struct sockaddr_storage name = { .ss_family = AF_UNSPEC };
	socklen_t length = sizeof(name);
	char peer[TEXT];
	bool right;

	getpeername(fd, (struct sockaddr *)&name, &length);
	to_text(&name, peer);
	right = strcmp(peer, stated) == 0 &&
		(accepted == NULL || strcmp(accepted, stated) == 0);
	if (!right)
		printf("wrong: %s, getpeername: %s, accept: %s\n", stated, peer,
		       accepted == NULL ? "not asked" : accepted);
	send(fd, right ? "y" : "n", 1, MSG_NOSIGNAL);
}

/* A line, without its end; false for a reset, and what ends before. */
static bool read_line(int fd, char *line)
{
	ssize_t got = recv(fd, line, TEXT, 0), more;

	while (got > 0 && line[got - 1] != '\n' && got < TEXT) {
		more = recv(fd, line + got, (size_t)(TEXT - got), 0);
		if (more <= 0)
			return false;
		got += more;
	}
	if (got <= 0)
		return false;
	line[got - 1] = '\0';
	return true;
}

static void wait_for_child(pid_t child)
{
	int status;

	check(waitpid(child, &status, 0) == child && status == 0, "a child");
}

/* The connection is the child's alone when it asks, as a rule. */
static void answer_in_child(int fd, const char *stated, const char *accepted)
{
	pid_t child = fork();

	check(child >= 0, "fork");
	if (child == 0) {
		answer(fd, stated, accepted);
		fflush(stdout);
		_exit(0);
	}
	close(fd);
	wait_for_child(child);
	atomic_fetch_add(&counts->forks, 1);
}

static void answer_in_program(int fd, char *stated)
{
	static char self[] = "/proc/self/exe", tell[] = "tell";
	char *arguments[] = { self, tell, stated, NULL };
	posix_spawn_file_actions_t actions;
	pid_t child;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fd, STDIN_FILENO);
	errno = posix_spawn(&child, self, &actions, NULL, arguments, environ);
	check(errno == 0, "posix_spawn");
	posix_spawn_file_actions_destroy(&actions);
	close(fd);
	wait_for_child(child);
	atomic_fetch_add(&counts->spawns, 1);
}

static void answer_elsewhere(int fd, const char *stated, const char *accepted)
{
	int moved = dup(fd);

	close(fd);
	answer(moved, stated, accepted);
	close(moved);
	atomic_fetch_add(&counts->moved, 1);
}

static void serve(int fd, const struct sockaddr_storage *accepted,
		  unsigned number)
{
	char stated[TEXT], text[TEXT];

	to_text(accepted, text);
	if (!read_line(fd, stated)) {
		close(fd);
	} else if (number % 256 == 0) {
		answer_in_program(fd, stated);
	} else if (number % 64 == 1) {
		answer_in_child(fd, stated, text);
	} else if (number % 8 == 2) {
		answer_elsewhere(fd, stated, text);
	} else {
		answer(fd, stated, text);
		close(fd);
	}
}

/* Accepts and serves until the kernel has nobody. */
static void accept_all(int listener)
{
	static _Thread_local unsigned served;
	struct sockaddr_storage name;
	socklen_t length = sizeof(name);
	int fd;

	while ((fd = accept4(listener, (struct sockaddr *)&name, &length,
			     SOCK_CLOEXEC)) >= 0) {
		serve(fd, &name, served++);
		length = sizeof(name);
	}
	check(errno == EAGAIN, "accept");
}

static void *block(void *argument)
{
	accept_all(blocking);
	return argument;
}

static void *wait_and_accept(void *argument)
{
	struct epoll_event event = { .events = EPOLLIN };
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	check(epoll_ctl(epoll, EPOLL_CTL_ADD, waiting, &event) == 0,
	      "epoll_ctl");
	while (epoll_wait(epoll, &event, 1, -1) == 1 || errno == EINTR)
		accept_all(waiting);
	return argument;
}

static pthread_t start_thread(void *(*function)(void *))
{
	pthread_t thread;

	errno = pthread_create(&thread, NULL, function, NULL);
	check(errno == 0, "pthread_create");
	return thread;
}

static void start_server(void)
{
	pid_t child = fork();

	check(child >= 0, "fork");
	if (child > 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int i = 0; i < BLOCKING; i++)
		start_thread(block);
	for (int i = 0; i < WAITING; i++)
		start_thread(wait_and_accept);
	for (;;)
		pause();
}

static int listen_anywhere(int type, struct sockaddr_in *name)
{
	socklen_t length = sizeof(*name);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | type, 0);

	name->sin_family = AF_INET;
	name->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	check(bind(fd, (struct sockaddr *)name, length) == 0 &&
		      listen(fd, 512) == 0 &&
		      getsockname(fd, (struct sockaddr *)name, &length) == 0,
	      "listen");
	return fd;
}

/* The clients. */

/* Whom the header of this client names. */
static void name_client(uint32_t number, bool ipv6,
			struct sockaddr_storage *name)
{
	struct sockaddr_in *in = (void *)name;
	struct sockaddr_in6 *in6 = (void *)name;

	memset(name, 0, sizeof(*name));
	if (ipv6) {
		inet_pton(AF_INET6, "2001:db8:3::", &in6->sin6_addr);
		memcpy(&in6->sin6_addr.s6_addr[12], &number, sizeof(number));
	} else {
		in->sin_addr.s_addr = htonl(0x0a000000 + number % 0x1000000);
	}
	name->ss_family = ipv6 ? AF_INET6 : AF_INET;
	in->sin_port = htons((uint16_t)(number * 7919));
}

static size_t make_v1(const struct sockaddr_storage *name, char *bytes)
{
	char text[TEXT], *port;

	to_text(name, text);
	port = strchr(text, ' ');
	*port++ = '\0';
	return (size_t)sprintf(bytes, "PROXY %s %s %s %s 443\r\n",
			       name->ss_family == AF_INET ? "TCP4" : "TCP6",
			       text,
			       name->ss_family == AF_INET ? "192.0.2.1"
							  : "2001:db8::1",
			       port);
}

static size_t make_v2(const struct sockaddr_storage *name, bool local,
		      char *bytes)
{
	const struct sockaddr_in *in = (const void *)name;
	const struct sockaddr_in6 *in6 = (const void *)name;
	size_t size = name->ss_family == AF_INET ? 4 : 16;

	memcpy(bytes, "\r\n\r\n\0\r\nQUIT\n", 12);
	bytes[12] = local ? 0x20 : 0x21;
	bytes[13] = size == 4 ? 0x11 : 0x21;
	bytes[14] = 0;
	bytes[15] = (char)(2 * size + 4);
	memset(bytes + 16, 1, 2 * size + 4);
	if (size == 4)
		memcpy(bytes + 16, &in->sin_addr, size);
	else
		memcpy(bytes + 16, &in6->sin6_addr, size);
	memcpy(bytes + 16 + 2 * size, &in->sin_port, 2);
	return 16 + 2 * size + 4;
}

/*
 * The header of a client, 0 bytes for none, and its name: as the kernel has it
 * until the header says otherwise.
 */
static size_t make_header(uint32_t number, struct sockaddr_storage *name,
			  char *bytes)
{
	struct sockaddr_storage client;

	name_client(number, number % 3 == 0, &client);
	switch (number % 8) {
	case 0:
		return 0;
	case 1:
		return make_v2(&client, true, bytes);
	default:
		*name = client;
		return number % 2 ? make_v1(name, bytes)
				  : make_v2(name, false, bytes);
	}
}

static int connect_client(uint32_t number, struct sockaddr_storage *name)
{
	const struct timeval patience = { .tv_sec = 60 };
	struct sockaddr_in source = { .sin_family = AF_INET };
	socklen_t length = sizeof(*name);
	int on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);

	/* one address has too few ports for all that were closed */
	source.sin_addr.s_addr = htonl(0x7f010001 + number % 0x3fff);
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	check(bind(fd, (struct sockaddr *)&source, sizeof(source)) == 0 &&
		      connect(fd, (struct sockaddr *)&ports[number / 8 % 2],
			      sizeof(*ports)) == 0 &&
		      getsockname(fd, (struct sockaddr *)name, &length) == 0,
	      "connect");
	return fd;
}

static void ask_as(uint32_t number)
{
	struct sockaddr_storage name;
	int fd = connect_client(number, &name);
	char bytes[256], text[TEXT], reply;
	size_t header = make_header(number, &name, bytes), sent = 0, size;

	to_text(&name, text);
	size = header + (size_t)sprintf(bytes + header, "%s\n", text);
	if (header > 0 && number % 32 == 5) {
		sent = (size_t)send(fd, bytes, header / 2, MSG_NOSIGNAL);
		usleep(500);
	}
	send(fd, bytes + sent, size - sent, MSG_NOSIGNAL);
	if (recv(fd, &reply, 1, 0) != 1)
		atomic_fetch_add(&counts->lost, 1);
	else
		atomic_fetch_add(reply == 'y' ? &counts->right : &counts->wrong,
				 1);
	close(fd);
}

static void *ask_on(void *argument)
{
	uint32_t number;

	while ((number = atomic_fetch_add(&counts->next, 1)) < clients)
		ask_as(number);
	return argument;
}

static void ask_all(void)
{
	pthread_t threads[CLIENTS];

	for (int i = 0; i < CLIENTS; i++)
		threads[i] = start_thread(ask_on);
	for (int i = 0; i < CLIENTS; i++)
		pthread_join(threads[i], NULL);
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "tell") == 0) {
		answer(STDIN_FILENO, argv[2], NULL);
		return 0;
	}
	if (argc != 2 || atol(argv[1]) < 1 || atol(argv[1]) > INT32_MAX / 2) {
		fprintf(stderr, "usage: identity COUNT\n");
		return 2;
	}
	clients = (uint32_t)atol(argv[1]);
	setvbuf(stdout, NULL, _IOLBF, 0);
	counts = mmap(NULL, sizeof(*counts), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	blocking = listen_anywhere(0, &ports[0]);
	waiting = listen_anywhere(SOCK_NONBLOCK, &ports[1]);
	for (int i = 0; i < PROCESSES; i++)
		start_server();
	ask_all();
	printf("%ld right, %ld wrong, %ld lost, %ld moved, %ld forks, "
	       "%ld spawns\n",
	       counts->right, counts->wrong, counts->lost, counts->moved,
	       counts->forks, counts->spawns);
	return counts->right != (long)clients;
}
