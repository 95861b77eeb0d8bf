/* SPDX-License-Identifier: ISC */
/*
 * The PROXY protocol for C and C++ programs: reading and writing its header,
 * and asking for the header of a connection.
 *
 * There are two libraries to link; proxyproto(3) says more:
 *
 *	pkg-config libproxyproto	accept(2) and the like are intercepted,
 *					as if the library were preloaded
 *	pkg-config libproxyproto-codec	nothing is intercepted; all functions
 *					but those said to be of libproxyproto
 *
 * What is said of every function but where it says otherwise: it allocates
 * nothing, keeps nothing of what it is given, makes no system call, leaves
 * errno alone, and is thread- and signal-safe. Sizes and lengths are bytes.
 *
 * Sections are those of the specification, doc/proxy-protocol.txt of HAProxy.
 */
#ifndef PROXYPROTO_H
#define PROXYPROTO_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of this header file: what is "since" a later one is not in it. */
#define PROXYPROTO_VERSION_MAJOR 0
#define PROXYPROTO_VERSION_MINOR 1
#define PROXYPROTO_VERSION_PATCH 0

/* The longest header of each version (sections 2.1 and 2.2). */
#define PROXYPROTO_V1_MAX 107
#define PROXYPROTO_V2_MAX 65551

/* How a call went. Later versions may add some, each less than 0. */
enum proxyproto_result {
	PROXYPROTO_COMPLETE = 0,	/* done */
	PROXYPROTO_MORE = -1,		/* a header so far: it goes on */
	PROXYPROTO_ABSENT = -2,		/* is not a header */
	PROXYPROTO_MALFORMED = -3,	/* begins as one and is not valid */
	PROXYPROTO_UNFIT = -4,		/* cannot be written that way */
	PROXYPROTO_SHORT = -5		/* the buffer is too small for it */
};

/*
 * A short text, in English and lower case, for a result or for any other
 * number. The text is constant and must not be freed. Since 0.1.0.
 */
const char *proxyproto_strerror(int result);

/* What the proxy says of the connection (section 2.2). */
enum proxyproto_command {
	PROXYPROTO_LOCAL = 0,	/* it is the proxy's own, a health check */
	PROXYPROTO_PROXY = 1	/* it is a client's */
};

/* How the client reached the proxy (section 2.2). */
enum proxyproto_transport {
	PROXYPROTO_UNSPEC = 0,
	PROXYPROTO_STREAM = 1,	/* TCP, or a Unix stream socket */
	PROXYPROTO_DGRAM = 2	/* UDP, or a Unix datagram socket */
};

/*
 * The address of one end. sa.sa_family is AF_INET, AF_INET6, AF_UNIX, or
 * AF_UNSPEC where there is none. Ports are in network order; un.sun_path need
 * not end in a zero byte.
 */
union proxyproto_address {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_un un;
};

/* A header, as proxyproto_parse reads it and proxyproto_format writes it. */
struct proxyproto_header {
	size_t length;		/* of all of it; with MORE, to wait for */
	unsigned version;	/* 1 or 2 */
	enum proxyproto_command command;
	enum proxyproto_transport transport;
	union proxyproto_address source;	/* the client */
	union proxyproto_address destination;	/* whom it connected to */
	const void *tlvs;	/* for proxyproto_next_tlv */
	size_t tlvs_length;	/* 0: there are none */
	const char *reason;	/* with MALFORMED, else NULL: a constant text */
};

/*
 * Judges the size bytes that a stream begins with, as soon as they allow it.
 * bytes may be NULL where size is 0. Returns
 *
 *	PROXYPROTO_COMPLETE	a valid header: *header tells of it, what comes
 *				behind its header->length bytes is data
 *	PROXYPROTO_MORE		it may become one: call again with all bytes so
 *				far once there are header->length of them
 *	PROXYPROTO_ABSENT	the stream has no header, all of it is data
 *	PROXYPROTO_MALFORMED	it has one that is not valid, see
 *				header->reason: the specification has the
 *				connection closed
 *
 * A header of version 2 is read whole, its TLVs walked, and a CRC32c checked.
 * header->tlvs points into bytes. Both addresses are of one family. They are
 * AF_UNSPEC, the transport is PROXYPROTO_UNSPEC, and there are no TLVs, where
 * the header tells of no client, so that the kernel's addresses count: LOCAL,
 * version 1 UNKNOWN, version 2 with an unspecified family or transport. What is
 * not said of *header above has no meaning. Since 0.1.0. Sections 2.1 and 2.2.
 */
int proxyproto_parse(const void *bytes, size_t size,
		     struct proxyproto_header *header);

/*
 * Writes a header, the reverse of proxyproto_parse: its version, command,
 * transport, addresses and TLVs; header->length and reason are not looked at.
 * Where of two internet addresses only one is AF_INET6, both become that, the
 * other one IPv4-mapped, or AF_INET where that is possible. Where both are
 * AF_UNSPEC it says so (version 1: UNKNOWN), and the transport does not count.
 * LOCAL has no addresses, those given do not count. A CRC32c among the TLVs is
 * computed anew. bytes may not overlap header->tlvs.
 *
 * Returns the length, at most size; what is behind it in bytes is not touched.
 * Or, bytes then being undefined,
 *
 *	PROXYPROTO_SHORT	size is too small
 *	PROXYPROTO_UNFIT	no such version or transport; or version 1 and
 *				it is LOCAL, has TLVs, or is not TCP; or it has
 *				TLVs and no addresses, or TLVs that are not
 *				valid or too long; or the addresses are of
 *				families that do not go together
 *
 * Since 0.1.0. Sections 2.1 and 2.2.
 */
ssize_t proxyproto_format(const struct proxyproto_header *header, void *bytes,
			  size_t size);

/* Types of TLVs (sections 2.2.1 to 2.2.8), and those of three clouds. */
#define PROXYPROTO_TLV_ALPN 0x01	/* as in TLS: "h2" */
#define PROXYPROTO_TLV_AUTHORITY 0x02	/* a host name, UTF-8: TLS's SNI */
#define PROXYPROTO_TLV_CRC32C 0x03	/* 4 bytes */
#define PROXYPROTO_TLV_NOOP 0x04	/* padding */
#define PROXYPROTO_TLV_UNIQUE_ID 0x05	/* opaque, at most 128 bytes */
#define PROXYPROTO_TLV_SSL 0x20		/* see proxyproto_read_ssl */
#define PROXYPROTO_TLV_NETNS 0x30	/* name of a network namespace, ASCII */
#define PROXYPROTO_TLV_GCP 0xe0		/* Google: Private Service Connect id */
#define PROXYPROTO_TLV_AWS 0xea		/* Amazon: VPC endpoint id */
#define PROXYPROTO_TLV_AZURE 0xee	/* Microsoft: Private Link id */

/* Types of TLVs within PROXYPROTO_TLV_SSL, text but where it says otherwise. */
#define PROXYPROTO_TLV_SSL_VERSION 0x21	/* "TLSv1.3" */
#define PROXYPROTO_TLV_SSL_CN 0x22	/* the client's certificate's name */
#define PROXYPROTO_TLV_SSL_CIPHER 0x23	/* "ECDHE-RSA-AES128-GCM-SHA256" */
/* how the proxy's own certificate is signed, and its key: */
#define PROXYPROTO_TLV_SSL_SIG_ALG 0x24	/* "RSA-SHA256" */
#define PROXYPROTO_TLV_SSL_KEY_ALG 0x25	/* "RSA2048" */
/* in later editions of the specification: */
#define PROXYPROTO_TLV_SSL_GROUP 0x26	/* of the key exchange: "X25519" */
#define PROXYPROTO_TLV_SSL_SIG_SCHEME 0x27	/* "rsa_pss_rsae_sha256" */
#define PROXYPROTO_TLV_SSL_CLIENT_CERT 0x28	/* the certificate, DER */

/*
 * The name of a type, as "unique-id" or "ssl-cn", or NULL where it has none.
 * The text is constant and must not be freed. Since 0.1.0.
 */
const char *proxyproto_tlv_name(unsigned type);

/* One type-length-value vector. */
struct proxyproto_tlv {
	unsigned type;		/* 0 to 255 */
	size_t length;		/* of the value, 0 to 65535 */
	const void *value;	/* not aligned, no zero byte behind it */
};

/*
 * Walks TLVs: reads the one at *offset of length bytes and moves *offset
 * behind it. Start with *offset at 0. Returns 1, or 0 at the end, or
 * PROXYPROTO_MALFORMED, for good, where the bytes end within a TLV (not in
 * what proxyproto_parse found to be valid, but within PROXYPROTO_TLV_SSL) or
 * *offset is beyond them. tlv->value points into tlvs; *tlv is as it was where
 * the return value is not 1. Since 0.1.0. Section 2.2.
 */
int proxyproto_next_tlv(const void *tlvs, size_t length, size_t *offset,
			struct proxyproto_tlv *tlv);

/*
 * Finds the first TLV of a type. Returns as proxyproto_next_tlv does, 0 where
 * there is none; *tlv is as it was then. Since 0.1.0. Section 2.2.
 */
int proxyproto_find_tlv(const void *tlvs, size_t length, unsigned type,
			struct proxyproto_tlv *tlv);

/* How the client used TLS: bits of client in struct proxyproto_ssl. */
#define PROXYPROTO_SSL_TLS 0x01		/* it did */
#define PROXYPROTO_SSL_CERT_CONN 0x02	/* it sent a certificate, here */
#define PROXYPROTO_SSL_CERT_SESS 0x04	/* or when the session began */

/* The value of PROXYPROTO_TLV_SSL (section 2.2.6). */
struct proxyproto_ssl {
	unsigned client;	/* PROXYPROTO_SSL_ bits */
	/* 0: the certificate, if bits of client say that there was one, is valid */
	uint32_t verify;
	const void *tlvs;	/* for proxyproto_next_tlv */
	size_t tlvs_length;	/* 0: there are none */
};

/*
 * Reads the value of a PROXYPROTO_TLV_SSL. Returns PROXYPROTO_COMPLETE,
 * PROXYPROTO_MALFORMED where it is too short, or PROXYPROTO_UNFIT where tlv is
 * of another type. ssl->tlvs points into the value. Since 0.1.0. Section 2.2.6.
 */
int proxyproto_read_ssl(const struct proxyproto_tlv *tlv,
			struct proxyproto_ssl *ssl);

/*
 * Appends a TLV to the version 2 header that the buffer of size bytes begins
 * with, and puts the header's new length into it. A CRC32c that the header has
 * is computed anew. value must not be part of the buffer and may be NULL where
 * length is 0. Returns the new length of the header, at most size, or, nothing
 * being changed,
 *
 *	PROXYPROTO_SHORT	size is too small
 *	PROXYPROTO_UNFIT	there is no such header, or it tells of no
 *				client; it would be longer than version 2 can
 *				say; type is more than 255; the value of a
 *				UNIQUE_ID is more than 128 bytes; CRC32C, which
 *				has a function of its own
 *
 * Since 0.1.0. Section 2.2.
 */
ssize_t proxyproto_add_tlv(void *bytes, size_t size, unsigned type,
			   const void *value, size_t length);

/*
 * Appends a PROXYPROTO_TLV_SSL without TLVs in it, as proxyproto_add_tlv does.
 * client are PROXYPROTO_SSL_ bits, up to 255. Since 0.1.0. Section 2.2.6.
 */
ssize_t proxyproto_add_ssl(void *bytes, size_t size, unsigned client,
			   uint32_t verify);

/*
 * Appends a TLV within the PROXYPROTO_TLV_SSL that the header ends with, as
 * proxyproto_add_tlv does; PROXYPROTO_UNFIT too where it ends with something
 * else. type may be any up to 255. Since 0.1.0. Section 2.2.6.
 */
ssize_t proxyproto_add_ssl_tlv(void *bytes, size_t size, unsigned type,
			       const void *value, size_t length);

/*
 * Appends a checksum over the whole header, as proxyproto_add_tlv does;
 * PROXYPROTO_UNFIT too where there is one. TLVs may be appended behind it.
 * Since 0.1.0. Section 2.2.3.
 */
ssize_t proxyproto_add_crc32c(void *bytes, size_t size);

/*
 * Says that this program asks for headers with TLVs: those of connections that
 * are accepted from then on are kept for proxyproto_get_header. To be called
 * before the first accept(2); once is enough. They take up to 8 MiB, then the
 * oldest make room for the newest: nobody tells when a connection has ended.
 * A program that does not call it pays nothing for them. Thread-safe. Of
 * libproxyproto alone.
 *
 * Returns 0, or -1 with errno set to ENOMEM, or ENOTSUP where the library was
 * built without getpeername. Since 0.1.0.
 */
int proxyproto_keep_headers(void);

/*
 * The header of the connection on the socket fd: as much of it as size allows
 * is copied to bytes (NULL where size is 0). Read it with proxyproto_parse. It
 * is the header as it came, byte for byte; but the IPv6 addresses of version 1
 * may be written otherwise. Makes system calls and, for a header with TLVs,
 * takes a lock, for a short time and with all signals blocked; thread- and
 * signal-safe all the same. Of libproxyproto alone.
 *
 * Returns the length of the whole header, be it more than size. Or -1 with
 * errno set, as getpeername(2) does (the peer may be gone: ENOTCONN), or to
 *
 *	ENODATA		no header is known: there was none, it was not taken
 *			off by the library, its proxy is not in TRUSTED of this
 *			process, or the socket takes no note
 *	ENOBUFS		there was one, and it is not known whole: it has TLVs
 *			and was not kept, as proxyproto_keep_headers was not
 *			called, newer ones needed the room, another process
 *			took it off, or this is a child, forked just when a
 *			thread kept one; or it is of IPv6 and was taken off by
 *			another program, which alone knows the destination
 *
 * Since 0.1.0.
 */
ssize_t proxyproto_get_header(int fd, void *bytes, size_t size);

/*
 * The proxy's own address, the peer as the kernel names it: getpeername(2), as
 * it is without the library. On a connection without a header it is the
 * client's. Of libproxyproto alone. Since 0.1.0.
 */
int proxyproto_get_proxy(int fd, struct sockaddr *address, socklen_t *length);

/*
 * The version of libproxyproto that is loaded, as "0.1.0". The text is
 * constant and must not be freed. Never fails. Of libproxyproto alone, so
 * dlsym(RTLD_DEFAULT, "proxyproto_version") tells whether that one is at work
 * in a process. Since 0.1.0.
 */
const char *proxyproto_version(void);

#ifdef __cplusplus
}
#endif

#endif
