/* SPDX-License-Identifier: ISC */
/* Headers for tests, built from the specification; see support.h. */
#include <config.h>

#include "support.h"

#include <string.h>

void add_bytes(struct bytes *bytes, const void *from, size_t size)
{
	HOLDS(size <= sizeof(bytes->at) - bytes->size, "no room for %zu bytes",
	      size);
	memcpy(bytes->at + bytes->size, from, size);
	bytes->size += size;
}

void add_text(struct bytes *bytes, const char *text)
{
	add_bytes(bytes, text, strlen(text));
}

void add_fill(struct bytes *bytes, int value, size_t size)
{
	HOLDS(size <= sizeof(bytes->at) - bytes->size, "no room for %zu bytes",
	      size);
	memset(bytes->at + bytes->size, value, size);
	bytes->size += size;
}

void begin_v2(struct bytes *bytes, unsigned command, unsigned protocol)
{
	const uint8_t fixed[] = { 0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a,
				  0x51, 0x55, 0x49, 0x54, 0x0a,
				  (uint8_t)command, (uint8_t)protocol, 0, 0 };

	bytes->size = 0;
	add_bytes(bytes, fixed, sizeof(fixed));
}

void add_tlv(struct bytes *bytes, unsigned type, const void *value,
	     size_t length)
{
	const uint8_t head[] = { (uint8_t)type, (uint8_t)(length >> 8),
				 (uint8_t)length };

	add_bytes(bytes, head, sizeof(head));
	add_bytes(bytes, value, length);
}

void set_length(struct bytes *bytes, size_t length)
{
	bytes->at[14] = (uint8_t)(length >> 8);
	bytes->at[15] = (uint8_t)length;
}

void end_v2(struct bytes *bytes)
{
	set_length(bytes, bytes->size - 16);
}

void add_inet(struct bytes *bytes)
{
	static const uint8_t block[] = { 192, 0, 2, 1, 192, 0, 2, 2,
					 0x04, 0x57, 0x08, 0xae };

	add_bytes(bytes, block, sizeof(block));
}

void inet_v2(struct bytes *bytes)
{
	begin_v2(bytes, 0x21, 0x11);
	add_inet(bytes);
	end_v2(bytes);
}

void long_v2(struct bytes *bytes, size_t length)
{
	const size_t value = length - 16 - 12 - 3;

	begin_v2(bytes, 0x21, 0x11);
	add_inet(bytes);
	add_bytes(bytes, (uint8_t[]){ 4, (uint8_t)(value >> 8),
				      (uint8_t)value }, 3);
	add_fill(bytes, 'x', value);
	end_v2(bytes);
	ck_assert_uint_eq(bytes->size, length);
}

void add_inet6(struct bytes *bytes)
{
	static const uint8_t block[] = {
		0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
		0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2,
		0x04, 0x57, 0x08, 0xae,
	};

	add_bytes(bytes, block, sizeof(block));
}

uint32_t slow_crc32c(const uint8_t *bytes, size_t size)
{
	uint32_t crc = 0xffffffff;

	for (size_t i = 0; i < size; i++) {
		crc ^= bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return crc ^ 0xffffffff;
}

/* Writes into the last four bytes what they should be, being zero now. */
static void set_crc(struct bytes *bytes, uint32_t wrong)
{
	uint32_t crc = slow_crc32c(bytes->at, bytes->size) ^ wrong;

	for (size_t i = 1; i <= 4; i++, crc >>= 8)
		bytes->at[bytes->size - i] = (uint8_t)crc;
}

void end_v2_with_crc(struct bytes *bytes, uint32_t wrong)
{
	add_tlv(bytes, 0x03, "\0\0\0", 4);
	end_v2(bytes);
	set_crc(bytes, wrong);
}

static const char *const valid_lines[] = {
	"PROXY TCP4 192.0.2.1 192.0.2.2 1111 2222\r\n",
	"PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n",
	"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n",
	"PROXY TCP6 2001:db8::1 2001:DB8::2 1111 2222\r\n",
	"PROXY TCP6 :: ::1 0 65535\r\n",
	"PROXY TCP6 ::ffff:192.0.2.1 ::FFFF:c000:202 1 2\r\n",
	"PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
	" ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
	"PROXY TCP6 0:0:0:0:0:ffff:255.255.255.255 1:: 1 2\r\n",
	"PROXY TCP6 2001:db8::1 192.0.2.2 1111 2222\r\n",
	"PROXY TCP4 192.0.2.1 ::ffff:192.0.2.2 1111 2222\r\n",
	"PROXY TCP4 192.0.2.1 2001:db8::2 1111 2222\r\n",
	"PROXY UNKNOWN\r\n",
	"PROXY UNKNOWN \r\n",
	"PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
	" ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
	"PROXY UNKNOWN what\tever  \x01\xff PROXY TCP4\r\n",
};

/* Blocks: of the family's addresses, filled up to length with one vector. */
static const struct block {
	unsigned command, protocol;
	size_t addresses, length;
} valid_blocks[] = {
	{ 0x21, 0x11, 12, 12 },	  { 0x21, 0x11, 12, 15 },
	{ 0x21, 0x11, 12, 519 },  { 0x21, 0x11, 12, 520 },
	{ 0x21, 0x11, 12, 521 },  { 0x21, 0x11, 12, 900 },
	{ 0x21, 0x11, 12, 1009 }, { 0x21, 0x11, 12, 4000 },
	{ 0x21, 0x12, 12, 20 },	  { 0x21, 0x21, 36, 36 },
	{ 0x21, 0x21, 36, 39 },	  { 0x21, 0x21, 36, 400 },
	{ 0x21, 0x22, 36, 36 },	  { 0x21, 0x31, 216, 216 },
	{ 0x21, 0x31, 216, 219 }, { 0x21, 0x32, 216, 216 },
	{ 0x21, 0x00, 0, 0 },	  { 0x21, 0x00, 0, 50 },
	{ 0x21, 0x01, 0, 1 },	  { 0x21, 0x02, 0, 2 },
	{ 0x21, 0x10, 0, 3 },	  { 0x21, 0x20, 0, 0 },
	{ 0x20, 0x00, 0, 0 },	  { 0x20, 0x11, 0, 0 },
	{ 0x20, 0x11, 0, 7 },	  { 0x20, 0x21, 0, 12 },
	{ 0x20, 0xff, 0, 300 },	  { 0x20, 0x00, 0, 1100 },
};

static void build_block(const struct block *block, struct bytes *bytes)
{
	size_t vector = block->length - block->addresses;

	begin_v2(bytes, block->command, block->protocol);
	add_fill(bytes, 0x5a, block->length);
	if (block->addresses > 0 && vector > 0) {
		bytes->size -= vector;
		add_bytes(bytes, "\x04", 1);
		add_bytes(bytes, (uint8_t[]){ (uint8_t)((vector - 3) >> 8),
					      (uint8_t)(vector - 3) }, 2);
		bytes->size = 16 + block->length;
	}
	end_v2(bytes);
}

bool valid_header(size_t n, struct bytes *bytes)
{
	bytes->size = 0;
	if (n < COUNT(valid_lines)) {
		add_text(bytes, valid_lines[n]);
		return true;
	}
	n -= COUNT(valid_lines);
	if (n < COUNT(valid_blocks)) {
		build_block(&valid_blocks[n], bytes);
		return true;
	}
	if (n > COUNT(valid_blocks))
		return false;
	begin_v2(bytes, 0x21, 0x11);
	add_inet(bytes);
	add_tlv(bytes, 0xea, "vpce-1", 6);
	end_v2_with_crc(bytes, 0);
	return true;
}
