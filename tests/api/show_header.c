/* SPDX-License-Identifier: ISC */
/*
 * A server that prints everything it can learn of its connections: what
 * accept, getpeername and getsockname say, the proxy, the header and its TLVs.
 *
 *	show_header PORT [COUNT]
 *
 * accepts COUNT (1) connections on 127.0.0.1 and answers each with "done".
 */
#include <arpa/inet.h>
#include <errno.h>
#include <proxyproto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void say_address(const char *what, const struct sockaddr_in *address)
{
	char text[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, &address->sin_addr, text, sizeof(text));
	printf("%s %s %d\n", what, text, ntohs(address->sin_port));
}

static void say_name(const char *what, int fd,
		     int (*get)(int, struct sockaddr *, socklen_t *))
{
	struct sockaddr_in address;
	socklen_t length = sizeof(address);

	if (get(fd, (struct sockaddr *)&address, &length) == 0)
		say_address(what, &address);
	else
		printf("%s: %s\n", what, strerror(errno));
}

static void say_tlvs(const void *tlvs, size_t length)
{
	struct proxyproto_tlv tlv;
	struct proxyproto_ssl ssl;
	size_t offset = 0;

	while (proxyproto_next_tlv(tlvs, length, &offset, &tlv) == 1) {
		const unsigned char *value = tlv.value;
		const char *name = proxyproto_tlv_name(tlv.type);

		printf("tlv 0x%02x %s", tlv.type, name == NULL ? "?" : name);
		if (proxyproto_read_ssl(&tlv, &ssl) == PROXYPROTO_COMPLETE) {
			printf(" client %u verify %u\n", ssl.client,
			       (unsigned)ssl.verify);
			say_tlvs(ssl.tlvs, ssl.tlvs_length);
			continue;
		}
		putchar(' ');
		for (size_t i = 0; i < tlv.length; i++)
			printf("%02x", value[i]);
		putchar('\n');
	}
}

static void say_header(int fd)
{
	static unsigned char bytes[PROXYPROTO_V2_MAX];
	ssize_t length = proxyproto_get_header(fd, bytes, sizeof(bytes));
	struct proxyproto_header header;
	int result;

	if (length < 0) {
		printf("header: %s\n", strerror(errno));
		return;
	}
	result = proxyproto_parse(bytes, (size_t)length, &header);
	printf("header of %zd bytes: %s\n", length,
	       proxyproto_strerror(result));
	printf("version %u %s\n", header.version,
	       header.command == PROXYPROTO_LOCAL ? "LOCAL" : "PROXY");
	if (header.source.sa.sa_family == AF_INET) {
		say_address("source", &header.source.in);
		say_address("destination", &header.destination.in);
	}
	say_tlvs(header.tlvs, header.tlvs_length);
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;
	int left = argc > 2 ? atoi(argv[2]) : 1;

	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("library %s\n", proxyproto_version());
	if (proxyproto_keep_headers() != 0)
		return 1;
	address.sin_port = htons((in_port_t)atoi(argv[1]));
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) != 0 ||
	    listen(listener, 16) != 0)
		return 1;
	puts("listening");
	while (left-- > 0) {
		socklen_t length = sizeof(address);
		int fd = accept(listener, (struct sockaddr *)&address, &length);

		if (fd < 0)
			return 1;
		say_address("accept", &address);
		say_name("getpeername", fd, getpeername);
		say_name("getsockname", fd, getsockname);
		say_name("proxy", fd, proxyproto_get_proxy);
		say_header(fd);
		dprintf(fd, "done\n");
		close(fd);
	}
	return 0;
}
