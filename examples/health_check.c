/* SPDX-License-Identifier: ISC */
/*
 * Checks that a server behind a proxy is up, as the proxy would: by a
 * connection of its own, whose PROXY protocol header says LOCAL, so that the
 * server takes nobody for its client.
 *
 *	health_check ADDRESS PORT [REQUEST [ANSWER]]
 *
 * sends the header and REQUEST, and then is content if the server answers
 * something with ANSWER in it; without ANSWER, if it takes the connection and
 * does not reset it while it may take its time. Says what it found; ends with 0
 * (up), 1 (down) or 2.
 *
 * Nothing is to be intercepted here, so it is linked with the codec alone:
 *
 *	cc -o health_check health_check.c \
 *		$(pkg-config --cflags --libs libproxyproto-codec)
 */
#include <errno.h>
#include <netdb.h>
#include <proxyproto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

/* Seconds that the server may take for each step. */
#define PATIENCE 5

static int up(void)
{
	puts("up");
	return 0;
}

static int down(const char *why)
{
	printf("down: %s\n", why);
	return 1;
}

/* A connected socket, or -1 with errno set. */
static int connect_to_one(const struct addrinfo *info)
{
	const struct timeval patience = { .tv_sec = PATIENCE };
	int fd = socket(info->ai_family, SOCK_STREAM, 0);
	int error;

	if (fd < 0) {
		perror("socket");
		exit(2);
	}
	/* for connect(2), too */
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (connect(fd, info->ai_addr, info->ai_addrlen) == 0)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

/* The same, to the first of a name's addresses that takes the connection. */
static int connect_to(const struct addrinfo *info)
{
	int fd;

	do
		fd = connect_to_one(info);
	while (fd < 0 && (info = info->ai_next) != NULL);
	return fd;
}

/* The header and the request, in one piece: it fits, or 0 is returned. */
static size_t fill(char *bytes, size_t size, const char *request)
{
	struct proxyproto_header header;
	ssize_t length;

	memset(&header, 0, sizeof(header));
	header.version = 2;
	header.command = PROXYPROTO_LOCAL;
	length = proxyproto_format(&header, bytes, size);
	if (length < 0) {
		fprintf(stderr, "header: %s\n",
			proxyproto_strerror((int)length));
		exit(2);
	}
	if (strlen(request) > size - (size_t)length)
		return 0;
	memcpy(bytes + length, request, strlen(request));
	return (size_t)length + strlen(request);
}

/* Reads until the answer is there, or nothing more is to come. */
static int read_answer(int fd, const char *wanted)
{
	char answer[4096];
	size_t length = 0;

	for (;;) {
		ssize_t got = recv(fd, answer + length,
				   sizeof(answer) - 1 - length, 0);

		/* a server may have nothing to say to an empty request */
		if (got < 0 && errno == EAGAIN)
			return *wanted == '\0' ? up() : down("no answer");
		if (got < 0)
			return down(strerror(errno));
		length += (size_t)got;
		answer[length] = '\0';
		if (strstr(answer, wanted) != NULL)
			return up();
		if (got == 0 || length == sizeof(answer) - 1)
			return down("another answer");
	}
}

int main(int argc, char **argv)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	const char *request = argc > 3 ? argv[3] : "";
	const char *answer = argc > 4 ? argv[4] : "";
	char bytes[4096];
	struct addrinfo *info;
	size_t length;
	int error, fd;

	if (argc < 3 || argc > 5) {
		fprintf(stderr, "usage: health_check ADDRESS PORT "
				"[REQUEST [ANSWER]]\n");
		return 2;
	}
	length = fill(bytes, sizeof(bytes), request);
	if (length == 0) {
		fprintf(stderr, "health_check: REQUEST is too long\n");
		return 2;
	}
	error = getaddrinfo(argv[1], argv[2], &hints, &info);
	if (error != 0) {
		fprintf(stderr, "%s %s: %s\n", argv[1], argv[2],
			gai_strerror(error));
		return 2;
	}
	fd = connect_to(info);
	if (fd < 0 ||
	    send(fd, bytes, length, MSG_NOSIGNAL) != (ssize_t)length ||
	    shutdown(fd, SHUT_WR) != 0)
		return down(strerror(errno));
	return read_answer(fd, answer);
}
