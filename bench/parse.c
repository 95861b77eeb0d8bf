/* SPDX-License-Identifier: ISC */
/*
 * What it costs to read a header, and to write one, by <proxyproto.h>.
 *
 *	make bench/parse && bench/parse
 */
#include <config.h>

#include "bench/measure.h"
#include "proxyproto.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 15
#define CALLS 200000

/* Every allocation of the process; the C library's own does the work. */
extern void *__libc_malloc(size_t size);
static unsigned long allocations;

void *malloc(size_t size)
{
	allocations++;
	return __libc_malloc(size);
}

static struct subject {
	const char *name;
	struct proxyproto_header header;
	uint8_t bytes[512];
	size_t length;
	double ns_parse[ROUNDS], ns_format[ROUNDS];
} subjects[5];
#define SUBJECTS (sizeof(subjects) / sizeof(*subjects))

static void set_address(union proxyproto_address *address, const char *text)
{
	memset(address, 0, sizeof(*address));
	if (inet_pton(AF_INET, text, &address->in.sin_addr) == 1) {
		address->in.sin_family = AF_INET;
		address->in.sin_port = htons(51234);
	} else {
		address->in6.sin6_family = AF_INET6;
		address->in6.sin6_port = htons(51234);
		inet_pton(AF_INET6, text, &address->in6.sin6_addr);
	}
}

static struct subject *add(const char *name, unsigned version,
			   const char *source, const char *destination)
{
	static size_t count;
	struct subject *subject = &subjects[count++];
	struct proxyproto_header *header = &subject->header;

	subject->name = name;
	header->version = version;
	header->command = PROXYPROTO_PROXY;
	header->transport = PROXYPROTO_STREAM;
	set_address(&header->source, source);
	set_address(&header->destination, destination);
	subject->length = (size_t)proxyproto_format(header, subject->bytes,
						    sizeof(subject->bytes));
	return subject;
}

/* What a load balancer that ends TLS says. */
static void add_tlvs(struct subject *subject)
{
	static const char *const names[] = { "TLSv1.3", "client.example.org",
					     "TLS_AES_256_GCM_SHA384" };
	uint8_t *at = subject->bytes;
	const size_t size = sizeof(subject->bytes);

	proxyproto_add_tlv(at, size, PROXYPROTO_TLV_AUTHORITY, "example.org",
			   11);
	proxyproto_add_tlv(at, size, PROXYPROTO_TLV_UNIQUE_ID,
			   "7F000001:C822_7F000001:0050_1A2B:0000", 37);
	proxyproto_add_ssl(at, size, PROXYPROTO_SSL_TLS, 0);
	for (unsigned i = 0; i < 3; i++)
		subject->length = (size_t)proxyproto_add_ssl_tlv(
			at, size, PROXYPROTO_TLV_SSL_VERSION + i, names[i],
			strlen(names[i]));
}

static void make_subjects(void)
{
	struct subject *with_crc;

	add("v2 TCP4", 2, "192.0.2.1", "192.0.2.2");
	add("v2 TCP6", 2, "2001:db8::1", "2001:db8::2");
	add("v1 TCP4", 1, "192.0.2.1", "192.0.2.2");
	add_tlvs(add("v2 TCP4, 3 TLVs", 2, "192.0.2.1", "192.0.2.2"));
	with_crc = add("v2 TCP4, 4 TLVs, CRC32c", 2, "192.0.2.1", "192.0.2.2");
	add_tlvs(with_crc);
	with_crc->length = (size_t)proxyproto_add_crc32c(
		with_crc->bytes, sizeof(with_crc->bytes));
	/* to be written with their TLVs */
	for (size_t i = 0; i < SUBJECTS; i++)
		proxyproto_parse(subjects[i].bytes, subjects[i].length,
				 &subjects[i].header);
}

static double measure_parse(const struct subject *subject)
{
	struct proxyproto_header header;
	double start = now();

	for (int i = 0; i < CALLS; i++)
		if (proxyproto_parse(subject->bytes, subject->length,
				     &header) != PROXYPROTO_COMPLETE)
			abort();
	return (now() - start) / CALLS * 1e3;
}

static double measure_format(const struct subject *subject)
{
	uint8_t bytes[sizeof(subject->bytes)];
	double start = now();

	for (int i = 0; i < CALLS; i++)
		if (proxyproto_format(&subject->header, bytes,
				      sizeof(bytes)) < 0)
			abort();
	return (now() - start) / CALLS * 1e3;
}

int main(void)
{
	unsigned long before;

	make_subjects();
	before = allocations;
	for (int round = 0; round < ROUNDS; round++)
		for (size_t i = 0; i < SUBJECTS; i++) {
			subjects[i].ns_parse[round] =
				measure_parse(&subjects[i]);
			subjects[i].ns_format[round] =
				measure_format(&subjects[i]);
		}
	before = allocations - before;
	printf("%-24s %6s %8s %8s %8s %8s\n", "ns a header", "bytes", "read",
	       "min", "max", "written");
	for (size_t i = 0; i < SUBJECTS; i++) {
		double *ns = subjects[i].ns_parse;

		qsort(ns, ROUNDS, sizeof(*ns), compare);
		qsort(subjects[i].ns_format, ROUNDS, sizeof(*ns), compare);
		printf("%-24s %6zu %8.1f %8.1f %8.1f %8.1f\n",
		       subjects[i].name, subjects[i].length, ns[ROUNDS / 2],
		       ns[0], ns[ROUNDS - 1],
		       subjects[i].ns_format[ROUNDS / 2]);
	}
	printf("allocations: %lu\n", before);
	return 0;
}
