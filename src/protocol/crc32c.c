/* SPDX-License-Identifier: ISC */
/* CRC32c, four bits a step: a table of 16 words costs a process nothing. */
#include <config.h>

#include "protocol/crc32c.h"

/* The reflected polynomial 0x82f63b78 applied to each four-bit value. */
static const uint32_t step[16] = {
	0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
	0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
	0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
};

uint32_t pp_crc32c_add(uint32_t crc, const void *bytes, size_t size)
{
	const uint8_t *byte = bytes;

	for (size_t i = 0; i < size; i++) {
		crc ^= byte[i];
		crc = crc >> 4 ^ step[crc & 15];
		crc = crc >> 4 ^ step[crc & 15];
	}
	return crc;
}

uint32_t pp_crc32c_end(uint32_t crc)
{
	return crc ^ UINT32_C(0xffffffff);
}
