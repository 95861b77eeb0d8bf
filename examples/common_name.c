/* SPDX-License-Identifier: ISC */
/*
 * A server that logs whom its clients' TLS certificates name. A proxy in front
 * of it ends TLS and says in the PROXY protocol header what it saw, as HAProxy
 * does with
 *
 *	server app 127.0.0.1:8000 send-proxy-v2 proxy-v2-options ssl,cert-cn
 *
 * It is linked with libproxyproto, which takes the header off in accept(2):
 *
 *	cc -o common_name common_name.c \
 *		$(pkg-config --cflags --libs libproxyproto)
 *	LIBPROXYPROTO_TRUSTED=127.0.0.1 \
 *	LIBPROXYPROTO_MUST_USE_PROTOCOL_HEADER=1 ./common_name 127.0.0.1 8000
 *
 * A client without a certificate is told so; one with a certificate is greeted
 * by name.
 */
#include <errno.h>
#include <netdb.h>
#include <proxyproto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME_MAX_LENGTH 256

/* A listener on the address and port, numbers both; ends where it cannot. */
static int listen_on(const char *host, const char *port)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
					.ai_flags = AI_PASSIVE |
						    AI_NUMERICHOST };
	struct addrinfo *info;
	int error = getaddrinfo(host, port, &hints, &info);
	int one = 1, listener;

	if (error != 0) {
		fprintf(stderr, "%s %s: %s\n", host, port,
			gai_strerror(error));
		exit(2);
	}
	listener = socket(info->ai_family, SOCK_STREAM, 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, info->ai_addr, info->ai_addrlen) != 0 ||
	    listen(listener, 64) != 0) {
		perror("listen");
		exit(2);
	}
	freeaddrinfo(info);
	return listener;
}

/* The part of the header that is about TLS. False where there is none. */
static int find_ssl(const struct proxyproto_header *header,
		    struct proxyproto_ssl *ssl)
{
	struct proxyproto_tlv tlv;

	return proxyproto_find_tlv(header->tlvs, header->tlvs_length,
				   PROXYPROTO_TLV_SSL, &tlv) == 1 &&
	       proxyproto_read_ssl(&tlv, ssl) == PROXYPROTO_COMPLETE;
}

/*
 * Writes the common name of the client's certificate to name, or why there is
 * none. True where the proxy has verified it.
 */
static int get_common_name(int fd, char name[NAME_MAX_LENGTH])
{
	static unsigned char bytes[PROXYPROTO_V2_MAX];
	ssize_t length = proxyproto_get_header(fd, bytes, sizeof(bytes));
	struct proxyproto_header header;
	struct proxyproto_ssl ssl;
	struct proxyproto_tlv tlv;

	if (length < 0) {
		snprintf(name, NAME_MAX_LENGTH, "no header: %s",
			 strerror(errno));
		return 0;
	}
	proxyproto_parse(bytes, (size_t)length, &header);
	if (!find_ssl(&header, &ssl) || !(ssl.client & PROXYPROTO_SSL_TLS)) {
		snprintf(name, NAME_MAX_LENGTH, "no TLS");
		return 0;
	}
	if (proxyproto_find_tlv(ssl.tlvs, ssl.tlvs_length,
				PROXYPROTO_TLV_SSL_CN, &tlv) != 1) {
		snprintf(name, NAME_MAX_LENGTH, "no certificate");
		return 0;
	}
	/* what another program said goes to no terminal and log as it is */
	for (size_t i = 0; i < tlv.length; i++)
		if (((const char *)tlv.value)[i] < ' ') {
			snprintf(name, NAME_MAX_LENGTH, "a strange name");
			return 0;
		}
	snprintf(name, NAME_MAX_LENGTH, "%.*s", (int)tlv.length,
		 (const char *)tlv.value);
	/* a proxy may say 0 of a certificate that was not asked for, too */
	return ssl.verify == 0 &&
	       (ssl.client &
		(PROXYPROTO_SSL_CERT_CONN | PROXYPROTO_SSL_CERT_SESS)) != 0;
}

static void serve(int fd, const struct sockaddr *peer, socklen_t peer_length)
{
	char name[NAME_MAX_LENGTH], host[NI_MAXHOST], port[NI_MAXSERV];
	char answer[NAME_MAX_LENGTH + 16];
	int verified = get_common_name(fd, name);

	if (getnameinfo(peer, peer_length, host, sizeof(host), port,
			sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		strcpy(host, "?"), strcpy(port, "?");
	printf("%s %s: %s%s\n", host, port, verified ? "verified: " : "", name);
	fflush(stdout);
	snprintf(answer, sizeof(answer), "%s %s\n",
		 verified ? "Hello," : "Sorry,", name);
	/* it may have gone: that must not end the server */
	if (send(fd, answer, strlen(answer), MSG_NOSIGNAL) < 0)
		perror("send");
}

int main(int argc, char **argv)
{
	int listener;

	if (argc != 3) {
		fprintf(stderr, "usage: common_name ADDRESS PORT\n");
		return 2;
	}
	if (proxyproto_keep_headers() != 0) {
		perror("proxyproto_keep_headers");
		return 1;
	}
	listener = listen_on(argv[1], argv[2]);
	puts("listening");
	fflush(stdout);
	for (;;) {
		struct sockaddr_storage peer;
		socklen_t length = sizeof(peer);
		int fd = accept(listener, (struct sockaddr *)&peer, &length);

		if (fd < 0) {
			if (errno == EINTR || errno == ECONNABORTED)
				continue;
			perror("accept");
			return 1;
		}
		serve(fd, (struct sockaddr *)&peer, length);
		close(fd);
	}
}
