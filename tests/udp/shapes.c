/* SPDX-License-Identifier: ISC */
/*
 * Receives datagrams in every way, as told line by line on standard input, and
 * writes what each call returned, the bytes around it and what else it was
 * given, a line each. Arguments: the address and port to bind to.
 *
 *	recvfrom|recv|read|readv|recvmsg|recvmmsg|recvmmsg-raw
 *		FLAGS SIZE[,SIZE...] NAME CONTROL COUNT MILLISECONDS
 *	option LEVEL NAME VALUE
 *	timeout MILLISECONDS	SO_RCVTIMEO
 *	nonblocking 0|1
 *	without parts|control N	message N's pointer to them is NULL, as -1 none's
 *	ready			whether there is something to receive
 *	send SIZE ADDRESS PORT	by sendto
 *	sendmany COUNT ADDRESS PORT	by sendmmsg, a number each
 *	connect ADDRESS PORT
 *	give sendto|sendmsg|send|write|writev|sendmmsg-raw SIZE ADDRESS PORT
 *
 * Those that are raw are by syscall(2), without a time. NAME and CONTROL are the room for them, NAME -1 for a NULL pointer.
 */
#include <config.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#define PARTS 1100
#define MESSAGES 200
#define ROOM (4 * 65536)

/* What a call is given. Around each piece of memory there is a fill. */
struct shape {
	int flags;
	size_t sizes[PARTS];
	size_t parts;
	long name;
	size_t control;
	unsigned count;
	long milliseconds;
};

/* One message's memory. */
struct message {
	struct iovec parts[PARTS];
	uint8_t name[160];
	_Alignas(8) uint8_t control[512];
	uint8_t *bytes;
};

/* Which messages have a NULL pointer. */
static long without_parts = -1, without_control = -1;

static int server;
static struct message messages[MESSAGES];
static uint8_t memory[ROOM];

/* A number that tells bytes apart. */
static unsigned digest(const uint8_t *bytes, size_t size)
{
	unsigned sum = 2166136261;

	for (size_t i = 0; i < size; i++)
		sum = (sum ^ bytes[i]) * 16777619;
	return sum;
}

/* Short ones as they are. */
static void show(const char *what, const uint8_t *bytes, size_t size)
{
	printf(" %s=%zu:", what, size);
	if (size > 200) {
		printf("#%08x", digest(bytes, size));
		return;
	}
	for (size_t i = 0; i < size; i++)
		printf("%02x", bytes[i]);
}

/* Divides the memory among the messages, with a gap behind each part. */
static void prepare(const struct shape *shape)
{
	size_t share = ROOM / shape->count;

	memset(memory, 0xaa, sizeof(memory));
	for (unsigned n = 0; n < shape->count; n++) {
		uint8_t *at = memory + n * share;

		memset(messages[n].name, 0xbb, sizeof(messages[n].name));
		memset(messages[n].control, 0xcc, sizeof(messages[n].control));
		messages[n].bytes = at;
		for (size_t i = 0; i < shape->parts; i++) {
			messages[n].parts[i].iov_base = at;
			messages[n].parts[i].iov_len = shape->sizes[i];
			at += shape->sizes[i] + 3;
		}
		if (at > memory + (n + 1) * share)
			abort();
	}
}

static void fill_header(const struct shape *shape, unsigned n,
			struct msghdr *header)
{
	struct message *message = &messages[n];

	memset(header, 0, sizeof(*header));
	header->msg_name = shape->name < 0 ? NULL : message->name;
	header->msg_namelen = (socklen_t)shape->name;
	header->msg_iov = message->parts;
	header->msg_iovlen = shape->parts;
	header->msg_control = shape->control == 0 ? NULL : message->control;
	header->msg_controllen = shape->control;
	header->msg_flags = 0x5555;
	if (without_parts == (long)n)
		header->msg_iov = NULL;
	if (without_control == (long)n)
		header->msg_control = NULL;
}

static bool is_time(const struct cmsghdr *control)
{
	return control->cmsg_level == SOL_SOCKET &&
	       control->cmsg_type != SCM_RIGHTS;
}

static void show_control(struct msghdr *header, bool received)
{
	printf(" controllen=%zu", (size_t)header->msg_controllen);
	if (!received)
		return;
	for (struct cmsghdr *at = CMSG_FIRSTHDR(header); at != NULL;
	     at = CMSG_NXTHDR(header, at)) {
		printf(" cmsg=%d/%d/%zu", at->cmsg_level, at->cmsg_type,
		       (size_t)at->cmsg_len);
		if (!is_time(at))
			show("data", CMSG_DATA(at), at->cmsg_len - CMSG_LEN(0));
	}
}

static void show_message(const struct shape *shape, unsigned n,
			 struct msghdr *header, bool received)
{
	printf(" flags=%#x namelen=%u", (unsigned)header->msg_flags,
	       header->msg_namelen);
	show("name", messages[n].name, 40);
	if (shape->control > 0)
		show_control(header, received);
}

static void receive(const char *way, const struct shape *shape)
{
	struct mmsghdr headers[MESSAGES];
	struct timespec time = { shape->milliseconds / 1000,
				 shape->milliseconds % 1000 * 1000000 };
	struct timespec *timeout = shape->milliseconds == -1 ? NULL : &time;
	socklen_t length = (socklen_t)shape->name;
	struct sockaddr *name =
		shape->name < 0 ? NULL : (void *)messages[0].name;
	void *bytes;
	size_t size = shape->sizes[0];
	ssize_t result = -2;

	prepare(shape);
	bytes = messages[0].bytes;
	for (unsigned n = 0; n < shape->count; n++) {
		fill_header(shape, n, &headers[n].msg_hdr);
		headers[n].msg_len = 0x7777;
	}
	errno = 4242;
	if (strcmp(way, "recvfrom") == 0)
		result = recvfrom(server, bytes, size, shape->flags, name,
				  name == NULL ? NULL : &length);
	else if (strcmp(way, "recv") == 0)
		result = recv(server, bytes, size, shape->flags);
	else if (strcmp(way, "read") == 0)
		result = read(server, bytes, size);
	else if (strcmp(way, "readv") == 0)
		result = readv(server, headers[0].msg_hdr.msg_iov,
			       (int)shape->parts);
	else if (strcmp(way, "recvmsg") == 0)
		result = recvmsg(server, &headers[0].msg_hdr, shape->flags);
	else if (strcmp(way, "recvmmsg") == 0)
		result = recvmmsg(server, headers, shape->count, shape->flags,
				  timeout);
	else if (strcmp(way, "recvmmsg-raw") == 0)
		result = syscall(SYS_recvmmsg, server, headers, shape->count,
				 shape->flags, NULL);
	printf("%s: result=%zd errno=%d", way, result, errno);
	if (strcmp(way, "recvfrom") == 0)
		printf(" length=%u", length);
	if (strncmp(way, "recvm", 5) == 0)
		for (unsigned n = 0; n < shape->count; n++) {
			show_message(shape, n, &headers[n].msg_hdr,
				     (strcmp(way, "recvmsg") == 0
					      ? n == 0 && result >= 0
					      : result > (ssize_t)n));
			printf(" len=%u", headers[n].msg_len);
		}
	else
		show("name", messages[0].name, 40);
	/* up to the last that was written to, and of all the digest */
	size = sizeof(memory);
	while (size > 0 && memory[size - 1] == 0xaa)
		size--;
	show("bytes", memory, size);
	printf("\n");
}

static bool parse_shape(char *text, struct shape *shape)
{
	char *sizes, *rest, *end;

	shape->parts = 0;
	shape->flags = (int)strtol(text, &sizes, 0);
	sizes += strspn(sizes, " ");
	for (rest = sizes; *rest != ' ' && *rest != '\0'; rest = end) {
		size_t size = strtoul(rest, &end, 10);
		size_t times = 1;

		if (*end == 'x')
			times = strtoul(end + 1, &end, 10);
		while (times-- > 0)
			shape->sizes[shape->parts++] = size;
		if (*end == ',')
			end++;
		else if (end == rest)
			return false;
	}
	return sscanf(rest, "%ld %zu %u %ld", &shape->name, &shape->control,
		      &shape->count, &shape->milliseconds) == 4;
}

static union { struct sockaddr sa; struct sockaddr_in in;
	       struct sockaddr_in6 in6; } address;
static socklen_t address_length;

static void parse_address(const char *text, int port)
{
	memset(&address, 0, sizeof(address));
	address.sa.sa_family = strchr(text, ':') ? AF_INET6 : AF_INET;
	if (address.sa.sa_family == AF_INET) {
		inet_pton(AF_INET, text, &address.in.sin_addr);
		address.in.sin_port = htons((uint16_t)port);
		address_length = sizeof(address.in);
	} else {
		inet_pton(AF_INET6, text, &address.in6.sin6_addr);
		address.in6.sin6_port = htons((uint16_t)port);
		address_length = sizeof(address.in6);
	}
}

static void send_to(const char *text, int port, size_t size)
{
	memset(memory, 'a', size);
	parse_address(text, port);
	errno = 0;
	printf("send: %zd", sendto(server, memory, size, 0, &address.sa,
				   address_length));
	printf(" %d\n", errno);
}

/* In whichever way; those that take no address send to whom it is connected. */
static void give(const char *way, const char *text, int port, size_t size)
{
	struct iovec part = { memory, size };
	struct msghdr message = { .msg_name = &address,
				  .msg_iov = &part,
				  .msg_iovlen = 1 };
	ssize_t result = -2;

	parse_address(text, port);
	memset(memory, 'a', size);
	message.msg_namelen = address_length;
	errno = 0;
	if (strcmp(way, "sendto") == 0)
		result = sendto(server, memory, size, 0, &address.sa,
				address_length);
	else if (strcmp(way, "sendmsg") == 0)
		result = sendmsg(server, &message, 0);
	else if (strcmp(way, "send") == 0)
		result = send(server, memory, size, 0);
	else if (strcmp(way, "write") == 0)
		result = write(server, memory, size);
	else if (strcmp(way, "writev") == 0)
		result = writev(server, &part, 1);
	else if (strcmp(way, "sendmmsg-raw") == 0)
		result = syscall(SYS_sendmmsg, server,
				 &(struct mmsghdr){ .msg_hdr = message }, 1, 0);
	printf("give: %zd %d\n", result, errno);
}

static void send_many(const char *text, int port, unsigned count)
{
	struct mmsghdr headers[MESSAGES];
	unsigned long length = 0;
	int sent;

	parse_address(text, port);
	memset(headers, 0, sizeof(headers));
	for (unsigned n = 0; n < count && n < MESSAGES; n++) {
		messages[n].parts[0].iov_base = memory + 4 * n;
		messages[n].parts[0].iov_len = 3;
		snprintf((char *)memory + 4 * n, 4, "%03u", n);
		headers[n].msg_hdr.msg_name = &address;
		headers[n].msg_hdr.msg_namelen = address_length;
		headers[n].msg_hdr.msg_iov = messages[n].parts;
		headers[n].msg_hdr.msg_iovlen = 1;
	}
	errno = 0;
	sent = sendmmsg(server, headers, count, 0);
	for (int n = 0; n < sent; n++)
		length += headers[n].msg_len;
	printf("sendmany: %d %d %lu\n", sent, errno, length);
}

static void obey(char *line)
{
	static struct shape shape;
	struct timeval time = { 0, 0 };
	struct pollfd state = { .fd = server, .events = POLLIN };
	char way[16], text[64];
	int level, name, value, at = 0;

	if (sscanf(line, "option %d %d %d", &level, &name, &value) == 3) {
		errno = 0;
		value = setsockopt(server, level, name, &value,
				   sizeof(value));
		printf("option: %d %d\n", value, errno);
	} else if (sscanf(line, "timeout %d", &value) == 1) {
		time.tv_usec = value * 1000;
		setsockopt(server, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time));
		printf("timeout\n");
	} else if (sscanf(line, "nonblocking %d", &value) == 1) {
		fcntl(server, F_SETFL, value ? O_NONBLOCK : 0);
		printf("nonblocking\n");
	} else if (sscanf(line, "without parts %ld", &without_parts) == 1 ||
		   sscanf(line, "without control %ld", &without_control) == 1) {
		printf("without\n");
	} else if (strncmp(line, "ready", 5) == 0) {
		printf("ready: %d\n", poll(&state, 1, 0));
	} else if (sscanf(line, "send %d %63s %d", &value, text, &name) == 3) {
		send_to(text, name, (size_t)value);
	} else if (sscanf(line, "connect %63s %d", text, &name) == 2) {
		parse_address(text, name);
		value = connect(server, &address.sa, address_length);
		printf("connect: %d\n", value);
	} else if (sscanf(line, "give %15s %d %63s %d", way, &value, text,
			  &name) == 4) {
		give(way, text, name, (size_t)value);
	} else if (sscanf(line, "sendmany %d %63s %d", &value, text, &name) ==
		   3) {
		send_many(text, name, (unsigned)value);
	} else if (sscanf(line, "%15s %n", way, &at) == 1 &&
		   parse_shape(line + at, &shape)) {
		receive(way, &shape);
	} else {
		printf("what?\n");
	}
}

int main(int argc, char **argv)
{
	static char line[1024];

	if (argc != 3)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	parse_address(argv[1], atoi(argv[2]));
	server = socket(address.sa.sa_family, SOCK_DGRAM, 0);
	if (bind(server, &address.sa, address_length) != 0 ||
	    getsockname(server, &address.sa, &address_length) != 0)
		return 1;
	printf("port %d\n", ntohs(address.sa.sa_family == AF_INET
					  ? address.in.sin_port
					  : address.in6.sin6_port));
	while (fgets(line, sizeof(line), stdin) != NULL)
		obey(line);
	return 0;
}
