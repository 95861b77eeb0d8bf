/* SPDX-License-Identifier: ISC */
/* Digests of a few words under a key. */
#ifndef PP_CONNECTION_DIGEST_H
#define PP_CONNECTION_DIGEST_H

#include <stddef.h>
#include <stdint.h>

/*
 * The digest of count words under a key, SipHash-2-4 (Aumasson and Bernstein,
 * 2012): who does not know that can neither foretell a digest nor find two
 * texts of the same. Signal-safe.
 */
uint64_t pp_digest(const uint64_t key[2], const uint64_t *words, size_t count);

#endif
