/* SPDX-License-Identifier: ISC */
/*
 * What the names of a connection are that was reset on this side, with a note
 * that says so: prints them, then those of the same socket connected anew.
 *
 *	reset ADDRESS	the one that it listens on, 127.0.0.1 or ::
 */
#include <config.h>

#include "connection/note.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void check(bool holds, const char *what)
{
	if (holds)
		return;
	perror(what);
	exit(1);
}

static void print_name(const char *which, int result,
		       const struct sockaddr_storage *name)
{
	union pp_address address;
	char text[PP_ADDRESS_TEXT];

	if (result != 0) {
		printf("%s: %s\n", which, strerror(errno));
		return;
	}
	pp_address_from_kernel(&address, (const struct sockaddr *)name,
			       sizeof(*name));
	printf("%s %s\n", which, pp_address_text(&address, text, sizeof(text)));
}

static void print_names(int fd)
{
	struct sockaddr_storage name;
	socklen_t length = sizeof(name);
	int result = getpeername(fd, (struct sockaddr *)&name, &length);

	print_name("peer", result, &name);
	length = sizeof(name);
	result = getsockname(fd, (struct sockaddr *)&name, &length);
	print_name("name", result, &name);
}

static union pp_address name_of(int fd, int (*get)(int, struct sockaddr *,
						   socklen_t *))
{
	union pp_address name;
	socklen_t length = sizeof(name);

	check(get(fd, &name.sa, &length) == 0, "the kernel's name");
	return name;
}

static int listen_on(const char *text)
{
	union pp_address name;
	int listener;

	memset(&name, 0, sizeof(name));
	if (inet_pton(AF_INET, text, &name.in.sin_addr) == 1)
		name.sa.sa_family = AF_INET;
	else
		name.sa.sa_family = AF_INET6;
	listener = socket(name.sa.sa_family, SOCK_STREAM, 0);
	check(bind(listener, &name.sa, pp_address_length(&name)) == 0 &&
		      listen(listener, 8) == 0,
	      "listen");
	return listener;
}

int main(int argc, char **argv)
{
	const struct sockaddr nobody = { .sa_family = AF_UNSPEC };
	struct pp_note note = { .kind = PP_NOTE_RESET };
	int listener, client, fd;
	union pp_address local;
	struct sockaddr_in loopback = { .sin_family = AF_INET };

	if (argc != 2)
		return 2;
	listener = listen_on(argv[1]);
	local = name_of(listener, getsockname);
	loopback.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	loopback.sin_port = pp_address_port(&local);
	client = socket(AF_INET, SOCK_STREAM, 0);
	check(connect(client, (struct sockaddr *)&loopback,
		      sizeof(loopback)) == 0 &&
		      send(client, "data", 4, 0) == 4,
	      "connect");
	fd = accept(listener, NULL, NULL);
	check(fd >= 0, "accept");
	note.source = name_of(fd, getpeername);
	note.destination = name_of(fd, getsockname);
	print_names(fd);
	check(connect(fd, &nobody, sizeof(nobody)) == 0, "disconnect");
	print_names(fd);
	check(pp_note_write(fd, NULL, &note), "note");
	errno = 0;
	print_names(fd);
	/* of the other side, whose peer has gone, nothing is known */
	check(recv(client, &note, 1, 0) < 0, "recv");
	print_names(client);
	check(connect(fd, (struct sockaddr *)&loopback,
		      sizeof(loopback)) == 0 || argv[1][0] == ':',
	      "connect anew");
	if (argv[1][0] != ':')
		print_names(fd);
	return 0;
}
