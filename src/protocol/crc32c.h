/* SPDX-License-Identifier: ISC */
/* CRC32c (Castagnoli), as RFC 4960 appendix B and section 2.2.3 use it. */
#ifndef PP_PROTOCOL_CRC32C_H
#define PP_PROTOCOL_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/*
 * Continues a checksum over size bytes. Start with PP_CRC32C_START and give
 * the result of the last piece to pp_crc32c_end.
 */
#define PP_CRC32C_START UINT32_C(0xffffffff)
uint32_t pp_crc32c_add(uint32_t crc, const void *bytes, size_t size);
uint32_t pp_crc32c_end(uint32_t crc);

#endif
