/* SPDX-License-Identifier: ISC */
/*
 * What it costs to leave the note on a socket, to find it there, to find none,
 * beside a bare getpeername; and the kernel's memory for it.
 *
 *	make bench/note && bench/note
 */
#include <config.h>

#include "bench/measure.h"
#include "connection/note.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ROUNDS 15
#define CALLS 20000
#define SOCKETS 4000

static int connection;
static union pp_address kernel = { .in = { .sin_family = AF_INET } };
static struct pp_note v4, v6;

static int connect_one(int listener, const struct sockaddr_in *name)
{
	int client = socket(AF_INET, SOCK_STREAM, 0);

	if (connect(client, (const struct sockaddr *)name, sizeof(*name)) != 0) {
		perror("connect");
		exit(1);
	}
	return accept(listener, NULL, NULL);
}

static int make_listener(struct sockaddr_in *name)
{
	socklen_t length = sizeof(*name);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	memset(name, 0, sizeof(*name));
	name->sin_family = AF_INET;
	name->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(listener, (struct sockaddr *)name, length) != 0 ||
	    listen(listener, 64) != 0 ||
	    getsockname(listener, (struct sockaddr *)name, &length) != 0) {
		perror("listen");
		exit(1);
	}
	return listener;
}

static struct pp_note make_note(int family, const char *source,
				const char *destination)
{
	struct pp_note note = { .kind = PP_NOTE_CLIENT };

	note.source.sa.sa_family = note.destination.sa.sa_family =
		(sa_family_t)family;
	if (family == AF_INET) {
		inet_pton(family, source, &note.source.in.sin_addr);
		inet_pton(family, destination, &note.destination.in.sin_addr);
	} else {
		inet_pton(family, source, &note.source.in6.sin6_addr);
		inet_pton(family, destination,
			  &note.destination.in6.sin6_addr);
	}
	return note;
}

/* What is measured. */

static void ask_kernel(int i)
{
	struct sockaddr_storage name;
	socklen_t length = sizeof(name);

	(void)i;
	getpeername(connection, (struct sockaddr *)&name, &length);
}

static void write_v4(int i)
{
	v4.source.in.sin_port = (in_port_t)i;
	pp_note_write(connection, &kernel, &v4);
}

static void write_v6(int i)
{
	v6.source.in6.sin6_port = (in_port_t)i;
	pp_note_write(connection, &kernel, &v6);
}

static void read_note(int i)
{
	struct pp_note_bytes bytes;
	struct pp_note got;

	(void)i;
	if (pp_note_fetch(connection, &bytes))
		pp_note_parse(&bytes, &kernel, &got);
}

static void remove_note(void)
{
	struct sockaddr_in name;
	int listener = make_listener(&name);

	close(connection);
	connection = connect_one(listener, &name);
	close(listener);
}

static void leave_v4(void)
{
	remove_note();
	write_v4(1);
}

static void leave_v6(void)
{
	remove_note();
	write_v6(1);
}

static struct subject {
	const char *name;
	void (*prepare)(void);
	void (*run)(int i);
	double ns[ROUNDS];
} subjects[] = {
	{ "getpeername, the kernel's", remove_note, ask_kernel, { 0 } },
	{ "note, IPv4: leave", remove_note, write_v4, { 0 } },
	{ "note, IPv4: find", leave_v4, read_note, { 0 } },
	{ "note, IPv6: leave", remove_note, write_v6, { 0 } },
	{ "note, IPv6: find", leave_v6, read_note, { 0 } },
	{ "no note: look for it", remove_note, read_note, { 0 } },
};
#define SUBJECTS (sizeof(subjects) / sizeof(*subjects))

static double measure(const struct subject *subject)
{
	double start;

	subject->prepare();
	start = now();
	for (int i = 0; i < CALLS; i++)
		subject->run(i);
	return (now() - start) / CALLS * 1e3;
}

static void report_times(void)
{
	for (int round = 0; round < ROUNDS; round++)
		for (size_t i = 0; i < SUBJECTS; i++)
			subjects[i].ns[round] = measure(&subjects[i]);
	printf("%-32s %8s %8s %8s %7s\n", "ns a call", "median", "min", "max",
	       "ratio");
	for (size_t i = 0; i < SUBJECTS; i++) {
		double *ns = subjects[i].ns;

		qsort(ns, ROUNDS, sizeof(*ns), compare);
		printf("%-32s %8.0f %8.0f %8.0f %7.2f\n", subjects[i].name,
		       ns[ROUNDS / 2], ns[0], ns[ROUNDS - 1],
		       ns[ROUNDS / 2] / subjects[0].ns[ROUNDS / 2]);
	}
}

/* The kernel's memory that no process owns, in KiB. */
static long kernel_memory(void)
{
	static const char *const parts[] = { "Slab:", "VmallocUsed:" };
	char line[128];
	long sum = 0;
	FILE *file = fopen("/proc/meminfo", "r");

	while (file != NULL && fgets(line, sizeof(line), file) != NULL)
		for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
			if (strncmp(line, parts[i], strlen(parts[i])) == 0)
				sum += atol(line + strlen(parts[i]));
	if (file != NULL)
		fclose(file);
	return sum;
}

static void report_memory(const char *name, const struct pp_note *note)
{
	static int sockets[SOCKETS];
	struct sockaddr_in listening;
	int listener = make_listener(&listening);
	long before;

	open_many();
	for (int i = 0; i < SOCKETS; i++)
		sockets[i] = connect_one(listener, &listening);
	before = kernel_memory();
	for (int i = 0; i < SOCKETS; i++)
		pp_note_write(sockets[i], &kernel, note);
	printf("%-32s %8ld bytes a socket\n", name,
	       (kernel_memory() - before) * 1024 / SOCKETS);
	for (int i = 0; i < SOCKETS; i++)
		close(sockets[i]);
	close(listener);
}

int main(void)
{
	struct sockaddr_in name;

	connection = connect_one(make_listener(&name), &name);
	v4 = make_note(AF_INET, "192.0.2.1", "192.0.2.2");
	v6 = make_note(AF_INET6, "2001:db8::1", "2001:db8::2");
	report_times();
	report_memory("memory, IPv4", &v4);
	report_memory("memory, IPv6", &v6);
	return 0;
}
