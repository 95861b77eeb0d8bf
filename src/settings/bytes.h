/* SPDX-License-Identifier: ISC */
/* Bytes that a setting gives as text: vectors (TLVs), a header verbatim. */
#ifndef PP_SETTINGS_BYTES_H
#define PP_SETTINGS_BYTES_H

#include "protocol/header.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The setting that stands for no bytes at all. */
#define PP_BYTES_NONE "none"

/* What the vectors of one header can have beside addresses and a CRC32c. */
#define PP_VECTORS_MAX (65535 - 36 - 7)

/* Bytes in memory of their own; NULL for none. */
struct pp_bytes {
	uint8_t *at;
	size_t length;
};

/*
 * Reads a list of vectors, name=value each, and writes them as they stand in a
 * header. Text is the value of alpn, authority, netns and unique-id; bytes in
 * hexadecimal that of ssl and of a number (0xEA); noop has so many zero bytes.
 * NULL, or where in the text the first bad word begins; then *bytes is as it
 * was. An empty list is bad, and so is more than PP_VECTORS_MAX.
 */
const char *pp_vectors_parse(const char *text, struct pp_bytes *bytes);

/*
 * Reads text with the escapes \r, \n, \\ and \xHH, up to PP_V2_MAX bytes of
 * it. NULL, or where it is bad; then *bytes is as it was. No text is bad.
 */
const char *pp_verbatim_parse(const char *text, struct pp_bytes *bytes);

/* Gives the memory back. */
void pp_bytes_free(struct pp_bytes *bytes);

#endif
